//! The machine itself: one step records a fact, plans, and says what changed.

use super::desk::{Desk, Flight};
use super::facts::{Facts, Hold};
use super::{Action, Config, Event, plan, reduce, status};
use crate::model::{Pod, PodStatus, Time};

/// The lifecycle of one pod: events go in, actions come out.
///
/// Level-triggered: every step plans again from all the facts, so an event that comes late, twice or out of order does no
/// harm. The first event may be any; [`Event::Tick`] gets a pod going.
#[derive(Clone, Debug)]
pub struct PodMachine {
    pod: Pod,
    config: Config,
    facts: Facts,
    flight: Flight,
    /// The latest time seen. A wall clock that is set back must not give a pod more time.
    now: Time,
    wake_at: Option<Time>,
    /// The newest status, as published; before the first step, nobody's.
    status: PodStatus,
    forgotten: bool,
}

impl PodMachine {
    /// A machine for a pod that nothing has been done for.
    pub fn new(pod: Pod, config: Config) -> Self {
        let facts = Facts::new(&pod.spec);
        let now = Time::EPOCH;
        let status = PodStatus {
            conditions: Vec::new(),
            ..status::status(&pod, &facts, &[], now)
        };
        Self {
            pod,
            config,
            facts,
            flight: Flight::default(),
            now,
            wake_at: None,
            status,
            forgotten: false,
        }
    }

    /// Records the event and plans again. Never blocks, fails or reads a clock.
    #[must_use]
    pub fn step(&mut self, now: Time, event: Event) -> Vec<Action> {
        if self.forgotten {
            return Vec::new();
        }
        self.now = self.now.max(now);
        let mut desk = Desk::new(&self.pod, &self.config, self.now, &mut self.flight);
        reduce::reduce(&mut self.facts, &mut desk, event);
        plan::plan(&mut self.facts, &mut desk);
        let (notices, work, wake_at) = desk.clear();
        self.wake_at = wake_at;

        let mut actions: Vec<Action> = notices.into_iter().map(Action::Record).collect();
        let before = &self.status.conditions;
        let status = status::status(&self.pod, &self.facts, before, self.now);
        if status != self.status {
            self.status = status;
            actions.push(Action::Publish(Box::new(self.status.clone())));
        }
        actions.extend(work);
        if self.is_over() {
            self.forgotten = true;
            actions.push(Action::Forget);
        }
        actions
    }

    /// When to send the next [`Event::Tick`], unless another event comes before. Nothing to wait for: nothing.
    pub fn wake_at(&self) -> Option<Time> {
        self.wake_at
    }

    /// The status as last published.
    pub fn status(&self) -> PodStatus {
        self.status.clone()
    }

    /// The pod is coming to its end: whatever runs is being stopped.
    pub fn is_ending(&self) -> bool {
        self.facts.ending.is_some()
    }

    /// [`Action::Forget`] was said; no event changes anything any more.
    pub fn is_forgotten(&self) -> bool {
        self.forgotten
    }

    /// Deleted, ended, and nothing is held any more (rules B4, F7).
    fn is_over(&self) -> bool {
        let Facts { volumes, host, .. } = &self.facts;
        self.facts.deleted
            && self.facts.outcome.is_some()
            && volumes.state == Hold::Released
            && host.state == Hold::Released
    }
}
