//! The invariants, checked after every step against the true world and against what the machine has been told. Nothing here
//! asks the engine how it came to its answer.

mod lives;
mod memory;
mod status;

use memory::Memory;

use super::world::World;
use crate::engine::{Action, Config, Event, PodMachine};
use crate::model::{Phase, Pod, Time};

/// A promise that was broken.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) promise: &'static str,
    pub(super) detail: String,
}

/// Fails with that promise unless it was kept.
fn keep(kept: bool, promise: &'static str, detail: impl FnOnce() -> String) -> Result<(), Broken> {
    if kept {
        return Ok(());
    }
    let detail = detail();
    Err(Broken { promise, detail })
}

/// Watches one machine.
pub(super) struct Checker {
    pod: Pod,
    config: Config,
    memory: Memory,
}

impl Checker {
    pub(super) fn new(pod: Pod, config: Config) -> Self {
        Self {
            memory: Memory::new(&pod),
            pod,
            config,
        }
    }

    /// Checks one step: the actions said, before the world begins them.
    pub(super) fn step(
        &mut self,
        world: &World,
        machine: &PodMachine,
        wall: Time,
        event: &Event,
        actions: &[Action],
    ) -> Result<(), Broken> {
        let was_forgotten = self.memory.forgotten;
        self.memory.learn(wall, event);
        keep(
            !was_forgotten || actions.is_empty(),
            "nothing happens after Forget",
            || format!("{actions:?}"),
        )?;
        for (place, action) in actions.iter().enumerate() {
            match action {
                Action::Run(id, effect) => {
                    let fresh = self.memory.last_id.is_none_or(|last| last < *id);
                    keep(fresh, "effect ids are never used again", || {
                        format!("{id:?}")
                    })?;
                    self.effect(world, effect)?;
                    self.memory.asked(*id, effect);
                }
                Action::Abandon(id) => {
                    self.abandon(*id)?;
                    self.abandon(*id)?;
                    let known = self.memory.abandon(*id);
                    keep(known, "only what is in flight is abandoned, once", || {
                        format!("{id:?}")
                    })?;
                }
                Action::Publish(status) => {
                    self.status(world, status)?;
                    self.memory.published = Some(status.as_ref().clone());
                }
                Action::Record(_) => {}
                Action::Forget => {
                    keep(place + 1 == actions.len(), "Forget comes last", String::new)?;
                    self.forget(world)?;
                }
            }
        }
        let publishes = actions
            .iter()
            .filter(|a| matches!(a, Action::Publish(_)))
            .count();
        keep(publishes <= 1, "at most one status a step", String::new)?;
        self.afterwards(machine, wall)
    }

    fn afterwards(&self, machine: &PodMachine, wall: Time) -> Result<(), Broken> {
        let forgotten = machine.is_forgotten() == self.memory.forgotten;
        keep(
            forgotten,
            "is_forgotten() after Forget and not before",
            String::new,
        )?;
        let status = Some(machine.status());
        keep(
            status == self.memory.published,
            "status() is what was published",
            || format!("{status:?}"),
        )?;
        let wake = machine.wake_at();
        keep(
            wake.is_none_or(|at| at > self.memory.now),
            "wake_at() is in the future",
            || format!("{wake:?}"),
        )?;
        let duty = self.next_duty();
        keep(
            duty.is_none() || wake.is_some_and(|wake| Some(wake) <= duty),
            "the machine is woken for what it must do",
            || format!("woken at {wake:?}, must at {duty:?}"),
        )?;
        self.nothing_unwanted_is_in_flight()?;

        let mut twin = machine.clone();
        let again = twin.step(wall, Event::Tick);
        keep(
            again.is_empty(),
            "planning twice yields nothing new",
            || format!("{again:?}"),
        )?;
        keep(
            twin.wake_at() == wake,
            "planning twice waits for the same",
            || format!("{wake:?}, then {:?}", twin.wake_at()),
        )?;
        self.grace_is_not_exceeded()
    }

    /// Checks, after the world began the actions, that the pod can't be stuck.
    pub(super) fn not_stuck(&self, world: &World, machine: &PodMachine) -> Result<(), Broken> {
        let goes_on = self.memory.forgotten
            || self.rests(world)
            || machine.wake_at().is_some()
            || world.has_news();
        keep(
            goes_on,
            "unless finished, something is always pending",
            || format!("{:?}", machine.status()),
        )
    }

    /// The pod ended by itself and only waits for its delete.
    pub(super) fn rests(&self, world: &World) -> bool {
        let phase = self.memory.published.as_ref().map(|status| status.phase);
        !self.memory.deleted
            && phase.is_some_and(Phase::is_terminal)
            && !world.volumes.held
            && !world.host.held
            && world.nobody_lives()
    }

    pub(super) fn forgotten(&self) -> bool {
        self.memory.forgotten
    }

    fn forget(&mut self, world: &World) -> Result<(), Broken> {
        let promise = "a pod is forgotten when it is deleted, over and released";
        let phase = self.memory.published.as_ref().map(|status| status.phase);
        keep(self.memory.deleted, promise, || "it isn't deleted".into())?;
        keep(phase.is_some_and(Phase::is_terminal), promise, || {
            format!("{phase:?}")
        })?;
        keep(world.nobody_lives(), promise, || {
            format!("{:?}", world.guests)
        })?;
        for thing in [world.volumes, world.host] {
            let released = !thing.held && thing.acquired == thing.released;
            keep(released, promise, || format!("{thing:?}"))?;
        }
        self.memory.forgotten = true;
        Ok(())
    }
}
