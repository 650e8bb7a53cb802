//! Whether a published status makes sense, in itself, after the one before, and beside the true world.

use super::super::world::World;
use super::{Broken, Checker, keep};
use crate::engine::{Effect, Hook};
use crate::model::{
    ConditionStatus, ConditionType, Container, ContainerState, ContainerStatus, Phase, PodStatus,
    Role,
};

impl Checker {
    pub(super) fn status(&self, world: &World, status: &PodStatus) -> Result<(), Broken> {
        self.shape(status)?;
        self.phase(world, status)?;
        self.conditions(status)?;
        for spec in self.pod.spec.containers() {
            let Some(container) = find(status, spec) else {
                return keep(false, "every container has a status", || {
                    spec.name.to_string()
                });
            };
            self.container(spec, container)?;
        }
        self.after_the_last(status)
    }

    /// Rules A7, B17, B18.
    fn shape(&self, status: &PodStatus) -> Result<(), Broken> {
        let spec = &self.pod.spec;
        let in_order = spec
            .init
            .iter()
            .map(|c| &c.name)
            .eq(status.init.iter().map(|c| &c.name));
        keep(in_order, "init statuses are in order", String::new)?;
        let sorted = status.mains.is_sorted_by(|a, b| a.name < b.name);
        let all = status.mains.len() == spec.mains.len();
        keep(sorted && all, "mains are sorted by name", String::new)?;
        let kept = status.start_time == self.memory.accepted;
        keep(kept, "the start time is the first event's", String::new)?;
        let newer = status.observed_generation - self.pod.meta.generation;
        keep(
            newer == 0 || (newer == 1 && self.memory.deleted),
            "the observed generation is the pod's, or its deletion's",
            String::new,
        )
    }

    /// Rules B1 to B4, B16.
    fn phase(&self, world: &World, status: &PodStatus) -> Result<(), Broken> {
        let phase = status.phase;
        if phase.is_terminal() {
            keep(
                world.nobody_lives(),
                "no terminal phase while something can run",
                || format!("{:?}", world.guests),
            )?;
        }
        let late = match status.reason.as_deref() {
            Some("DeadlineExceeded") => true,
            Some("Evicted") => {
                let told = phase == Phase::Failed && self.memory.evicted;
                keep(
                    told,
                    "only evicted pods are called so, once they failed",
                    || format!("{phase:?}"),
                )?;
                true
            }
            _ => false,
        };
        let exited_0 = |spec: &Container| {
            let newest = self.memory.newest(&spec.name);
            newest.is_some_and(|(_, life)| life.exit.as_ref().is_some_and(|e| e.code == 0))
        };
        let all_0 = self.pod.spec.mains.iter().all(exited_0);
        let right = match phase {
            Phase::Succeeded => all_0 && !late,
            Phase::Failed => !all_0 || late || self.memory.may_restart_all,
            Phase::Running => status.mains.iter().all(ever_started),
            Phase::Pending => true,
        };
        keep(right, "the phase fits the containers", || {
            format!("{phase:?}")
        })
    }

    /// Rules C2 to C6.
    fn conditions(&self, status: &PodStatus) -> Result<(), Broken> {
        use ConditionType::{ContainersReady, PodReadyToStartContainers, PodScheduled, Ready};
        let promise = "the conditions fit the facts";
        let holds = |kind| {
            let mut all = status.conditions.iter();
            all.any(|c| c.kind == kind && c.status == ConditionStatus::True)
        };
        let counted = self.pod.spec.containers().filter(|c| c.role != Role::Init);
        let all_ready = counted.filter_map(|c| find(status, c)).all(|c| c.ready);
        let detail = || format!("{:?}", status.conditions);
        keep(holds(PodScheduled), promise, detail)?;
        keep(
            holds(PodReadyToStartContainers) == self.memory.has_host,
            promise,
            detail,
        )?;
        let ready = all_ready && !status.phase.is_terminal();
        keep(holds(ContainersReady) == ready, promise, detail)?;
        keep(holds(Ready) == ready, promise, detail)
    }

