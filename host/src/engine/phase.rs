//! The phase, from the containers' statuses (rules B1 to B4).

use super::facts::{Facts, Why};
use super::slot::Slot;
use crate::model::{ContainerState, ContainerStatus, Phase, Role};

/// One container's status, with its role.
pub(super) type View = (Role, ContainerStatus);

/// The phase of a pod of which something may still be alive, or may be started: never a terminal one (rule B3).
pub(super) fn while_alive(views: &[View]) -> Phase {
    let unfinished_init = views
        .iter()
        .any(|(role, status)| *role == Role::Init && is_unfinished(status));
    let starting_sidecar = views
        .iter()
        .any(|(role, status)| *role == Role::Sidecar && is_starting(status));
    let mains = || of_role(views, Role::Main);
    if unfinished_init || (starting_sidecar && !any_main_ever_started(views)) {
        return Phase::Pending;
    }
    if mains().all(ever_started) {
        Phase::Running
    } else {
        Phase::Pending
    }
}

/// The terminal phase of a pod of which nothing can be alive any more.
pub(super) fn of_the_end(facts: &Facts) -> Phase {
    let failed = facts.ending.is_some_and(|ending| {
        matches!(
            ending.why,
            Why::DeadlineExceeded | Why::Evicted | Why::InitFailed
        )
    });
    let exited_0 = |slot: &Slot| slot.ended.as_ref().is_some_and(|e| e.exit.code == 0);
    if !failed && facts.mains().all(exited_0) {
        Phase::Succeeded
    } else {
        Phase::Failed
    }
}

/// Some main runs or ran.
pub(super) fn any_main_ever_started(views: &[View]) -> bool {
    of_role(views, Role::Main).any(ever_started)
}

fn of_role(views: &[View], wanted: Role) -> impl Iterator<Item = &ContainerStatus> {
    views
        .iter()
        .filter(move |(role, _)| *role == wanted)
        .map(|(_, status)| status)
}

fn ever_started(status: &ContainerStatus) -> bool {
    match &status.state {
        ContainerState::Running { .. } | ContainerState::Terminated(_) => true,
        ContainerState::Waiting { .. } => status.last_state.is_some(),
    }
}

/// A regular init container that runs or has yet to run for the first time. One that failed and waits for its next run is
/// not counted here; the mains after it, which never started, keep the pod Pending.
fn is_unfinished(status: &ContainerStatus) -> bool {
    match &status.state {
        ContainerState::Running { .. } => true,
        ContainerState::Waiting { .. } => status.last_state.is_none(),
        ContainerState::Terminated(_) => false,
    }
}

/// A sidecar that has yet to start, or has not passed its startup probe.
fn is_starting(status: &ContainerStatus) -> bool {
    match &status.state {
        ContainerState::Running { .. } => !status.started,
        ContainerState::Waiting { .. } => status.last_state.is_none(),
        ContainerState::Terminated(_) => false,
    }
}
