//! Store watch → workers → store.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::engine::{Config, Notice};
use crate::model::{Pod, PodUid, Time};
use crate::store::{ApiStore, ChangeKind, Object, StoredPod, Version};
use crate::worker::{Order, Ports, Update, Worker};

/// A notice and the pod it is about.
#[derive(Clone, Debug)]
pub struct PodNotice {
    /// The pod.
    pub pod: Pod,
    /// When.
    pub at: Time,
    /// What.
    pub notice: Notice,
}

/// Runs the pods of a store.
pub struct Node {
    store: Arc<ApiStore>,
    ports: Ports,
    config: Config,
    tell: Box<dyn Fn(PodNotice) + Send + Sync>,
    workers: HashMap<PodUid, mpsc::UnboundedSender<Order>>,
    tasks: JoinSet<()>,
    seen: Version,
}

impl Node {
    /// A node over that store. `tell` is called with every notice of its pods, in order.
    pub fn new(
        store: Arc<ApiStore>,
        ports: Ports,
        config: Config,
        tell: impl Fn(PodNotice) + Send + Sync + 'static,
    ) -> Self {
        Self {
            store,
            ports,
            config,
            tell: Box::new(tell),
            workers: HashMap::new(),
            tasks: JoinSet::new(),
            seen: 0,
        }
    }

    /// Runs until the task is dropped.
    pub async fn run(mut self) {
        let (updates, mut told) = mpsc::unbounded_channel();
        let mut versions = self.store.versions();
        loop {
            self.catch_up(&updates);
            tokio::select! {
                changed = versions.changed() => if changed.is_err() { break },
                Some(update) = told.recv() => {
                    self.told(update);
                    while let Ok(update) = told.try_recv() {
                        self.told(update);
                    }
                }
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    /// Kinds that are not pods are somebody else's.
    fn catch_up(&mut self, updates: &mpsc::UnboundedSender<Update>) {
        match self.store.since(self.seen) {
            Ok(changes) => {
                for change in changes {
                    self.seen = change.object.version();
                    let Object::Pod(pod) = &change.object else {
                        continue;
                    };
                    match change.kind {
                        ChangeKind::Added | ChangeKind::Modified => self.seen_pod(pod, updates),
                        ChangeKind::Deleted => {
                            self.workers.remove(&pod.pod.meta.uid);
                        }
                    }
                }
            }
            // Too far behind for the log: the objects themselves say all that matters.
            Err(_) => {
                let (version, objects) = self.store.list();
                self.seen = version;
                for pod in objects.iter().filter_map(Object::as_pod) {
                    self.seen_pod(pod, updates);
                }
            }
        }
    }

    fn seen_pod(&mut self, object: &StoredPod, updates: &mpsc::UnboundedSender<Update>) {
        let uid = object.pod.meta.uid.clone();
        let orders = self.workers.entry(uid).or_insert_with(|| {
            let (orders, inbox) = mpsc::unbounded_channel();
            let worker = Worker::new(
                object.pod.clone(),
                Arc::clone(&object.base_dir),
                self.config,
                self.ports.clone(),
                inbox,
                updates.clone(),
            );
            self.tasks.spawn(worker.run());
            orders
        });
        if let Some((_, grace)) = object.deletion {
            // Told again with every change of the object; a machine takes a repeated order for what it is.
            let _ignored = orders.send(Order::Delete(grace));
        }
    }

    fn told(&mut self, update: Update) {
        let result = match update {
            Update::Status(uid, status) => self.store.publish(&uid, *status).map(drop),
            Update::Forgotten(uid) => self.store.remove(&uid).map(drop),
            Update::Notice(uid, notice) => {
                if let Some(object) = self.store.pod(&uid) {
                    (self.tell)(PodNotice {
                        pod: object.pod,
                        at: self.ports.clock.now(),
                        notice,
                    });
                }
                Ok(())
            }
        };
        if let Err(conflict) = result {
            // The object was removed by force while its worker still ended it.
            tracing::debug!(%conflict, "a worker spoke of a pod that is gone");
        }
    }
}
