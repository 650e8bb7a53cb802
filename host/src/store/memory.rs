//! The store in memory.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Pod as PodObject;
use tokio::sync::watch;

use crate::model::{Pod, PodStatus, PodUid, Seconds, Time};

/// Changes that are kept for watchers who come late. Whoever is further behind has to list again.
const LOG_MAX: usize = 10_000;

/// The version of the store as a whole: every change gets the next one.
pub type Version = u64;

/// A pod in the store.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The pod as the host works with it.
    pub pod: Pod,
    /// The pod as its user sees it: defaulted, without status.
    pub object: Arc<PodObject>,
    /// The folder its relative paths start from.
    pub base_dir: Arc<Path>,
    /// Its status, once its worker has published one.
    pub status: Option<Arc<PodStatus>>,
    /// Its deletion was asked for: by when, and with how much grace (rule F1).
    pub deletion: Option<(Time, Option<Seconds>)>,
    /// The version of its last change.
    pub version: Version,
}

/// One entry of the watch log.
#[derive(Clone, Debug)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The object after it; for a deletion, as it was last.
    pub object: Stored,
}

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It changed.
    Modified,
    /// It is gone.
    Deleted,
}

/// A write that does not fit what is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Rule K61.
    #[error("pods \"{0}\" already exists")]
    AlreadyExists(String),
    /// Rule K61.
    #[error("pods \"{0}\" not found")]
    NotFound(String),
    /// The watcher is too far behind.
    #[error("version {0} is too old")]
    Expired(Version),
}

/// The one store of a host.
pub struct ApiStore {
    inner: Mutex<Inner>,
    version: watch::Sender<Version>,
}

#[derive(Default)]
struct Inner {
    version: Version,
    objects: HashMap<PodUid, Stored>,
    /// UIDs by namespace and name.
    names: HashMap<(String, String), PodUid>,
    log: VecDeque<Change>,
}

impl Default for ApiStore {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            version: watch::Sender::new(0),
        }
    }
}

impl ApiStore {
    /// Adds a pod.
    pub fn create(
        &self,
        pod: Pod,
        object: PodObject,
        base_dir: Arc<Path>,
    ) -> Result<Version, Conflict> {
        let mut inner = self.lock();
        let name = (
            pod.meta.namespace.as_str().to_owned(),
            pod.meta.name.as_str().to_owned(),
        );
        if inner.names.contains_key(&name) {
            return Err(Conflict::AlreadyExists(name.1));
        }
        let uid = pod.meta.uid.clone();
        inner.names.insert(name, uid.clone());
        let stored = Stored {
            pod,
            object: Arc::new(object),
            base_dir,
            status: None,
            deletion: None,
            version: 0,
        };
        inner.objects.insert(uid.clone(), stored);
        self.changed(inner, ChangeKind::Added, &uid)
    }

    /// Replaces a pod's status; only its worker's word comes here.
    pub fn publish(&self, uid: &PodUid, status: PodStatus) -> Result<Version, Conflict> {
        let mut inner = self.lock();
        Self::object(&mut inner, uid)?.status = Some(Arc::new(status));
        self.changed(inner, ChangeKind::Modified, uid)
    }

    /// Asks for a pod's deletion. A later request counts only if it shortens the grace (rule F2).
    pub fn delete(
        &self,
        uid: &PodUid,
        now: Time,
        grace: Option<Seconds>,
    ) -> Result<Version, Conflict> {
        let mut inner = self.lock();
        let object = Self::object(&mut inner, uid)?;
        let asked = grace.unwrap_or(object.pod.spec.grace);
        let unchanged = object
            .deletion
            .is_some_and(|(_, before)| before.unwrap_or(object.pod.spec.grace) <= asked);
        if unchanged {
            return Ok(object.version);
        }
        object.deletion = Some((now + asked, grace));
        self.changed(inner, ChangeKind::Modified, uid)
    }

    /// Removes a pod.
    pub fn remove(&self, uid: &PodUid) -> Result<Version, Conflict> {
        let inner = self.lock();
        if !inner.objects.contains_key(uid) {
            return Err(Conflict::NotFound(uid.to_string()));
        }
        self.changed(inner, ChangeKind::Deleted, uid)
    }

