//! Store watch → workers → store.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::refresh::Refresher;
use super::usage;
use crate::engine::{Config, Notice};
use crate::model::{Pod, PodMeta, PodUid, Time};
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

/// A pod's worker.
struct Employed {
    orders: mpsc::UnboundedSender<Order>,
    /// The metadata it knows.
    meta: PodMeta,
    /// Its volumes are looked at.
    limited: bool,
}

/// Why a pod is evicted (rule F10).
const EVICTED: &str = "Evicted";

/// Runs the pods of a store.
pub struct Node {
    store: Arc<ApiStore>,
    ports: Ports,
    config: Config,
    notices: mpsc::UnboundedSender<PodNotice>,
    workers: HashMap<PodUid, Employed>,
    /// How many pods have volumes with a limit.
    limited: watch::Sender<usize>,
    tasks: JoinSet<()>,
    seen: Version,
}

impl Node {
    /// A node over that store. Notices of its pods go to `notices`.
    pub fn new(
        store: Arc<ApiStore>,
        ports: Ports,
        config: Config,
        notices: mpsc::UnboundedSender<PodNotice>,
    ) -> Self {
        Self {
            store,
            ports,
            config,
            notices,
            workers: HashMap::new(),
            limited: watch::Sender::new(0),
            tasks: JoinSet::new(),
            seen: 0,
        }
    }

    /// Runs until the task is dropped.
    pub async fn run(mut self) {
        let (updates, mut told) = mpsc::unbounded_channel();
        let (full, mut exceeded) = mpsc::unbounded_channel();
        let (volumes, clock) = (&self.ports.volumes, &self.ports.clock);
        let refresher = Refresher::new(
            Arc::clone(&self.store),
            Arc::clone(volumes),
            Arc::clone(clock),
            self.notices.clone(),
        );
        self.tasks.spawn(refresher.run());
        let limited = self.limited.subscribe();
        self.tasks.spawn(usage::watch(
            Arc::clone(volumes),
            Arc::clone(clock),
            limited,
            full,
        ));
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
                Some((pod, message)) = exceeded.recv() => self.evict(&pod, message),
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
                            let gone = self.workers.remove(&pod.pod.meta.uid);
                            if gone.is_some_and(|gone| gone.limited) {
                                self.limited.send_modify(|pods| *pods -= 1);
                            }
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
        let meta = &object.pod.meta;
        let worker = self.workers.entry(meta.uid.clone()).or_insert_with(|| {
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
            let limited = usage::is_limited(&object.pod);
            if limited {
                self.limited.send_modify(|pods| *pods += 1);
            }
            Employed {
                orders,
                meta: meta.clone(),
                limited,
            }
        });
        if (&worker.meta.labels, &worker.meta.annotations) != (&meta.labels, &meta.annotations) {
            worker.meta = meta.clone();
            let _ignored = worker.orders.send(Order::Update(Box::new(meta.clone())));
        }
        if let Some((_, grace)) = object.deletion {
            // Told again with every change of the object; a machine takes a repeated order for what it is.
            let _ignored = worker.orders.send(Order::Delete(grace));
        }
    }

    fn evict(&self, pod: &PodUid, message: String) {
        if let Some(worker) = self.workers.get(pod) {
            let reason = EVICTED;
            let _ignored = worker.orders.send(Order::Evict { reason, message });
        }
    }

    fn told(&mut self, update: Update) {
        let result = match update {
            Update::Status(uid, status) => self.store.publish(&uid, *status).map(drop),
            Update::Forgotten(uid) => self.store.remove(&uid).map(drop),
            Update::Notice(uid, notice) => {
                if let Some(object) = self.store.pod(&uid) {
                    let _ignored = self.notices.send(PodNotice {
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
