//! Stopping containers: preStop, TERM in its turn, KILL when the grace is over (rules E2, E3, F4 to F6).

use super::backoff::{PATIENT, Retry};
use super::desk::Desk;
use super::slot::{HookRun, Instance, Slot};
use super::{Effect, Hook, ProbeKind, notices};
use crate::model::{Attempt, Container, Role, Seconds, Time};

/// An instance is being stopped.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    pub(super) cause: StopCause,
    /// When the grace is over. Only ever moves earlier.
    pub(super) deadline: Time,
    pub(super) pre_stop: HookRun,
    /// When TERM was sent.
    pub(super) term_at: Option<Time>,
    /// KILL was delivered; all that is left is to wait for the exit.
    pub(super) killed: bool,
    pub(super) kill_retry: Retry,
}

/// Why an instance is being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopCause {
    /// The pod is coming to its end.
    PodEnds,
    /// A liveness or startup probe failed (rule D6).
    Probe(ProbeKind),
    /// The postStart hook failed (rule E1).
    PostStart,
    /// All containers restart together (rule A16).
    RestartAll,
}

/// Stops every container of a pod that comes to its end. Mains and regular init containers get TERM at once; a sidecar's turn
/// comes when the mains and all later sidecars are gone (rule F6).
pub(super) fn stop_all(slots: &mut [Slot], deadline: Time, desk: &mut Desk<'_>) {
    let mut later_ones_are_gone = true;
    for slot in slots.iter_mut().rev() {
        let is_sidecar = slot.spec.role == Role::Sidecar;
        slot.stop(
            StopCause::PodEnds,
            deadline,
            later_ones_are_gone || !is_sidecar,
            desk,
        );
        if slot.spec.role != Role::Init {
            later_ones_are_gone &= slot.is_down();
        }
    }
}

/// Stops the containers that a failed probe or a failed postStart hook condemned.
pub(super) fn stop_condemned(slots: &mut [Slot], desk: &mut Desk<'_>) {
    for slot in slots {
        let cause = slot.current.as_ref().and_then(Instance::condemned);
        if let Some(cause) = cause {
            let grace = grace(cause, &slot.spec, desk);
            slot.stop(cause, desk.now + grace, true, desk);
        }
    }
}

/// A probe may have a grace of its own, which may be longer than the pod's (rule D13).
fn grace(cause: StopCause, container: &Container, desk: &Desk<'_>) -> Seconds {
    let probes = &container.probes;
    let probe = match cause {
        StopCause::Probe(ProbeKind::Startup) => probes.startup.as_ref(),
        StopCause::Probe(ProbeKind::Liveness) => probes.liveness.as_ref(),
        StopCause::Probe(ProbeKind::Readiness)
        | StopCause::PodEnds
        | StopCause::PostStart
        | StopCause::RestartAll => None,
    };
    let own = probe.and_then(|probe| probe.termination_grace);
    own.unwrap_or(desk.pod.spec.grace)
}

impl Instance {
    fn condemned(&self) -> Option<StopCause> {
        match (self.failed_probe, self.post_start) {
            (_, HookRun::Failed) => Some(StopCause::PostStart),
            (Some(probe), _) => Some(StopCause::Probe(probe)),
            (None, _) => None,
        }
    }
}

impl Slot {
    /// Takes the next step towards the end of the instance, if there is one alive.
    pub(super) fn stop(
        &mut self,
        cause: StopCause,
        deadline: Time,
        turn: bool,
        desk: &mut Desk<'_>,
    ) {
        let Some(instance) = &mut self.current else {
            return;
        };
        // Nothing can be stopped before its start is answered.
        if instance.started.is_none() {
            return;
        }
        let attempt = instance.attempt.clone();
        let stop = instance.stop.get_or_insert_with(|| {
            desk.record(notices::killing(desk.pod, &self.spec, cause));
            Stop::new(cause, deadline, self.spec.hooks.pre_stop.is_some())
        });
        stop.deadline = stop.deadline.min(deadline);
        if cause == StopCause::RestartAll {
            stop.cause = cause;
        }
        if instance.post_start != HookRun::Failed {
            desk.give_up_hook(&attempt, Hook::PostStart);
            instance.post_start = HookRun::Over;
        }

        let kill_at = match stop.cause {
            StopCause::RestartAll => desk.now,
            StopCause::PodEnds | StopCause::Probe(_) | StopCause::PostStart => {
                let Some(term_at) = stop.term(&attempt, turn, desk) else {
                    return;
                };
                stop.deadline.max(term_at + desk.config.minimum_grace)
            }
        };
        let due = kill_at.max(stop.kill_retry.due(&PATIENT));
        if !stop.killed && desk.has_come(due) {
            desk.ensure(Effect::Kill { attempt });
        }
    }
}

impl Stop {
    const fn new(cause: StopCause, deadline: Time, has_pre_stop: bool) -> Self {
        Self {
            cause,
            deadline,
            pre_stop: HookRun::new(has_pre_stop),
            term_at: None,
            killed: false,
            kill_retry: Retry::new(),
        }
    }

    /// Runs the preStop hook, then sends TERM: when the hook is over and the turn has come, or when the grace is over.
    /// Answers when TERM was sent.
    fn term(&mut self, attempt: &Attempt, turn: bool, desk: &mut Desk<'_>) -> Option<Time> {
        if self.term_at.is_some() {
            return self.term_at;
        }
        let grace_is_over = self.deadline <= desk.now;
        if self.pre_stop == HookRun::Ahead && !grace_is_over {
            desk.ensure(Effect::RunHook {
                attempt: attempt.clone(),
                hook: Hook::PreStop,
            });
            self.pre_stop = HookRun::Running;
        }
        let hook_is_over = self.pre_stop == HookRun::Over;
        let may_term = grace_is_over || (hook_is_over && turn);
        if !may_term {
            desk.wait_until(self.deadline);
            return None;
        }
        desk.give_up_hook(attempt, Hook::PreStop);
        self.pre_stop = HookRun::Over;
        desk.ensure(Effect::Terminate {
            attempt: attempt.clone(),
        });
        self.term_at = Some(desk.now);
        self.term_at
    }
}