    /// The pod with that UID.
    pub fn get(&self, uid: &PodUid) -> Option<Stored> {
        self.lock().objects.get(uid).cloned()
    }

    /// Every pod.
    pub fn list(&self) -> Vec<Stored> {
        self.lock().objects.values().cloned().collect()
    }

    /// What changed after that version; `Expired` when the log no longer reaches back so far.
    pub fn since(&self, version: Version) -> Result<Vec<Change>, Conflict> {
        let inner = self.lock();
        let oldest = inner
            .log
            .front()
            .map_or(inner.version + 1, |c| c.object.version);
        if version + 1 < oldest {
            return Err(Conflict::Expired(version));
        }
        let new = inner
            .log
            .iter()
            .filter(|change| change.object.version > version);
        Ok(new.cloned().collect())
    }

    /// Follows the version of the store.
    pub fn versions(&self) -> watch::Receiver<Version> {
        self.version.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn object<'a>(inner: &'a mut Inner, uid: &PodUid) -> Result<&'a mut Stored, Conflict> {
        let found = inner.objects.get_mut(uid);
        found.ok_or_else(|| Conflict::NotFound(uid.to_string()))
    }

    fn changed(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        kind: ChangeKind,
        uid: &PodUid,
    ) -> Result<Version, Conflict> {
        inner.version += 1;
        let version = inner.version;
        let object = Self::object(&mut inner, uid)?;
        object.version = version;
        let object = object.clone();
        if kind == ChangeKind::Deleted {
            inner.objects.remove(uid);
            let meta = &object.pod.meta;
            let name = (meta.namespace.to_string(), meta.name.to_string());
            inner.names.remove(&name);
        }
        inner.log.push_back(Change { kind, object });
        if inner.log.len() > LOG_MAX {
            inner.log.pop_front();
        }
        drop(inner);
        self.version.send_replace(version);
        Ok(version)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::{ApiStore, ChangeKind, Conflict};
    use crate::model::{Seconds, Time, testing};

    fn store() -> ApiStore {
        let store = ApiStore::default();
        let dir: Arc<Path> = Path::new("/").into();
        store
            .create(testing::pod(), Default::default(), dir)
            .expect("created");
        store
    }

    #[test]
    fn k61_a_name_is_taken_until_its_pod_is_removed() {
        let store = store();
        let dir: Arc<Path> = Path::new("/").into();
        let mut twin = testing::pod();
        twin.meta.uid = "other".into();
        let again = store.create(twin.clone(), Default::default(), Arc::clone(&dir));
        assert_eq!(again, Err(Conflict::AlreadyExists("pod".into())));
        store.remove(&testing::pod().meta.uid).expect("removed");
        store
            .create(twin, Default::default(), dir)
            .expect("the name is free");
    }

    #[test]
    fn f2_a_repeated_delete_may_only_shorten_the_grace() {
        let store = store();
        let uid = testing::pod().meta.uid;
        let first = store
            .delete(&uid, Time::EPOCH, Some(Seconds(10)))
            .expect("asked");
        for longer in [Some(Seconds(10)), Some(Seconds(11)), None] {
            assert_eq!(store.delete(&uid, Time::EPOCH, longer), Ok(first));
        }
        let shorter = store
            .delete(&uid, Time::EPOCH, Some(Seconds(1)))
            .expect("asked");
        assert!(shorter > first);
    }

    #[test]
    fn a_watcher_sees_every_change_in_order_or_is_told_that_it_cannot() {
        let store = store();
        let uid = testing::pod().meta.uid;
        store.delete(&uid, Time::EPOCH, None).expect("asked");
        store.remove(&uid).expect("removed");
        let kinds: Vec<_> = store
            .since(0)
            .expect("kept")
            .iter()
            .map(|c| c.kind)
            .collect();
        use ChangeKind::{Added, Deleted, Modified};
        assert_eq!(kinds, [Added, Modified, Deleted]);
        assert!(store.since(3).expect("kept").is_empty());
    }
}
