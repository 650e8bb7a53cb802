//! The conditions the host owns (rules C1 to C6).

use super::facts::{Facts, Hold};
use super::phase::{self, View};
use crate::model::{
    Condition, ConditionStatus, ConditionType, ContainerStatus, Phase, PodSpec, Role, Time,
};

/// What a condition says now, without its history.
#[derive(Clone, Debug)]
struct Now {
    holds: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

const HOLDS: Now = Now {
    holds: true,
    reason: None,
    message: None,
};

const FAILS: Now = Now {
    holds: false,
    reason: None,
    message: None,
};

/// The conditions in the order a kubelet writes them. A transition time is kept as long as the status is (rule C1).
pub(super) fn conditions(
    pod: &PodSpec,
    facts: &Facts,
    phase: Phase,
    views: &[View],
    before: &[Condition],
    now: Time,
) -> Vec<Condition> {
    let containers_ready = containers_ready(phase, views);
    let ready = ready(pod, &containers_ready);
    let mut all = vec![
        (ConditionType::PodReadyToStartContainers, has_host(facts)),
        (ConditionType::Initialized, initialized(phase, views)),
        (ConditionType::Ready, ready),
        (ConditionType::ContainersReady, containers_ready),
        // A machine only ever gets a pod that was bound to its host (rule C2).
        (ConditionType::PodScheduled, HOLDS),
    ];
    let restarting_all = facts.restarting_all(pod);
    let kind = ConditionType::AllContainersRestarting;
    if restarting_all || before.iter().any(|old| old.kind == kind) {
        all.push((kind, all_restarting(restarting_all)));
    }
    all.into_iter()
        .map(|(kind, says)| says.with_history(kind, before, now))
        .collect()
}

impl Now {
    fn because(self, reason: &'static str) -> Self {
        Self {
            reason: Some(reason),
            ..self
        }
    }

    fn saying(self, message: String) -> Self {
        Self {
            message: Some(message),
            ..self
        }
    }

    fn with_history(self, kind: ConditionType, before: &[Condition], now: Time) -> Condition {
        let status = if self.holds {
            ConditionStatus::True
        } else {
            ConditionStatus::False
        };
        let unchanged = before
            .iter()
            .find(|old| old.kind == kind && old.status == status);
        Condition {
            kind,
            status,
            reason: self.reason.map(str::to_owned),
            message: self.message,
            last_transition: unchanged.map_or(now, |old| old.last_transition),
        }
    }
}

/// Rule C3.
fn has_host(facts: &Facts) -> Now {
    if facts.host.state == Hold::Held {
        HOLDS
    } else {
        FAILS
    }
}

/// Rule C4.
fn initialized(phase: Phase, views: &[View]) -> Now {
    if phase == Phase::Succeeded {
        return HOLDS.because("PodCompleted");
    }
    let incomplete = names(views, |role, status| match role {
        Role::Init => !status.ready,
        Role::Sidecar => !status.started,
        Role::Main => false,
    });
    if incomplete.is_empty() || phase::any_main_ever_started(views) {
        return HOLDS;
    }
    FAILS
        .because("ContainersNotInitialized")
        .saying(format!("containers with incomplete status: {incomplete}"))
}

/// Rule C5.
fn containers_ready(phase: Phase, views: &[View]) -> Now {
    match phase {
        Phase::Succeeded => return FAILS.because("PodCompleted"),
        Phase::Failed => return FAILS.because("PodFailed"),
        Phase::Pending | Phase::Running => {}
    }
    let unready = names(views, |role, status| role != Role::Init && !status.ready);
    if unready.is_empty() {
        return HOLDS;
    }
    FAILS
        .because("ContainersNotReady")
        .saying(format!("containers with unready status: {unready}"))
}

/// Rule C6. Nobody can set a gate's condition yet, so a pod with gates is not ready.
fn ready(pod: &PodSpec, containers_ready: &Now) -> Now {
    if !containers_ready.holds || pod.readiness_gates.is_empty() {
        return containers_ready.clone();
    }
    let missing = |gate: &String| {
        format!("corresponding condition of pod readiness gate {gate:?} does not exist.")
    };
    let missing: Vec<String> = pod.readiness_gates.iter().map(missing).collect();
    FAILS
        .because("ReadinessGatesNotReady")
        .saying(missing.join(", "))
}

/// Rule A16.
fn all_restarting(in_progress: bool) -> Now {
    if in_progress {
        HOLDS.because("RestartAllContainersStarted")
    } else {
        FAILS
    }
}

/// The containers of that kind as Kubernetes lists them: `[a b]`, or nothing at all.
fn names(views: &[View], listed: impl Fn(Role, &ContainerStatus) -> bool) -> String {
    let names: Vec<&str> = views
        .iter()
        .filter(|(role, status)| listed(*role, status))
        .map(|(_, status)| status.name.as_str())
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("[{}]", names.join(" "))
    }
}
