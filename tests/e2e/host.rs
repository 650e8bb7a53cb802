//! A host in the test's own process, so that objects can change while its pods run. What containers write to `/out` the test reads.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use peapod::app::{App, LogSettings, Settings};
use peapod::engine::Config;
use peapod::images::Overrides;
use peapod::machine;
use peapod::manifest::{Addresses, Loaded, load};
use peapod::model::{Phase, PodStatus, Seconds};
use peapod::network::NetworkSettings;
use peapod::sandbox::HostSettings;
use peapod::store::{Kind, Object};

use crate::harness::{Place, guest};

/// It ends with the test.
pub(crate) struct Host {
    app: App,
    runtime: tokio::runtime::Runtime,
    place: Place,
}

impl Host {
    pub(crate) fn start() -> Self {
        let place = Place::new();
        std::fs::create_dir(place.path().join("out")).expect("made");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let app = runtime.block_on(async {
            App::start(Settings {
                data_dir: place.data_dir(),
                engine: Config::default(),
                overrides: Overrides::default(),
                registries: peapod::images::RegistrySettings::default(),
                network: NetworkSettings::default(),
                hosts: HostSettings::default(),
                toolbox: "busybox".into(),
                logs: LogSettings::default(),
                containers: 1,
                allocatable: machine::allocatable(place.path()),
                node_labels: Default::default(),
            })
        });
        Self {
            app: app.expect("a host"),
            runtime,
            place,
        }
    }

    /// Adds the objects of these documents; ConfigMaps and Secrets that are there already are changed, Services replaced.
    pub(crate) fn apply(&self, manifest: &str) {
        let _entered = self.runtime.enter();
        let mut ids = || uuid::Uuid::new_v4().to_string().as_str().into();
        let loaded = load(
            "test.yaml",
            manifest.as_bytes(),
            &mut ids,
            self.app.clock.now(),
        );
        let loaded = loaded.unwrap_or_else(|faults| {
            let faults: Vec<_> = faults.iter().map(ToString::to_string).collect();
            panic!("{faults:#?}\n{manifest}")
        });
        let mut drafts = Vec::new();
        for object in loaded {
            match object {
                Loaded::Pod(pod) => {
                    let base = Arc::from(self.place.path());
                    self.app.add(*pod, base).expect("added");
                }
                Loaded::ConfigMap(map) => {
                    let added = self.app.add_config_map((*map).clone());
                    added
                        .or_else(|_| self.app.update_config_map(*map))
                        .expect("changed");
                }
                Loaded::Secret(secret) => {
                    let added = self.app.add_secret((*secret).clone());
                    added
                        .or_else(|_| self.app.update_secret(*secret))
                        .expect("changed");
                }
                Loaded::Service(draft) => drafts.push(*draft),
            }
        }
        let mut addresses =
            Addresses::new(NetworkSettings::default().service_cidr).expect("a range");
        let services = addresses.assign(drafts, self.app.clock.now());
        for service in services.unwrap_or_else(|faults| panic!("{faults:#?}")) {
            let name = service.service.meta.name.clone();
            if self
                .app
                .store
                .named(Kind::Service, "default", &name)
                .is_some()
            {
                self.remove(Kind::Service, &name);
            }
            self.app.add_service(service).expect("added");
        }
    }

    /// Removes a ConfigMap, a Secret or a Service.
    pub(crate) fn remove(&self, kind: Kind, name: &str) {
        let found = self.app.store.named(kind, "default", name).expect("there");
        let removed = self.app.store.remove_object(kind, &found.uid());
        removed.expect("removed");
    }

