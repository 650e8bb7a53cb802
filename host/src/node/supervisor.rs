//! Store watch → workers → store.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::placement::{Placement, Verdict};
use super::refresh::Refresher;
use super::usage;
use crate::engine::{Config, Notice, NoticeKind};
use crate::model::{NODE_NAME, Pod, PodStatus, PodUid, Time};
use crate::scheduling::{FAILED_SCHEDULING, Labels};
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
    tell: Arc<dyn Fn(PodNotice) + Send + Sync>,
    workers: HashMap<PodUid, Employed>,
    /// How many pods have volumes with a limit.
    limited: watch::Sender<usize>,
    placement: Placement,
    tasks: JoinSet<()>,
    seen: Version,
}

impl Node {
    /// A node of those labels over that store. `tell` is called with every notice of its pods, in order.
    pub fn new(
        store: Arc<ApiStore>,
        ports: Ports,
        config: Config,
        labels: Labels,
        tell: impl Fn(PodNotice) + Send + Sync + 'static,
    ) -> Self {
        Self {
            placement: Placement::new(ports.allocatable, labels),
            store,
            ports,
            config,
            tell: Arc::new(tell),
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
        let (changed, mut waiting) = mpsc::unbounded_channel();
        let (volumes, clock) = (&self.ports.volumes, &self.ports.clock);
        let refresher = Refresher::new(
            Arc::clone(&self.store),
            Arc::clone(volumes),
            Arc::clone(clock),
            Arc::clone(&self.tell),
            changed,
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
            self.catch_up();
            self.place(&updates);
            tokio::select! {
                changed = versions.changed() => if changed.is_err() { break },
                Some(update) = told.recv() => {
                    self.told(update);
                    while let Ok(update) = told.try_recv() {
                        self.told(update);
                    }
                }
                Some((pod, message)) = exceeded.recv() => self.evict(&pod, message),
                Some(pod) = waiting.recv() => self.order(&pod, Order::Retry),
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    /// Kinds that are not pods are somebody else's.
    fn catch_up(&mut self) {
        match self.store.since(self.seen) {
            Ok(changes) => {
                for change in changes {
                    self.seen = change.object.version();
                    let Object::Pod(pod) = &change.object else {
                        continue;
                    };
                    match change.kind {
                        ChangeKind::Added | ChangeKind::Modified => self.seen_pod(pod),
                        ChangeKind::Deleted => {
                            let gone = self.workers.remove(&pod.pod.meta.uid);
                            if gone.is_some_and(|gone| gone.limited) {
                                self.limited.send_modify(|pods| *pods -= 1);
                            }
                            self.placement.depart(&pod.pod.meta.uid);
                        }
                    }
                }
            }
            // Too far behind for the log: the objects themselves say all that matters.
            Err(_) => {
                let (version, objects) = self.store.list();
                self.seen = version;
                let there: HashSet<_> = objects.iter().map(Object::uid).collect();
                self.placement.forget_others(&there);
                for pod in objects.iter().filter_map(Object::as_pod) {
                    self.seen_pod(pod);
                }
            }
        }
    }

    fn seen_pod(&mut self, object: &StoredPod) {
        let uid = &object.pod.meta.uid;
        let ended = object
            .status
            .as_ref()
            .is_some_and(|status| status.phase.is_terminal());
        if ended {
            self.placement.depart(uid);
        }
        match (self.workers.get(uid), object.deletion) {
            (Some(worker), Some((_, grace))) => {
                // Told again with every change of the object; a machine takes a repeated order for what it is.
                let _ignored = worker.orders.send(Order::Delete(grace));
            }
            // Nothing of it ever ran here, so there is nothing to end.
            (None, Some(_)) => {
                self.placement.depart(uid);
                self.ports.logs.over(uid);
                let removed = self.store.remove(uid);
                tracing::debug!(?removed, "a pod without a place is deleted");
            }
            (None, None) if !ended => self.placement.arrive(object),
            (_, None) => {}
        }
    }

    /// Starts whoever has a place now, and tells the others why not.
    fn place(&mut self, updates: &mpsc::UnboundedSender<Update>) {
        for verdict in self.placement.decide(self.ports.clock.now()) {
            match verdict {
                Verdict::Runs(object) => {
                    self.scheduled(&object.pod);
                    self.start(&object, updates);
                }
                Verdict::Waits(object, status, message) => {
                    self.say(&object, *status, FAILED_SCHEDULING, message);
                }
                Verdict::Rejected(object, status, rejection) => {
                    self.say(&object, *status, rejection.reason, rejection.message);
                }
            }
        }
    }

    /// Of a pod that was bound before it came, nobody says so.
    fn scheduled(&mut self, pod: &Pod) {
        if pod.spec.node_name.is_some() {
            return;
        }
        let meta = &pod.meta;
        let (namespace, name) = (&meta.namespace, &meta.name);
        let notice = Notice {
            container: None,
            kind: NoticeKind::Normal,
            reason: "Scheduled",
            message: format!("Successfully assigned {namespace}/{name} to {NODE_NAME}"),
        };
        self.told(Update::Notice(meta.uid.clone(), notice));
    }

    fn start(&mut self, object: &StoredPod, updates: &mpsc::UnboundedSender<Update>) {
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
        let worker = Employed { orders, limited };
        self.workers.insert(object.pod.meta.uid.clone(), worker);
    }

    fn evict(&self, pod: &PodUid, message: String) {
        let reason = EVICTED;
        self.order(pod, Order::Evict { reason, message });
    }

    fn order(&self, pod: &PodUid, order: Order) {
        if let Some(worker) = self.workers.get(pod) {
            let _ignored = worker.orders.send(order);
        }
    }

    /// The word about a pod that has no worker.
    fn say(
        &mut self,
        object: &StoredPod,
        status: PodStatus,
        reason: &'static str,
        message: String,
    ) {
        let uid = object.pod.meta.uid.clone();
        let notice = Notice {
            container: None,
            kind: NoticeKind::Warning,
            reason,
            message,
        };
        // Else whoever asks for its logs would hear that there is no such pod.
        self.ports.logs.status(&object.pod, &status);
        self.told(Update::Notice(uid.clone(), notice));
        self.told(Update::Status(uid, Box::new(status)));
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
