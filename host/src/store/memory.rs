//! The store in memory.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Pod as PodObject;
use serde_json::Value;
use tokio::sync::watch;

use super::object::{Kind, Object, Stored, StoredPod};
use crate::model::{ConfigMap, Pod, PodStatus, PodUid, Seconds, Secret, Service, Time, Uid};

/// Changes that are kept for watchers who come late. Whoever is further behind has to list again.
const LOG_MAX: usize = 10_000;

/// The version of the store as a whole: every change gets the next one.
pub type Version = u64;

/// One entry of the watch log.
#[derive(Clone, Debug)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The object after it; for a deletion, as it was last.
    pub object: Object,
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
    #[error("{0} \"{1}\" already exists")]
    AlreadyExists(Kind, String),
    /// Rule K61; by name or, where nobody knows the name any more, by UID.
    #[error("{0} \"{1}\" not found")]
    NotFound(Kind, String),
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
    objects: HashMap<Uid, Object>,
    /// UIDs by kind, namespace and name.
    names: HashMap<(Kind, String, String), Uid>,
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
    pub fn create_pod(
        &self,
        pod: Pod,
        object: PodObject,
        base_dir: Arc<Path>,
    ) -> Result<Version, Conflict> {
        self.create(Object::Pod(StoredPod {
            pod,
            object: Arc::new(object),
            base_dir,
            status: None,
            deletion: None,
            version: 0,
        }))
    }

    /// Adds a Service; `document` is what its user sees.
    pub fn create_service(&self, service: Service, document: Value) -> Result<Version, Conflict> {
        self.create(Object::Service(Stored::new(service, document)))
    }

    /// Adds a ConfigMap; `document` is what its user sees.
    pub fn create_config_map(&self, map: ConfigMap, document: Value) -> Result<Version, Conflict> {
        self.create(Object::ConfigMap(Stored::new(map, document)))
    }

    /// Adds a Secret; `document` is what its user sees.
    pub fn create_secret(&self, secret: Secret, document: Value) -> Result<Version, Conflict> {
        self.create(Object::Secret(Stored::new(secret, document)))
    }

    fn create(&self, object: Object) -> Result<Version, Conflict> {
        let mut inner = self.lock();
        let name = name(&object);
        if inner.names.contains_key(&name) {
            return Err(Conflict::AlreadyExists(name.0, name.2));
        }
        let uid = object.uid();
        inner.names.insert(name, uid.clone());
        let kind = object.kind();
        inner.objects.insert(uid.clone(), object);
        self.changed(inner, ChangeKind::Added, kind, &uid)
    }

    /// Replaces the ConfigMap of that namespace and name; which it is and since when stays.
    pub fn update_config_map(
        &self,
        mut map: ConfigMap,
        document: Value,
    ) -> Result<Version, Conflict> {
        let name = (
            Kind::ConfigMap,
            map.meta.namespace.as_str().to_owned(),
            map.meta.name.clone(),
        );
        self.update(name, |old| {
            (map.meta.uid, map.meta.created) = (old.uid(), old.created());
            Object::ConfigMap(Stored::new(map, document))
        })
    }

    /// Replaces the Secret of that namespace and name; which it is and since when stays.
    pub fn update_secret(&self, mut secret: Secret, document: Value) -> Result<Version, Conflict> {
        let name = (
            Kind::Secret,
            secret.meta.namespace.as_str().to_owned(),
            secret.meta.name.clone(),
        );
        self.update(name, |old| {
            (secret.meta.uid, secret.meta.created) = (old.uid(), old.created());
            Object::Secret(Stored::new(secret, document))
        })
    }

    fn update(
        &self,
        name: (Kind, String, String),
        new: impl FnOnce(&Object) -> Object,
    ) -> Result<Version, Conflict> {
        let mut inner = self.lock();
        let uid = inner.names.get(&name).cloned();
        let found = uid.and_then(|uid| Some((inner.objects.get_mut(&uid)?, uid)));
        let Some((old, uid)) = found else {
            return Err(Conflict::NotFound(name.0, name.2));
        };
        *old = new(old);
        self.changed(inner, ChangeKind::Modified, name.0, &uid)
    }

    /// Replaces a pod's labels and annotations.
    pub fn update_pod_labels(
        &self,
        uid: &PodUid,
        labels: BTreeMap<String, String>,
        annotations: BTreeMap<String, String>,
    ) -> Result<Version, Conflict> {
        let mut inner = self.lock();
        let stored = Self::pod_in(&mut inner, uid)?;
        // As they were written: an object without any has no field for them.
        let shown = |map: &BTreeMap<String, String>| (!map.is_empty()).then(|| map.clone());
        let metadata = &mut Arc::make_mut(&mut stored.object).metadata;
        metadata.labels = shown(&labels);
        metadata.annotations = shown(&annotations);
        stored.pod.meta.labels = labels;
        stored.pod.meta.annotations = annotations;
        self.changed(inner, ChangeKind::Modified, Kind::Pod, &uid.clone().into())
    }

    /// Replaces a pod's status; only its worker's word comes here.
    pub fn publish(&self, uid: &PodUid, status: PodStatus) -> Result<Version, Conflict> {
        let mut inner = self.lock();
        Self::pod_in(&mut inner, uid)?.status = Some(Arc::new(status));
        self.changed(inner, ChangeKind::Modified, Kind::Pod, &uid.clone().into())
    }

    /// Asks for a pod's deletion. A later request counts only if it shortens the grace (rule F2).
    pub fn delete(
        &self,
        uid: &PodUid,
        now: Time,
        grace: Option<Seconds>,
    ) -> Result<Version, Conflict> {
        let mut inner = self.lock();
        let object = Self::pod_in(&mut inner, uid)?;
        let asked = grace.unwrap_or(object.pod.spec.grace);
        let unchanged = object
            .deletion
            .is_some_and(|(_, before)| before.unwrap_or(object.pod.spec.grace) <= asked);
        if unchanged {
            return Ok(object.version);
        }
        let over = |status: &Arc<PodStatus>| status.phase.is_terminal();
        if object.deletion.is_none() && !object.status.as_ref().is_some_and(over) {
            // Rule B18: who waits until the newest generation was observed waits for the deletion, too.
            let generation = object.pod.meta.generation + 1;
            object.pod.meta.generation = generation;
            Arc::make_mut(&mut object.object).metadata.generation = Some(generation);
        }
        object.deletion = Some((now + asked, grace));
        self.changed(inner, ChangeKind::Modified, Kind::Pod, &uid.clone().into())
    }

    /// Removes a pod.
    pub fn remove(&self, uid: &PodUid) -> Result<Version, Conflict> {
        self.remove_object(Kind::Pod, &uid.clone().into())
    }

    /// Removes an object at once. A pod that may still run has to be asked for its end first: [`ApiStore::delete`].
    pub fn remove_object(&self, kind: Kind, uid: &Uid) -> Result<Version, Conflict> {
        let inner = self.lock();
        if inner.objects.get(uid).map(Object::kind) != Some(kind) {
            return Err(Conflict::NotFound(kind, uid.to_string()));
        }
        self.changed(inner, ChangeKind::Deleted, kind, uid)
    }

    /// The pod with that UID.
    pub fn pod(&self, uid: &PodUid) -> Option<StoredPod> {
        match self.lock().objects.get(&uid.clone().into()) {
            Some(Object::Pod(pod)) => Some(pod.clone()),
            _ => None,
        }
    }

    /// The ConfigMap of that name.
    pub fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        match self.named(Kind::ConfigMap, namespace, name)? {
            Object::ConfigMap(map) => Some(map.value),
            Object::Pod(_) | Object::Service(_) | Object::Secret(_) => None,
        }
    }

    /// The Secret of that name.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
        match self.named(Kind::Secret, namespace, name)? {
            Object::Secret(secret) => Some(secret.value),
            Object::Pod(_) | Object::Service(_) | Object::ConfigMap(_) => None,
        }
    }

    /// The object of that kind and name.
    pub fn named(&self, kind: Kind, namespace: &str, name: &str) -> Option<Object> {
        let inner = self.lock();
        let uid = inner
            .names
            .get(&(kind, namespace.to_owned(), name.to_owned()))?;
        inner.objects.get(uid).cloned()
    }

    /// Every pod.
    pub fn pods(&self) -> Vec<StoredPod> {
        let inner = self.lock();
        let pods = inner.objects.values().filter_map(Object::as_pod);
        pods.cloned().collect()
    }

    /// Every Service.
    pub fn services(&self) -> Vec<Arc<Service>> {
        let inner = self.lock();
        let services = inner.objects.values().filter_map(|object| match object {
            Object::Service(service) => Some(Arc::clone(&service.value)),
            Object::Pod(_) | Object::ConfigMap(_) | Object::Secret(_) => None,
        });
        services.collect()
    }

    /// Every object, and the version of the store that shows them so.
    pub fn list(&self) -> (Version, Vec<Object>) {
        let inner = self.lock();
        (inner.version, inner.objects.values().cloned().collect())
    }

    /// What changed after that version; `Expired` when the log no longer reaches back so far.
    pub fn since(&self, version: Version) -> Result<Vec<Change>, Conflict> {
        let inner = self.lock();
        let new = inner.version.saturating_sub(version);
        // Every change has one entry and the next version, so the new ones are the log's end: searched from its beginning, ten
        // thousand entries would be read for each change.
        let known = usize::try_from(new).map_or(None, |new| inner.log.len().checked_sub(new));
        let known = known.ok_or(Conflict::Expired(version))?;
        Ok(inner.log.range(known..).cloned().collect())
    }

    /// Follows the version of the store.
    pub fn versions(&self) -> watch::Receiver<Version> {
        self.version.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pod_in<'a>(inner: &'a mut Inner, uid: &PodUid) -> Result<&'a mut StoredPod, Conflict> {
        match inner.objects.get_mut(&uid.clone().into()) {
            Some(Object::Pod(pod)) => Ok(pod),
            _ => Err(Conflict::NotFound(Kind::Pod, uid.to_string())),
        }
    }

    fn changed(
        &self,
        mut inner: MutexGuard<'_, Inner>,
        change: ChangeKind,
        kind: Kind,
        uid: &Uid,
    ) -> Result<Version, Conflict> {
        let version = inner.version + 1;
        let Some(object) = inner.objects.get_mut(uid) else {
            return Err(Conflict::NotFound(kind, uid.to_string()));
        };
        object.set_version(version);
        let object = object.clone();
        inner.version = version;
        if change == ChangeKind::Deleted {
            inner.objects.remove(uid);
            inner.names.remove(&name(&object));
        }
        inner.log.push_back(Change {
            kind: change,
            object,
        });
        if inner.log.len() > LOG_MAX {
            inner.log.pop_front();
        }
        drop(inner);
        self.version.send_replace(version);
        Ok(version)
    }
}

