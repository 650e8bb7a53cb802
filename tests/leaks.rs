//! Nothing is left of pods that ended: sockets, ports, addresses, queues, files and host memory are back where they were. A program of its
//! own, so that no other test's memory is measured.

#![expect(clippy::expect_used, reason = "a test ends by panics")]

use std::path::Path;
use std::sync::Arc;

use peapod::app::{App, LogSettings, Settings};
use peapod::engine::Config;
use peapod::images::Overrides;
use peapod::machine;
use peapod::manifest::{Loaded, load};
use peapod::model::{Allocatable, Seconds, Time};
use peapod::network::{NetworkSettings, NetworkStats};
use peapod::sandbox::HostSettings;

/// Pods at a time.
const BATCH: usize = 100;

fn pod(name: &str) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let guest = project
        .expect("host/ stands in the project")
        .join("guests/dist/leave-open.wasm");
    assert!(
        guest.exists(),
        "{} is missing: run `just guests` first",
        guest.display()
    );
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  restartPolicy: Never\n  containers:\n  - {{name: c, image: {}}}\n",
        guest.display()
    )
}

/// Runs a batch of pods until all of them have ended and are gone.
async fn batch(app: &mut App, number: usize) {
    let mut versions = app.store.versions();
    for at in 0..BATCH {
        let name = format!("p{number}-{at}");
        let text = pod(&name);
        let loaded = load(
            "pods.yaml",
            text.as_bytes(),
            &mut || name.as_str().into(),
            Time::from_unix_secs(0),
        );
        let loaded = loaded.unwrap_or_else(|faults| panic!("{} faults", faults.len()));
        for object in loaded {
            let Loaded::Pod(pod) = object else {
                panic!("not a pod");
            };
            app.add(*pod, Arc::from(Path::new("/"))).expect("added");
        }
    }
    loop {
        let pods = app.store.pods();
        if pods.is_empty() {
            return;
        }
        for stored in pods {
            let ended = stored
                .status
                .as_ref()
                .filter(|status| status.phase.is_terminal());
            if let (Some(status), None) = (ended, &stored.deletion) {
                assert_eq!(format!("{:?}", status.phase), "Succeeded");
                let now = app.clock.now();
                let _deleted = app
                    .store
                    .delete(&stored.pod.meta.uid, now, Some(Seconds(0)));
            }
        }
        tokio::select! {
            changed = versions.changed() => changed.expect("the store is there"),
            // Their output has to go somewhere, or they would be slowed down.
            _lines = app.logs.next() => {}
            _event = app.happened.recv() => {}
        }
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

/// The least of what is seen for a second: log files are closed a moment after their pod is gone.
async fn settled(count: impl Fn() -> usize) -> usize {
    let mut least = count();
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        least = least.min(count());
    }
    least
}

/// `LEAK_PODS=10000` tries as many.
#[test]
fn pods_that_ended_leave_nothing_behind() {
    let pods = std::env::var("LEAK_PODS")
        .ok()
        .and_then(|text| text.parse().ok());
    let batches = pods.unwrap_or(4000_usize).div_ceil(BATCH).max(4);
    let place = tempfile::tempdir().expect("a folder");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let mut app = App::start(Settings {
            data_dir: place.path().to_owned(),
            engine: Config::default(),
            overrides: Overrides::default(),
            registries: peapod::images::RegistrySettings::default(),
            network: NetworkSettings::default(),
            hosts: HostSettings::default(),
            toolbox: "none".into(),
            logs: LogSettings::default(),
            containers: BATCH,
            node_labels: Default::default(),
            allocatable: Allocatable {
                pods: u32::MAX,
                ..machine::allocatable(place.path())
            },
        })
        .expect("a host");
        // What a host needs once (compiled code, pools, the last 10,000 changes and as many events) is there after the first batches.
        let warm = batches * 3 / 4;
        for number in 0..warm {
            batch(&mut app, number).await;
        }
        let (before, files) = (resident_kib(), settled(open_files).await);
        for number in warm..batches {
            batch(&mut app, number).await;
        }
        let after = resident_kib();
        assert_eq!(settled(open_files).await, files, "open files");
        assert_eq!(
            app.network.stats(),
            NetworkStats::default(),
            "addresses, sockets, ports, connections, bytes"
        );
        let ran = (batches - warm) * BATCH;
        println!("{before} KiB, after {ran} more pods {after} KiB");
        let per_pod = (after.saturating_sub(before)) * 1024 / ran as u64;
        assert!(per_pod < 8192, "{per_pod} bytes stay of each pod");
    });
}