    /// Replaces a pod's labels and annotations.
    pub(crate) fn describe(&self, pod: &str, labels: &[(&str, &str)], notes: &[(&str, &str)]) {
        let owned = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs.map(|(k, v)| ((*k).into(), (*v).into())).collect()
        };
        let uid = self.stored(pod).pod.meta.uid;
        let updated = self
            .app
            .store
            .update_pod_labels(&uid, owned(labels), owned(notes));
        updated.expect("updated");
    }

    /// Where the host's files and the manifests' relative paths begin.
    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    fn stored(&self, pod: &str) -> peapod::store::StoredPod {
        match self.app.store.named(Kind::Pod, "default", pod) {
            Some(Object::Pod(stored)) => stored,
            _ => panic!("no pod {pod}"),
        }
    }

    pub(crate) fn status(&self, pod: &str) -> Option<Arc<PodStatus>> {
        self.stored(pod).status
    }

    /// Waits for the pod to end and gives its status.
    pub(crate) fn ended(&self, pod: &str) -> Arc<PodStatus> {
        until(&format!("the end of {pod}"), || {
            let status = self.status(pod);
            status.is_some_and(|status| status.phase.is_terminal())
        });
        self.status(pod).expect("just seen")
    }

    /// Waits until the pod has succeeded, and gives what it wrote.
    pub(crate) fn succeeded(&self, pod: &str) -> String {
        let status = self.ended(pod);
        let out = self.out(pod);
        assert_eq!(status.phase, Phase::Succeeded, "{status:#?}\n{out}");
        out
    }

    /// Deletes the pod and waits until it is gone.
    pub(crate) fn delete(&self, pod: &str) {
        let _entered = self.runtime.enter();
        let uid = self.stored(pod).pod.meta.uid;
        let asked = self
            .app
            .store
            .delete(&uid, self.app.clock.now(), Some(Seconds(1)));
        asked.expect("asked");
        until("the pod is gone", || self.app.store.pod(&uid).is_none());
    }

    /// What is in `/out/NAME` by now.
    pub(crate) fn out(&self, name: &str) -> String {
        std::fs::read_to_string(self.place.path().join("out").join(name)).unwrap_or_default()
    }

    /// Waits until `/out/NAME` is this.
    pub(crate) fn wait_for(&self, name: &str, wanted: &str) {
        let mut found = String::new();
        for _ in 0..6000 {
            found = self.out(name);
            if found == wanted {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("{name} never was {wanted:?}, but {found:?}");
    }

    /// Whether a warning of that reason was told, with these words in it.
    pub(crate) fn told(&mut self, reason: &str, words: &str) -> bool {
        while let Ok(told) = self.app.happened.try_recv() {
            if told.reason == reason && told.message.contains(words) {
                return true;
            }
        }
        false
    }

    /// Where a volume of the pod is on this machine, on disk or in memory.
    pub(crate) fn volume(&self, pod: &str, volume: &str) -> PathBuf {
        let uid = self.stored(pod).pod.meta.uid;
        let inside = Path::new("pods")
            .join(uid.as_str())
            .join("volumes")
            .join(volume);
        let mut roots = vec![self.place.data_dir().join("run")];
        let shm = std::fs::read_dir("/dev/shm")
            .into_iter()
            .flatten()
            .flatten();
        roots.extend(shm.map(|entry| entry.path()));
        let runs = roots
            .iter()
            .flat_map(|root| std::fs::read_dir(root).into_iter().flatten().flatten());
        let found = runs
            .map(|run| run.path().join(&inside))
            .find(|path| path.exists());
        found.unwrap_or_else(|| panic!("no volume {volume} of {pod}"))
    }

    /// Permissions of a file in a volume, which no guest can see.
    pub(crate) fn mode(&self, pod: &str, volume: &str, path: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        let file = self.volume(pod, volume).join(path);
        let found = file.metadata().expect("there");
        found.permissions().mode() & 0o777
    }
}

/// A pod that runs this in a shell; `/out` is the test's, and all that is printed goes to `/out/NAME`.
pub(crate) fn pod(name: &str, volumes: &str, mounts: &str, script: &str) -> String {
    pod_with(name, volumes, mounts, script, "")
}

/// The same with more fields of the container.
pub(crate) fn pod_with(
    name: &str,
    volumes: &str,
    mounts: &str,
    script: &str,
    more: &str,
) -> String {
    let image = guest("busybox").display().to_string();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {name}}}, annotations: {{note: first}}}}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  \
         volumes: [{{name: out, hostPath: {{path: ./out}}}}{volumes}]\n  containers:\n  - name: c\n    image: {image}\n    \
         volumeMounts: [{{name: out, mountPath: /out}}{mounts}]\n    command: [sh, -c, '( {script} ) > /out/{name}']\n{more}"
    )
}

/// A script that shows again and again what this command prints, under that name.
pub(crate) fn showing(name: &str, command: &str) -> String {
    format!(
        "while true; do ( {command} ) > /out/{name}.new 2>/dev/null; mv /out/{name}.new /out/{name}; sleep 0.1; done"
    )
}

/// Waits until something is so, for as long as a busy machine may take to compile a shell first.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("waited in vain: {what}");
}
