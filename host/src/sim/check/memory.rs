//! What the machine has been told and what it has said, as a bystander remembers it.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Effect, EffectId, Event, Failure, Hook, Output, ProbeKind};
use crate::model::{
    Attempt, Container, ContainerName, Exit, ExitReason, Pod, PodStatus, RestartAction, Role,
    Seconds, Time,
};

/// A bystander's memory.
#[derive(Default)]
pub(super) struct Memory {
    /// The latest time the machine was told.
    pub(super) now: Time,
    pub(super) accepted: Option<Time>,
    pub(super) deleted: bool,
    pub(super) evicted: bool,
    /// The earliest end of grace that any delete or eviction asked for.
    pub(super) grace_ends: Option<Time>,
    pub(super) in_flight: BTreeMap<EffectId, Effect>,
    pub(super) abandoned: BTreeSet<EffectId>,
    pub(super) last_id: Option<EffectId>,
    pub(super) lives: BTreeMap<Attempt, Life>,
    /// What the newest pull of a container said, unless a start used it.
    pub(super) pulled: BTreeMap<ContainerName, String>,
    /// Effects that failed, and when.
    pub(super) failed: Vec<(Time, Effect)>,
    /// While they were being mounted.
    volumes_changed: bool,
    pub(super) has_volumes: bool,
    pub(super) has_host: bool,
    pub(super) published: Option<PodStatus>,
    pub(super) forgotten: bool,
    /// Some rule may restart all containers, so the order of starts says little (rule A16).
    pub(super) may_restart_all: bool,
    pod_grace: Seconds,
}

/// One attempt.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    /// The machine was told that it started.
    pub(super) started: bool,
    /// The machine was told that it ended.
    pub(super) exit: Option<Exit>,
    pub(super) exit_told_at: Time,
    pub(super) passed_startup: bool,
    pub(super) failed_probe: bool,
    pub(super) failed_post_start: bool,
    pub(super) hooks: Vec<Hook>,
    pub(super) term_at: Option<Time>,
    pub(super) killed: bool,
    /// The machine was told that KILL arrived.
    pub(super) kill_arrived: bool,
}

impl Life {
    /// As far as the machine was told, it runs.
    pub(super) fn runs(&self) -> bool {
        self.started && self.exit.is_none()
    }

    /// It is to be stopped whether or not the pod is.
    pub(super) fn is_condemned(&self) -> bool {
        self.failed_probe || self.failed_post_start
    }

    pub(super) fn succeeded(&self) -> bool {
        let ok = |exit: &Exit| exit.code == 0 && exit.reason != ExitReason::OomKilled;
        self.exit.as_ref().is_some_and(ok)
    }
}

impl Memory {
    pub(super) fn new(pod: &Pod) -> Self {
        let restarts_all = |c: &Container| {
            let mut rules = c.restart.iter().flat_map(|restart| &restart.rules);
            rules.any(|rule| rule.action == RestartAction::RestartAllContainers)
        };
        Self {
            may_restart_all: pod.spec.containers().any(restarts_all),
            pod_grace: pod.spec.grace,
            ..Self::default()
        }
    }

    /// The newest attempt of a container that came to be, as far as the machine was told.
    pub(super) fn newest(&self, container: &ContainerName) -> Option<(&Attempt, &Life)> {
        let of_it =
            |(attempt, life): &(&Attempt, &Life)| attempt.container == *container && life.started;
        self.lives.iter().rfind(of_it)
    }

