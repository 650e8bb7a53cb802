//! What is known about the pod as a whole.

use super::backoff::Retry;
use super::restart::Verdict;
use super::slot::Slot;
use crate::model::{Phase, PodSpec, Role, Time};

/// Everything the machine has been told or has decided for good. Whatever can be derived from these is not kept.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The first event's time: `status.startTime` (rule B17).
    pub(super) accepted: Option<Time>,
    /// Init containers and sidecars in order, then the mains in order.
    pub(super) slots: Vec<Slot>,
    pub(super) volumes: Holding,
    /// Since when the volumes have been waited for, this time (rule G1).
    pub(super) volumes_awaited: Option<Time>,
    pub(super) host: Holding,
    pub(super) pod_ip: Option<String>,
    pub(super) host_ip: Option<String>,
    /// Somebody wants the pod deleted.
    pub(super) deleted: bool,
    /// Generations of the pod since the one it came with: its deletion is one, unless it was over before (rule B18).
    pub(super) later_generations: i64,
    /// Why it was evicted, if that is what it ends by.
    pub(super) eviction: Option<Eviction>,
    /// The pod is coming to its end: nothing starts any more, everything is being stopped.
    pub(super) ending: Option<Ending>,
    /// How often all containers were restarted together (rule A16).
    pub(super) round: u32,
    /// The terminal phase, once no container can be alive (rule B3).
    pub(super) outcome: Option<Outcome>,
}

/// Why and until when the pod is coming to its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ending {
    pub(super) why: Why,
    /// When the grace is over. Only ever moves earlier (rules F2, F4).
    pub(super) deadline: Time,
}

/// Why the pod is coming to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A delete (section F).
    Deleted,
    /// `activeDeadlineSeconds` is over (rule B16).
    DeadlineExceeded,
    /// The machine needs back what it uses (rule F10).
    Evicted,
    /// A regular init container failed for good (rule A5).
    InitFailed,
    /// Every main ended and none will be restarted (rule A11).
    MainsDone,
}

/// What an evicted pod's status says.
#[derive(Clone, Debug)]
pub(super) struct Eviction {
    pub(super) reason: &'static str,
    pub(super) message: String,
}

/// How the pod ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    pub(super) phase: Phase,
    pub(super) at: Time,
}

/// Something the pod holds from before its first container until after its last: the volumes, the logical host.
#[derive(Clone, Debug, Default)]
pub(super) struct Holding {
    pub(super) state: Hold,
    pub(super) retry: Retry,
    /// The try that is under way may not have seen the last change: should it fail, the next one follows at once.
    pub(super) outdated: bool,
}

/// Whether it is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Hold {
    /// Not yet.
    #[default]
    Absent,
    /// It is, until it is released.
    Held,
    /// It was, or never will be.
    Released,
}

impl Facts {
    pub(super) fn new(spec: &PodSpec) -> Self {
        Self {
            accepted: None,
            slots: spec
                .containers()
                .map(|container| Slot::new(container.clone(), spec))
                .collect(),
            volumes: Holding::default(),
            volumes_awaited: None,
            host: Holding::default(),
            pod_ip: None,
            host_ip: None,
            deleted: false,
            later_generations: 0,
            eviction: None,
            ending: None,
            round: 0,
            outcome: None,
        }
    }

    /// The pod comes to its end. A second reason never gives more time, and replaces the first only where the first was a
    /// mere running out of work: until its sidecars are gone such a pod still counts as active (rule A10).
    pub(super) fn end(&mut self, why: Why, deadline: Time) {
        let ending = self.ending.get_or_insert(Ending { why, deadline });
        ending.deadline = ending.deadline.min(deadline);
        let fails = matches!(why, Why::DeadlineExceeded | Why::Evicted);
        if ending.why == Why::MainsDone && fails {
            ending.why = why;
        }
    }

    /// The mains.
    pub(super) fn mains(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|s| s.spec.role == Role::Main)
    }

    /// All containers are being restarted together: one ended that way, and the next round hasn't begun (rule A16).
    pub(super) fn restarting_all(&self, pod: &PodSpec) -> bool {
        let asks = |slot: &Slot| slot.verdict(pod, self.round) == Some(Verdict::RestartAll);
        self.ending.is_none() && self.slots.iter().any(asks)
    }

    /// Nothing of the pod can be alive.
    pub(super) fn all_down(&self) -> bool {
        self.slots.iter().all(Slot::is_down)
    }
}
