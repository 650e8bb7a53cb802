//! Keeps a table of Services in step with the store.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::endpoints::{Backend, endpoints};
use crate::model::{Service, Uid};
use crate::network;
use crate::store::{ApiStore, Change, ChangeKind, Object, Version};

/// Calls `publish` with the whole table whenever it is another one. Runs until the task is dropped.
///
/// Changes that come while the table is made are taken together: a thousand pods that start at once are a few tables, not a thousand.
pub async fn keep_endpoints(
    store: Arc<ApiStore>,
    mut publish: impl FnMut(Vec<network::Service>) + Send,
) {
    let mut known = Known::default();
    let mut versions = store.versions();
    loop {
        versions.mark_unchanged();
        if known.catch_up(&store) {
            let table = endpoints(
                known.services.values().map(Arc::as_ref),
                known.backends.values(),
            );
            if table != known.last {
                publish(table.clone());
                known.last = table;
            }
        }
        if versions.changed().await.is_err() {
            return;
        }
        // Whoever made this change may have more to say.
        tokio::task::yield_now().await;
    }
}

#[derive(Default)]
struct Known {
    seen: Version,
    services: HashMap<Uid, Arc<Service>>,
    backends: BTreeMap<Uid, Backend>,
    last: Vec<network::Service>,
}

impl Known {
    /// Takes in what changed; whether any of it matters to Services. Most of what pods report does not.
    fn catch_up(&mut self, store: &ApiStore) -> bool {
        match store.since(self.seen) {
            Ok(changes) => {
                let mut matters = false;
                for Change { kind, object } in changes {
                    self.seen = object.version();
                    matters |= self.take_in(&object, kind == ChangeKind::Deleted);
                }
                matters
            }
            // Too far behind for the log: the objects themselves say all that matters.
            Err(_) => {
                let (version, objects) = store.list();
                self.seen = version;
                self.services.clear();
                self.backends.clear();
                for object in objects {
                    self.take_in(&object, false);
                }
                true
            }
        }
    }

    fn take_in(&mut self, object: &Object, gone: bool) -> bool {
        let uid = object.uid();
        match object {
            Object::ConfigMap(_) | Object::Secret(_) => false,
            Object::Service(_) if gone => {
                self.services.remove(&uid);
                true
            }
            Object::Service(service) => {
                self.services.insert(uid, Arc::clone(&service.value));
                true
            }
            Object::Pod(pod) => {
                let backend = Backend::of(pod).filter(|_| !gone);
                if self.backends.get(&uid) == backend.as_ref() {
                    return false;
                }
                match backend {
                    Some(backend) => self.backends.insert(uid, backend),
                    None => self.backends.remove(&uid),
                };
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use tokio::sync::mpsc;

    use super::keep_endpoints;
    use crate::model::{
        Condition, ConditionStatus, ConditionType, Phase, PodStatus, Time, testing,
    };
    use crate::network;
    use crate::store::{ApiStore, Kind};

    fn status(ip: &str, ready: bool) -> PodStatus {
        let mut status = testing::status();
        status.phase = Phase::Running;
        status.pod_ip = Some(ip.into());
        status.conditions = vec![Condition {
            kind: ConditionType::Ready,
            status: if ready {
                ConditionStatus::True
            } else {
                ConditionStatus::False
            },
            reason: None,
            message: None,
            last_transition: Time::EPOCH,
        }];
        status
    }

    fn add_pod(store: &ApiStore, uid: &str) {
        let mut pod = testing::pod();
        pod.meta.uid = uid.into();
        pod.meta.name = uid.into();
        pod.meta.labels.insert("app".into(), "web".into());
        store
            .create_pod(pod, Default::default(), Path::new("/").into())
            .expect("created");
    }

    fn ready(table: &[network::Service]) -> usize {
        table[0].endpoints.iter().filter(|one| one.ready).count()
    }

    #[tokio::test]
    async fn n12_the_table_follows_pods_through_their_lives() {
        let store = Arc::new(ApiStore::default());
        let (tables, mut told) = mpsc::unbounded_channel();
        let task = tokio::spawn(keep_endpoints(Arc::clone(&store), move |table| {
            let _ignored = tables.send(table);
        }));
        let service = testing::service("web");
        store
            .create_service(service.clone(), Default::default())
            .expect("created");
        assert!(told.recv().await.expect("a table")[0].endpoints.is_empty());
        add_pod(&store, "p");
        let uid = "p".into();
        store
            .publish(&uid, status("10.88.0.2", false))
            .expect("published");
        let table = told.recv().await.expect("a table");
        assert_eq!((table[0].endpoints.len(), ready(&table)), (1, 0));
        store
            .publish(&uid, status("10.88.0.2", true))
            .expect("published");
        assert_eq!(ready(&told.recv().await.expect("a table")), 1);
        // The same again changes nothing for Services: the next table is the one without the pod.
        store
            .publish(&uid, status("10.88.0.2", true))
            .expect("published");
        store.delete(&uid, Time::EPOCH, None).expect("asked");
        assert_eq!(ready(&told.recv().await.expect("a table")), 0);
        store.remove(&uid).expect("removed");
        assert!(told.recv().await.expect("a table")[0].endpoints.is_empty());
        store
            .remove_object(Kind::Service, &service.meta.uid)
            .expect("removed");
        assert!(told.recv().await.expect("a table").is_empty());
        task.abort();
    }

    #[tokio::test]
    async fn changes_made_together_are_one_table() {
        let store = Arc::new(ApiStore::default());
        let tables = Arc::new(Mutex::new(Vec::new()));
        let (done, mut is_done) = mpsc::unbounded_channel();
        let kept = Arc::clone(&tables);
        let task = tokio::spawn(keep_endpoints(Arc::clone(&store), move |table| {
            if ready(&table) == 500 {
                let _ignored = done.send(());
            }
            kept.lock().expect("whole").push(table.len());
        }));
        store
            .create_service(testing::service("web"), Default::default())
            .expect("created");
        for at in 0..500_u32 {
            let uid = format!("p{at}");
            add_pod(&store, &uid);
            let ip = format!("10.88.{}.{}", at / 250, at % 250 + 1);
            store
                .publish(&uid.as_str().into(), status(&ip, true))
                .expect("published");
        }
        is_done.recv().await.expect("all of them");
        task.abort();
        assert!(tables.lock().expect("whole").len() <= 2);
    }
}