    /// Every attempt of a container that came to be, oldest first.
    pub(super) fn of<'a>(
        &'a self,
        name: &'a ContainerName,
    ) -> impl DoubleEndedIterator<Item = &'a Life> {
        let of_it =
            move |(attempt, life): &(&Attempt, &Life)| attempt.container == *name && life.started;
        self.lives.iter().filter(of_it).map(|(_, life)| life)
    }

    /// When the machine was last told the end of a container of that role.
    pub(super) fn last_end(&self, pod: &Pod, role: Role) -> Option<Time> {
        let of_role = |(attempt, life): (&Attempt, &Life)| {
            let spec = pod.spec.container(&attempt.container)?;
            (spec.role == role && life.exit.is_some()).then_some(life.exit_told_at)
        };
        self.lives.iter().filter_map(of_role).max()
    }

    /// Records what the machine is told.
    pub(super) fn learn(&mut self, wall: Time, event: &Event) {
        self.now = self.now.max(wall);
        let now = self.now;
        self.accepted.get_or_insert(now);
        match event {
            Event::Tick | Event::Pulling { .. } => {}
            // Reason enough to try at once, also for what is under way and may have looked before.
            Event::VolumesChanged => {
                self.failed
                    .retain(|(_, effect)| *effect != Effect::MountVolumes);
                let mut in_flight = self.in_flight.values();
                self.volumes_changed = in_flight.any(|effect| *effect == Effect::MountVolumes);
            }
            Event::Delete { grace } => {
                let grace = grace.unwrap_or(self.pod_grace).max(Seconds(1));
                self.deleted = true;
                self.grace_may_end(now + grace);
            }
            Event::Evict { .. } => {
                self.evicted = true;
                self.grace_may_end(now + Seconds(1));
            }
            Event::Done { id, result } => {
                if let Some(effect) = self.in_flight.remove(id) {
                    let is_mount = effect == Effect::MountVolumes;
                    let outdated = is_mount && std::mem::take(&mut self.volumes_changed);
                    if let Err(failure) = result {
                        if !outdated {
                            self.failed.push((now, effect.clone()));
                        }
                        self.not_configured(&effect, failure);
                    }
                    self.done(effect, result.as_ref().ok());
                }
            }
            Event::Exited { attempt, exit } => {
                if let Some(life) = self.lives.get_mut(attempt)
                    && life.exit.is_none()
                {
                    life.exit = Some(exit.clone());
                    life.exit_told_at = now;
                }
            }
            Event::Probed {
                attempt,
                probe,
                healthy,
            } => {
                if let Some(life) = self.lives.get_mut(attempt) {
                    life.passed_startup |= *healthy && *probe == ProbeKind::Startup;
                    life.failed_probe |= !healthy && *probe != ProbeKind::Readiness;
                }
            }
        }
    }

    /// A start that could not even be configured did not use its image: the next one may (rule H5).
    fn not_configured(&mut self, effect: &Effect, failure: &Failure) {
        if let Effect::Start { attempt, image_id } = effect
            && failure.reason == "CreateContainerConfigError"
        {
            let container = attempt.container.clone();
            self.pulled.insert(container, image_id.clone());
        }
    }

    fn grace_may_end(&mut self, at: Time) {
        self.grace_ends = Some(self.grace_ends.map_or(at, |before| before.min(at)));
    }

    fn done(&mut self, effect: Effect, output: Option<&Output>) {
        match (effect, output) {
            (Effect::MountVolumes, Some(_)) => self.has_volumes = true,
            (Effect::UnmountVolumes, Some(_)) => self.has_volumes = false,
            (Effect::CreateHost, Some(_)) => self.has_host = true,
            (Effect::ReleaseHost, Some(_)) => self.has_host = false,
            (Effect::Pull { container, .. }, Some(Output::Image { image_id, .. })) => {
                self.pulled.insert(container, image_id.clone());
            }
            (Effect::Start { attempt, .. }, Some(_)) => self.life(&attempt).started = true,
            (Effect::Kill { attempt }, Some(_)) => self.life(&attempt).kill_arrived = true,
            (Effect::RunHook { attempt, hook }, None) => {
                self.life(&attempt).failed_post_start |= hook == Hook::PostStart;
            }
            (_, _) => {}
        }
    }

    fn life(&mut self, attempt: &Attempt) -> &mut Life {
        self.lives.entry(attempt.clone()).or_default()
    }

    /// Records what the machine asks for.
    pub(super) fn asked(&mut self, id: EffectId, effect: &Effect) {
        self.last_id = Some(id);
        self.in_flight.insert(id, effect.clone());
        let now = self.now;
        match effect {
            Effect::Start { attempt, .. } => {
                self.pulled.remove(&attempt.container);
                *self.life(attempt) = Life::default();
            }
            Effect::RunHook { attempt, hook } => self.life(attempt).hooks.push(*hook),
            Effect::Terminate { attempt } => self.life(attempt).term_at = Some(now),
            Effect::Kill { attempt } => self.life(attempt).killed = true,
            Effect::MountVolumes
            | Effect::CreateHost
            | Effect::Pull { .. }
            | Effect::ReleaseHost
            | Effect::UnmountVolumes => {}
        }
    }

    /// Records that an effect is no longer wanted. Returns whether it was in flight, and wanted.
    pub(super) fn abandon(&mut self, id: EffectId) -> bool {
        let Some(effect) = self.in_flight.get(&id) else {
            return false;
        };
        // A pull or a hook is as good as gone; the machine waits for the others all the same.
        if matches!(effect, Effect::Pull { .. } | Effect::RunHook { .. }) {
            self.in_flight.remove(&id);
        }
        self.abandoned.insert(id)
    }
}
