//! Keeps the files in pods' volumes as new as what they are made of (rule G8): follows the store's log, knows which pods use which object,
//! and has only those filled again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::PodNotice;
use crate::engine::{Notice, NoticeKind};
use crate::model::{FileSource, Pod, PodMeta, PodUid, VolumeSource};
use crate::ports::{Clock, Volumes};
use crate::store::{ApiStore, Change, ChangeKind, Kind, Object, Version};

/// What could not be filled is tried again then, changed or not: the disk may have been full.
const RETRY: Duration = Duration::from_secs(5);

/// An object by kind, namespace and name.
type Key = (Kind, String, String);

/// Follows the store.
pub(super) struct Refresher {
    store: Arc<ApiStore>,
    volumes: Arc<dyn Volumes>,
    clock: Arc<dyn Clock>,
    tell: Arc<dyn Fn(PodNotice) + Send + Sync>,
    /// Told of each pod whose objects have changed: its volumes may have waited for just that.
    waiting: mpsc::UnboundedSender<PodUid>,
    seen: Version,
    pods: HashMap<PodUid, User>,
    users: HashMap<Key, BTreeSet<PodUid>>,
    /// Whose files may be old.
    stale: BTreeSet<PodUid>,
}

/// A pod whose volumes are made of something that may change.
struct User {
    objects: BTreeSet<Key>,
    /// Its own labels and annotations, if a file is made of them.
    own: Option<Labels>,
    /// What was said last of files that could not be made, so that it is said once.
    told: Option<String>,
}

type Labels = (BTreeMap<String, String>, BTreeMap<String, String>);

impl Refresher {
    pub(super) fn new(
        store: Arc<ApiStore>,
        volumes: Arc<dyn Volumes>,
        clock: Arc<dyn Clock>,
        tell: Arc<dyn Fn(PodNotice) + Send + Sync>,
        waiting: mpsc::UnboundedSender<PodUid>,
    ) -> Self {
        Self {
            store,
            volumes,
            clock,
            tell,
            waiting,
            seen: 0,
            pods: HashMap::new(),
            users: HashMap::new(),
            stale: BTreeSet::new(),
        }
    }

    /// Runs until the task is dropped.
    pub(super) async fn run(mut self) {
        let mut versions = self.store.versions();
        loop {
            versions.borrow_and_update();
            self.catch_up();
            self.refresh().await;
            let retry = async {
                if self.stale.is_empty() {
                    std::future::pending::<()>().await;
                }
                self.clock.sleep_until(self.clock.now() + RETRY).await;
            };
            tokio::select! {
                changed = versions.changed() => if changed.is_err() { break },
                () = retry => {}
            }
        }
    }

    fn catch_up(&mut self) {
        match self.store.since(self.seen) {
            Ok(changes) => {
                for change in changes {
                    self.seen = change.object.version();
                    self.changed(&change);
                }
            }
            // Too far behind for the log: anything may have changed.
            Err(_) => {
                let (version, objects) = self.store.list();
                self.seen = version;
                self.pods.clear();
                self.users.clear();
                for pod in objects.iter().filter_map(Object::as_pod) {
                    self.enter(&pod.pod);
                }
                self.stale = self.pods.keys().cloned().collect();
                for pod in &self.stale {
                    let _ignored = self.waiting.send(pod.clone());
                }
            }
        }
    }

    fn changed(&mut self, change: &Change) {
        let object = &change.object;
        match (object, change.kind) {
            (Object::Pod(pod), ChangeKind::Deleted) => self.forget(&pod.pod.meta.uid),
            (Object::Pod(pod), ChangeKind::Added) => self.enter(&pod.pod),
            (Object::Pod(pod), ChangeKind::Modified) => {
                let meta = &pod.pod.meta;
                let own = self
                    .pods
                    .get_mut(&meta.uid)
                    .and_then(|user| user.own.as_mut());
                if let Some(own) = own.filter(|own| !same(own, meta)) {
                    *own = (meta.labels.clone(), meta.annotations.clone());
                    self.stale.insert(meta.uid.clone());
                }
            }
            (_, _) => {
                let key = (
                    object.kind(),
                    object.namespace().to_owned(),
                    object.name().to_owned(),
                );
                for pod in self.users.get(&key).into_iter().flatten() {
                    self.stale.insert(pod.clone());
                    let _ignored = self.waiting.send(pod.clone());
                }
            }
        }
    }

    fn enter(&mut self, pod: &Pod) {
        let namespace = pod.meta.namespace.as_str();
        let key = |kind, name: &str| (kind, namespace.to_owned(), name.to_owned());
        let mut user = User {
            objects: BTreeSet::new(),
            own: None,
            told: None,
        };
        for source in sources(pod) {
            match source {
                FileSource::ConfigMap(keys) => {
                    user.objects.insert(key(Kind::ConfigMap, &keys.name));
                }
                FileSource::Secret(keys) => {
                    user.objects.insert(key(Kind::Secret, &keys.name));
                }
                FileSource::DownwardApi(_) => {
                    let meta = &pod.meta;
                    user.own = Some((meta.labels.clone(), meta.annotations.clone()));
                }
            }
        }
        if user.objects.is_empty() && user.own.is_none() {
            return;
        }
        for object in &user.objects {
            let users = self.users.entry(object.clone()).or_default();
            users.insert(pod.meta.uid.clone());
        }
        self.pods.insert(pod.meta.uid.clone(), user);
    }

