//! Pods of a host inside the test, for what only a watch of their statuses shows.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use peapod::app::{App, LogSettings, Settings};
use peapod::engine::Config;
use peapod::images::Overrides;
use peapod::manifest::{Loaded, load};
use peapod::model::{PodStatus, PodUid, Seconds, Time};
use peapod::network::NetworkSettings;
use peapod::sandbox::HostSettings;
use tokio::runtime::Runtime;

use crate::harness::Place;

/// How long a status may be waited for; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

/// A host and its pods; the first one is watched.
pub(crate) struct Live {
    runtime: Runtime,
    app: App,
    seen: u64,
    statuses: Vec<Arc<PodStatus>>,
    _place: Place,
}

const WATCHED: &str = "uid-0";

impl Live {
    pub(crate) fn new(manifests: &[&str]) -> Self {
        Self::with(Config::default(), manifests)
    }

    pub(crate) fn with(engine: Config, manifests: &[&str]) -> Self {
        let place = Place::new();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let entered = runtime.enter();
        let app = App::start(Settings {
            data_dir: place.data_dir(),
            engine,
            overrides: Overrides::default(),
            registries: peapod::images::RegistrySettings::default(),
            network: NetworkSettings::default(),
            hosts: HostSettings::default(),
            toolbox: "busybox".into(),
            logs: LogSettings::default(),
            containers: manifests.len(),
            allocatable: peapod::machine::allocatable(&place.data_dir()),
            node_labels: Default::default(),
        })
        .expect("a host");
        drop(entered);
        let live = Self {
            runtime,
            app,
            seen: 0,
            statuses: Vec::new(),
            _place: place,
        };
        let mut number = 0;
        let mut ids = || {
            number += 1;
            PodUid::new(format!("uid-{}", number - 1))
        };
        for manifest in manifests {
            let loaded = load("pod.yaml", manifest.as_bytes(), &mut ids, live.now());
            for one in loaded.unwrap_or_else(|faults| panic!("{faults:#?}")) {
                let Loaded::Pod(pod) = one else {
                    panic!("not a pod");
                };
                live.app
                    .add(*pod, Arc::from(Path::new("/")))
                    .expect("added");
            }
        }
        live
    }

    pub(crate) fn now(&self) -> Time {
        self.app.clock.now()
    }

    /// Every status so far, in order.
    pub(crate) fn statuses(&self) -> &[Arc<PodStatus>] {
        &self.statuses
    }

    /// Waits for a status that comes after those it has waited for.
    pub(crate) fn until(&mut self, what: &str, so: impl Fn(&PodStatus) -> bool) -> Arc<PodStatus> {
        let found = self.follow(PATIENCE, so);
        found.unwrap_or_else(|| panic!("waited in vain: {what}: {:#?}", self.statuses.last()))
    }

    /// Follows the statuses for that long.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.follow(time, |_| false);
    }

    /// Waits until the watched pod is no longer there.
    pub(crate) fn until_gone(&mut self) {
        for _ in 0..PATIENCE.as_secs() * 10 {
            self.pass(Duration::from_millis(100));
            if self.app.store.pod(&WATCHED.into()).is_none() {
                return;
            }
        }
        panic!("it is still there: {:#?}", self.statuses.last());
    }

    pub(crate) fn delete(&self, grace_seconds: Option<u64>) {
        let grace = grace_seconds.map(Seconds);
        let deleted = self.app.store.delete(&WATCHED.into(), self.now(), grace);
        deleted.map(drop).expect("it is there");
    }

    fn follow(
        &mut self,
        time: Duration,
        so: impl Fn(&PodStatus) -> bool,
    ) -> Option<Arc<PodStatus>> {
        let Self {
            runtime,
            app,
            seen,
            statuses,
            ..
        } = self;
        let follow = async {
            let mut versions = app.store.versions();
            loop {
                for change in app.store.since(*seen).expect("not too far behind") {
                    *seen = change.object.version();
                    let pod = change.object.as_pod();
                    let pod = pod.filter(|pod| pod.pod.meta.uid == WATCHED.into());
                    if let Some(status) = pod.and_then(|pod| pod.status.clone()) {
                        statuses.push(Arc::clone(&status));
                        if so(&status) {
                            return status;
                        }
                    }
                }
                tokio::select! {
                    changed = versions.changed() => changed.expect("the store is there"),
                    // Their output has to go somewhere, or they would be slowed down.
                    _lines = app.logs.next() => {}
                    _event = app.happened.recv() => {}
                }
            }
        };
        runtime
            .block_on(async { tokio::time::timeout(time, follow).await })
            .ok()
    }
}