fn name(object: &Object) -> (Kind, String, String) {
    (
        object.kind(),
        object.namespace().to_owned(),
        object.name().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::{ApiStore, ChangeKind, Conflict, Kind};
    use crate::model::{Seconds, Time, testing};

    fn store() -> ApiStore {
        let store = ApiStore::default();
        let dir: Arc<Path> = Path::new("/").into();
        store
            .create_pod(testing::pod(), Default::default(), dir)
            .expect("created");
        store
    }

    #[test]
    fn k61_a_name_is_taken_until_its_pod_is_removed() {
        let store = store();
        let dir: Arc<Path> = Path::new("/").into();
        let mut twin = testing::pod();
        twin.meta.uid = "other".into();
        let again = store.create_pod(twin.clone(), Default::default(), Arc::clone(&dir));
        assert_eq!(again, Err(Conflict::AlreadyExists(Kind::Pod, "pod".into())));
        store.remove(&testing::pod().meta.uid).expect("removed");
        store
            .create_pod(twin, Default::default(), dir)
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
    fn b18_the_first_deletion_of_a_pod_that_is_not_over_is_a_new_generation() {
        for (phase, after) in [
            (crate::model::Phase::Running, 2),
            (crate::model::Phase::Failed, 1),
        ] {
            let store = store();
            let uid = testing::pod().meta.uid;
            let mut status = testing::status();
            status.phase = phase;
            store.publish(&uid, status).expect("published");
            for grace in [30, 10] {
                let grace = Some(Seconds(grace));
                store.delete(&uid, Time::EPOCH, grace).expect("asked");
                let found = store.pod(&uid).expect("there");
                assert_eq!(found.pod.meta.generation, after, "{phase:?}");
                let shown = found.object.metadata.generation.unwrap_or(1);
                assert_eq!(shown, after, "{phase:?}");
            }
        }
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

    #[test]
    fn k61_a_name_is_unique_within_its_kind_and_namespace() {
        let store = store();
        let map = testing::config_map("pod", &[("a", "b")]);
        store
            .create_config_map(map.clone(), Default::default())
            .expect("another kind");
        let again = store.create_config_map(map.clone(), Default::default());
        assert_eq!(
            again.expect_err("taken").to_string(),
            "configmaps \"pod\" already exists"
        );
        let found = store.config_map("default", "pod").expect("there");
        assert_eq!(found.data["a"], b"b");
        assert!(store.config_map("other", "pod").is_none(), "G14");
        let wrong = store.remove_object(Kind::Service, &map.meta.uid);
        assert!(matches!(wrong, Err(Conflict::NotFound(Kind::Service, _))));
        store
            .remove_object(Kind::ConfigMap, &map.meta.uid)
            .expect("removed");
        assert!(store.config_map("default", "pod").is_none());
    }

    #[test]
    fn g14_a_secret_is_found_by_namespace_and_name_and_never_printed() {
        let store = store();
        let secret = testing::secret("s", &[("token", "hunter2")]);
        let document = serde_json::json!({"data": {"token": "hunter2"}});
        store.create_secret(secret, document).expect("created");
        let found = store.secret("default", "s").expect("there");
        assert_eq!(found.data["token"], b"hunter2");
        assert!(store.secret("other", "s").is_none());
        assert!(store.config_map("default", "s").is_none());
        let printed = format!("{:?} {:?}", store.list(), store.since(0));
        assert!(printed.contains("token") && !printed.contains("hunter2"));
        let bytes = format!("{:?}", b"hunter2".to_vec());
        assert!(!printed.contains(bytes.trim_matches(['[', ']'])));
    }

    // conformance: [sig-node] ConfigMap should update ConfigMap successfully (configmap.go)
    #[test]
    fn an_update_keeps_the_object_it_changes_and_is_seen_by_watchers() {
        let store = store();
        let mut map = testing::config_map("c", &[("a", "1")]);
        let missing = store.update_config_map(map.clone(), Default::default());
        assert_eq!(
            missing.expect_err("not there yet").to_string(),
            "configmaps \"c\" not found"
        );
        let first = store
            .create_config_map(map.clone(), Default::default())
            .expect("created");
        map.meta.uid = "another".into();
        map.data.insert("a".into(), b"2".to_vec());
        let second = store
            .update_config_map(map, serde_json::json!({"n": 2}))
            .expect("updated");
        assert!(second > first);
        let found = store.config_map("default", "c").expect("there");
        assert_eq!(found.data["a"], b"2");
        assert_eq!(found.meta.uid, "uid-c".into(), "it is the same object");
        let secret = testing::secret("s", &[("a", "1")]);
        store
            .create_secret(secret, Default::default())
            .expect("created");
        let secret = testing::secret("s", &[("a", "2")]);
        store
            .update_secret(secret, Default::default())
            .expect("updated");
        assert_eq!(store.secret("default", "s").expect("there").data["a"], b"2");
        let uid = testing::pod().meta.uid;
        let labels = [("app".to_owned(), "web".to_owned())].into();
        store
            .update_pod_labels(&uid, labels, Default::default())
            .expect("updated");
        let pod = store.pod(&uid).expect("there");
        assert_eq!(pod.pod.meta.labels["app"], "web");
        let shown = pod.object.metadata.labels.clone().expect("shown");
        assert_eq!(shown["app"], "web");
        let kinds: Vec<_> = store
            .since(first)
            .expect("kept")
            .iter()
            .map(|change| (change.kind, change.object.kind()))
            .collect();
        use ChangeKind::{Added, Modified};
        assert_eq!(
            kinds,
            [
                (Modified, Kind::ConfigMap),
                (Added, Kind::Secret),
                (Modified, Kind::Secret),
                (Modified, Kind::Pod)
            ]
        );
    }

    #[test]
    fn one_log_and_one_counter_for_every_kind() {
        let store = store();
        let map = testing::config_map("c", &[]);
        store
            .create_config_map(map, Default::default())
            .expect("created");
        store
            .publish(&"nobody".into(), testing::status())
            .expect_err("no such pod");
        let service = testing::service("s");
        let version = store
            .create_service(service, serde_json::json!({"kind": "Service"}))
            .expect("created");
        assert_eq!(version, 3, "what failed has no version");
        let log: Vec<_> = store.since(0).expect("kept");
        let seen: Vec<_> = log
            .iter()
            .map(|change| (change.object.kind(), change.object.version()))
            .collect();
        assert_eq!(
            seen,
            [(Kind::Pod, 1), (Kind::ConfigMap, 2), (Kind::Service, 3)]
        );
        assert_eq!(store.list().0, 3);
        assert_eq!(store.list().1.len(), 3);
        assert_eq!(store.pods().len(), 1);
        assert_eq!(store.services()[0].meta.name, "s");
    }
}