    fn forget(&mut self, pod: &PodUid) {
        self.stale.remove(pod);
        for object in self
            .pods
            .remove(pod)
            .into_iter()
            .flat_map(|user| user.objects)
        {
            if let Some(users) = self.users.get_mut(&object) {
                users.remove(pod);
                if users.is_empty() {
                    self.users.remove(&object);
                }
            }
        }
    }

    /// One pod after another: a thousand that use one ConfigMap must not fill the machine's threads.
    async fn refresh(&mut self) {
        for pod in std::mem::take(&mut self.stale) {
            let said = match self.volumes.refresh(pod.clone()).await {
                Ok(()) => None,
                Err(error) => {
                    self.stale.insert(pod.clone());
                    Some(error.to_string())
                }
            };
            let Some(user) = self.pods.get_mut(&pod) else {
                continue;
            };
            let news = said.clone().filter(|_| user.told != said);
            user.told = said;
            if let (Some(message), Some(stored)) = (news, self.store.pod(&pod)) {
                (self.tell)(PodNotice {
                    pod: stored.pod,
                    at: self.clock.now(),
                    notice: Notice {
                        container: None,
                        kind: NoticeKind::Warning,
                        reason: "FailedMount",
                        message,
                    },
                });
            }
        }
    }
}

fn sources(pod: &Pod) -> impl Iterator<Item = &FileSource> {
    let volumes = pod.spec.volumes.iter();
    volumes.flat_map(|volume| match &volume.source {
        VolumeSource::Files(files) => files.sources.as_slice(),
        VolumeSource::EmptyDir { .. }
        | VolumeSource::HostPath { .. }
        | VolumeSource::Image { .. } => &[],
    })
}

fn same(own: &Labels, meta: &PodMeta) -> bool {
    own.0 == meta.labels && own.1 == meta.annotations
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::Refresher;
    use crate::model::{FileSource, Files, Keys, Pod, PodUid, Time, Volume, VolumeSource, testing};
    use crate::ports::{BoxFuture, Clock, MountError, PodVolumes, Volumes};
    use crate::store::ApiStore;

    /// Volumes that nobody has, and a clock that stands still.
    struct Nothing;

    impl Volumes for Nothing {
        fn mount(
            &self,
            _: Pod,
            _: Arc<Path>,
        ) -> BoxFuture<'_, Result<Arc<dyn PodVolumes>, MountError>> {
            Box::pin(std::future::pending())
        }
        fn refresh(&self, _: PodUid) -> BoxFuture<'_, Result<(), MountError>> {
            Box::pin(std::future::ready(Ok(())))
        }
        fn exceeded(&self) -> BoxFuture<'_, Vec<(PodUid, String)>> {
            Box::pin(std::future::ready(Vec::new()))
        }
        fn unmount(&self, _: Pod) -> BoxFuture<'_, Result<(), MountError>> {
            Box::pin(std::future::ready(Ok(())))
        }
    }

    impl Clock for Nothing {
        fn now(&self) -> Time {
            Time::EPOCH
        }
        fn sleep_until(&self, _: Time) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn g7_whoever_waits_for_an_object_is_told_when_it_appears() {
        let mut pod = testing::pod();
        let web = Keys {
            name: "web".into(),
            items: None,
            optional: false,
        };
        Arc::make_mut(&mut pod.spec).volumes = vec![Volume {
            name: "v".into(),
            source: VolumeSource::Files(Files {
                sources: vec![FileSource::ConfigMap(web)],
                default_mode: 0o644,
                in_memory: false,
            }),
        }];
        let store = Arc::new(ApiStore::default());
        let uid = pod.meta.uid.clone();
        let base = Path::new("/").into();
        store
            .create_pod(pod, Default::default(), base)
            .expect("added");
        let (sender, mut told) = mpsc::unbounded_channel();
        let refresher = Refresher::new(
            Arc::clone(&store),
            Arc::new(Nothing),
            Arc::new(Nothing),
            Arc::new(|_| {}),
            sender,
        );
        let running = tokio::spawn(refresher.run());
        let map = testing::config_map("other", &[]);
        store
            .create_config_map(map, Default::default())
            .expect("added");
        let map = testing::config_map("web", &[]);
        store
            .create_config_map(map, Default::default())
            .expect("added");
        assert_eq!(told.recv().await, Some(uid));
        running.abort();
        let _aborted = running.await;
        assert_eq!(told.recv().await, None, "once, and not for others");
    }
}
