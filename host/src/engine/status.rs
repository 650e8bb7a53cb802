//! The status of the pod and of its containers, derived from the facts.

use super::facts::{Facts, Outcome, Why};
use super::phase::{self, View};
use super::slot::{Ended, Slot};
use super::terminate::StopCause;
use super::{conditions, notices};
use crate::model::{
    Condition, ContainerState, ContainerStatus, Pod, PodStatus, Role, Terminated, Time,
};

/// All termination messages of a pod together (rule B15).
const MESSAGES_LIMIT: usize = 12_288;

/// The whole status. Of the last one only the conditions' transition times are used.
pub(super) fn status(pod: &Pod, facts: &Facts, before: &[Condition], now: Time) -> PodStatus {
    let views = views(pod, facts);
    let phase = match &facts.outcome {
        Some(outcome) => outcome.phase,
        None => phase::while_alive(&views),
    };
    let conditions = conditions::conditions(&pod.spec, facts, phase, &views, before, now);
    let why = facts.ending.map(|ending| ending.why);
    let (reason, message) = match (why, &facts.eviction) {
        (Some(Why::DeadlineExceeded), _) => (notices::DEADLINE_EXCEEDED, notices::DEADLINE_TEXT),
        (Some(Why::Evicted), Some(eviction)) => (eviction.reason, eviction.message.as_str()),
        (_, _) => ("", ""),
    };
    let said = |text: &str| (phase.is_terminal() && !text.is_empty()).then(|| text.to_owned());
    let (mains, init): (Vec<View>, Vec<View>) =
        views.into_iter().partition(|(role, _)| *role == Role::Main);
    let mut mains = statuses(mains);
    mains.sort_by(|a, b| a.name.cmp(&b.name));
    PodStatus {
        phase,
        reason: said(reason),
        message: said(message),
        conditions,
        start_time: facts.accepted,
        pod_ip: facts.pod_ip.clone(),
        host_ip: facts.host_ip.clone(),
        init: statuses(init),
        mains,
        qos: pod.spec.qos,
        observed_generation: pod.meta.generation + facts.later_generations,
    }
}

fn statuses(views: Vec<View>) -> Vec<ContainerStatus> {
    views.into_iter().map(|(_, status)| status).collect()
}

/// Every container's status, in the order of the specification.
fn views(pod: &Pod, facts: &Facts) -> Vec<View> {
    let count = facts.slots.len().max(1);
    let viewer = Viewer {
        pod,
        facts,
        message_limit: MESSAGES_LIMIT / count,
    };
    let view = |slot: &Slot| (slot.spec.role, viewer.container(slot));
    facts.slots.iter().map(view).collect()
}

struct Viewer<'a> {
    pod: &'a Pod,
    facts: &'a Facts,
    message_limit: usize,
}

impl Viewer<'_> {
    fn container(&self, slot: &Slot) -> ContainerStatus {
        let state = self.state(slot);
        let newest = slot.ended.as_ref();
        let running = slot
            .current
            .as_ref()
            .filter(|instance| instance.reported().is_some());
        // The last state is the instance before the one that `state` shows.
        let last = match &state {
            ContainerState::Terminated(_) => slot.before.as_ref(),
            ContainerState::Running { .. } | ContainerState::Waiting { .. } => newest,
        };
        let started = slot.is_started();
        ContainerStatus {
            name: slot.spec.name.clone(),
            image: slot.spec.image.clone(),
            image_id: slot.image_id.clone(),
            container_id: running
                .and_then(|instance| instance.reported())
                .or(newest.map(|ended| &ended.started))
                .and_then(|started| started.container_id.clone()),
            last_state: last.map(|ended| self.terminated(ended)),
            ready: match slot.spec.role {
                Role::Init => slot
                    .ended_in(self.facts.round)
                    .is_some_and(Ended::succeeded),
                Role::Sidecar | Role::Main => {
                    started && running.is_some_and(|instance| instance.readiness_passed)
                }
            },
            started,
            restart_count: running
                .map(|instance| instance.attempt.number)
                .or(newest.map(|ended| ended.number))
                .unwrap_or(0),
            state,
        }
    }

    fn state(&self, slot: &Slot) -> ContainerState {
        if let Some(started) = slot.current.as_ref().and_then(|i| i.reported()) {
            return ContainerState::Running {
                started_at: started.at,
            };
        }
        match (&slot.ended, &slot.waiting, &self.facts.outcome) {
            (Some(ended), _, _) if self.stays_ended(slot) => {
                ContainerState::Terminated(self.terminated(ended))
            }
            (None, _, Some(outcome)) if self.is_missing(slot) => {
                ContainerState::Terminated(never_found(outcome))
            }
            (_, Some(waiting), _) => waits(waiting.reason, waiting.message.clone()),
            // The restart is under way: a kubelet, too, shows the old end until it has decided (rule B12).
            (Some(ended), None, _) if ended.round == self.facts.round => {
                ContainerState::Terminated(self.terminated(ended))
            }
            // Not created yet (rule A12).
            (_, None, _) if self.pod.spec.init.is_empty() => waits("ContainerCreating", None),
            (_, None, _) => waits("PodInitializing", None),
        }
    }

    fn stays_ended(&self, slot: &Slot) -> bool {
        let restarts =
            self.facts.ending.is_none() && slot.will_start(&self.pod.spec, self.facts.round);
        slot.is_down() && !restarts
    }

    /// A main that never came to be although it had its chance: there is no init container, or the last one did its part.
    fn is_missing(&self, slot: &Slot) -> bool {
        let mut inits = self.facts.slots.iter();
        let last_init = inits.rfind(|slot| slot.spec.role != Role::Main);
        slot.spec.role == Role::Main
            && last_init.is_none_or(|last| match (&last.ended, last.spec.role) {
                (Some(ended), Role::Init) => ended.succeeded(),
                (ended, _) => ended.is_some(),
            })
    }

    fn terminated(&self, ended: &Ended) -> Terminated {
        // Records of containers that were removed to restart all say so (rule A16).
        let removed = ended.cause == Some(StopCause::RestartAll);
        Terminated {
            exit_code: if removed { 137 } else { ended.exit.code },
            reason: if removed {
                notices::RESTARTING_ALL.to_owned()
            } else {
                ended.exit.reason.as_str().to_owned()
            },
            message: ended
                .exit
                .message
                .as_deref()
                .map(|message| cut(message, self.message_limit)),
            started_at: Some(ended.started.at),
            finished_at: ended.exit.at,
            container_id: ended.started.container_id.clone(),
        }
    }
}

fn waits(reason: &str, message: Option<String>) -> ContainerState {
    ContainerState::Waiting {
        reason: reason.to_owned(),
        message,
    }
}

/// What a kubelet says of a container that has no end of its own when the pod's is settled: its success is not known, so
/// it counts as a failure (rules B4, B5).
fn never_found(outcome: &Outcome) -> Terminated {
    Terminated {
        exit_code: 137,
        reason: "ContainerStatusUnknown".to_owned(),
        message: Some("The container could not be located when the pod was terminated".to_owned()),
        started_at: None,
        finished_at: outcome.at,
        container_id: None,
    }
}

/// At most `limit` bytes, whole characters only.
fn cut(text: &str, limit: usize) -> String {
    let end = text.floor_char_boundary(limit);
    text.get(..end).unwrap_or_default().to_owned()
}
