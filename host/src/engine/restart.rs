//! Whether a container that ended is started again (rules A5, A9, A14, A15).

use super::slot::Ended;
use super::terminate::StopCause;
use crate::model::{
    Container, ContainerRestart, ExitCodeOperator, PodSpec, RestartAction, RestartPolicy,
    RestartRule, Role,
};

/// What is to become of a container that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is started again.
    Restart,
    /// The whole pod starts again from its first init container (rule A16).
    RestartAll,
    /// It stays as it is.
    Leave,
}

impl Verdict {
    /// Decides from how the instance ended. That a pod coming to its end starts nothing (rule A17) is not decided here.
    pub(super) fn of(pod: &PodSpec, container: &Container, ended: &Ended) -> Self {
        if container.role == Role::Init && ended.succeeded() {
            return Self::Leave;
        }
        let policy = policy(pod, container);
        match ended.cause {
            Some(StopCause::Probe(_)) => return restart_if(policy != RestartPolicy::Never),
            // It was killed only to be started again.
            Some(StopCause::RestartAll) => return Self::Restart,
            Some(StopCause::PodEnds | StopCause::PostStart) | None => {}
        }
        if let Some(action) = matching_rule(container, ended.exit.code) {
            return match action {
                RestartAction::Restart => Self::Restart,
                RestartAction::RestartAllContainers => Self::RestartAll,
            };
        }
        match policy {
            RestartPolicy::Always => Self::Restart,
            // An init container that gets here has failed, even if an out-of-memory kill says exit code 0.
            RestartPolicy::OnFailure => {
                restart_if(ended.exit.code != 0 || container.role == Role::Init)
            }
            RestartPolicy::Never => Self::Leave,
        }
    }
}

/// The restart policy of a container: a sidecar's is Always, another's its own, else the pod's (rules A9, A14).
pub(super) fn policy(pod: &PodSpec, container: &Container) -> RestartPolicy {
    match (container.role, &container.restart) {
        (Role::Sidecar, _) => RestartPolicy::Always,
        (Role::Init | Role::Main, Some(ContainerRestart { policy, .. })) => *policy,
        (Role::Init | Role::Main, None) => pod.restart_policy,
    }
}

fn restart_if(restart: bool) -> Verdict {
    if restart {
        Verdict::Restart
    } else {
        Verdict::Leave
    }
}

/// The first rule that matches decides.
fn matching_rule(container: &Container, code: i32) -> Option<RestartAction> {
    let matches = |rule: &&RestartRule| {
        let listed = rule.values.contains(&code);
        match rule.operator {
            ExitCodeOperator::In => listed,
            ExitCodeOperator::NotIn => !listed,
        }
    };
    let rules = &container.restart.as_ref()?.rules;
    rules.iter().find(matches).map(|rule| rule.action)
}