    /// Rules B13, B14 and, for what a container's state says, the machine's own knowledge.
    fn container(&self, spec: &Container, status: &ContainerStatus) -> Result<(), Broken> {
        let promise = "a container's status fits what is known of it";
        let detail = || format!("{status:?}");
        let newest = self.memory.newest(&spec.name);
        let running = matches!(status.state, ContainerState::Running { .. });
        if spec.role != Role::Init {
            keep(!status.ready || status.started, promise, detail)?;
        }
        keep(!status.started || running, promise, detail)?;
        self.last_state(spec, status)?;
        match (&status.state, newest) {
            (ContainerState::Running { .. }, newest) => {
                keep(!self.post_start_runs(spec), promise, detail)?;
                let is_it = newest.is_some_and(|(attempt, life)| {
                    attempt.number == status.restart_count && life.runs()
                });
                keep(is_it, promise, detail)
            }
            (_, Some((_, life))) if life.runs() => {
                keep(spec.hooks.post_start.is_some(), promise, detail)
            }
            (ContainerState::Terminated(ended), Some((_, life))) => {
                let code = life.exit.as_ref().map(|exit| exit.code);
                let by_all = ended.reason == "RestartingAllContainers";
                keep(code == Some(ended.exit_code) || by_all, promise, detail)
            }
            (ContainerState::Terminated(ended), None) => {
                keep(ended.reason == "ContainerStatusUnknown", promise, detail)
            }
            (ContainerState::Waiting { reason, .. }, _) => {
                keep(!reason.is_empty(), promise, detail)
            }
        }
    }

    /// The postStart hook was asked for and not answered; nothing but that stands in the way of the report (rule E1).
    fn post_start_runs(&self, spec: &Container) -> bool {
        let newest = self.memory.newest(&spec.name);
        let condemned = newest.is_some_and(|(_, life)| life.is_condemned());
        let mut in_flight = self.memory.in_flight.values();
        let hook_runs = in_flight.any(|effect| {
            matches!(effect, Effect::RunHook { attempt, hook: Hook::PostStart } if attempt.container == spec.name)
        });
        hook_runs && !condemned && !self.pod_may_be_ending() && !self.memory.may_restart_all
    }

    /// The last state is the instance before the one that the state shows (rule B13).
    fn last_state(&self, spec: &Container, status: &ContainerStatus) -> Result<(), Broken> {
        let shows_an_end = matches!(status.state, ContainerState::Terminated(_));
        let mut ends = self
            .memory
            .of(&spec.name)
            .rev()
            .filter_map(|l| l.exit.as_ref());
        let expected = ends.nth(usize::from(shows_an_end));
        let right = match (&status.last_state, expected) {
            (Some(last), Some(exit)) => {
                last.exit_code == exit.code || last.reason == "RestartingAllContainers"
            }
            (last, exit) => last.is_none() && exit.is_none(),
        };
        keep(right, "the last state is the instance before", || {
            format!("{status:?}, not {expected:?}")
        })
    }

    /// Rules B3, B13, C1.
    fn after_the_last(&self, status: &PodStatus) -> Result<(), Broken> {
        let Some(last) = &self.memory.published else {
            return Ok(());
        };
        keep(
            last != status,
            "a status is published when it changed",
            String::new,
        )?;
        let kept = !last.phase.is_terminal() || last.phase == status.phase;
        keep(kept, "Succeeded and Failed never change", || {
            format!("{:?} became {:?}", last.phase, status.phase)
        })?;
        for spec in self.pod.spec.containers() {
            let count = |status| find(status, spec).map(|c| c.restart_count);
            keep(
                count(last) <= count(status),
                "restart counts never fall",
                || spec.name.to_string(),
            )?;
        }
        for old in &last.conditions {
            let new = status.conditions.iter().find(|new| new.kind == old.kind);
            let right = new.is_some_and(|new| {
                if new.status == old.status {
                    new.last_transition == old.last_transition
                } else {
                    new.last_transition == self.memory.now
                }
            });
            keep(
                right,
                "transition times change with the status only",
                || format!("{old:?} became {new:?}"),
            )?;
        }
        Ok(())
    }
}

fn find<'s>(status: &'s PodStatus, spec: &Container) -> Option<&'s ContainerStatus> {
    let mut all = status.init.iter().chain(&status.mains);
    all.find(|c| c.name == spec.name)
}

fn ever_started(status: &ContainerStatus) -> bool {
    !matches!(status.state, ContainerState::Waiting { .. }) || status.last_state.is_some()
}
