//! What one step works with: the pod, the time, the effects in flight, and the actions said so far.

use std::collections::BTreeMap;

use super::{Action, Config, Effect, EffectId, Hook, Notice};
use crate::model::{Attempt, ContainerName, Pod, Time};

/// The effects that were asked for and not yet answered. They are facts: nothing is asked for twice.
#[derive(Clone, Debug, Default)]
pub(super) struct Flight {
    last: u64,
    effects: BTreeMap<EffectId, InFlight>,
}

#[derive(Clone, Debug)]
struct InFlight {
    effect: Effect,
    abandoned: bool,
}

impl Flight {
    /// Whether this very effect is in flight.
    pub(super) fn has(&self, effect: &Effect) -> bool {
        self.any(|other| other == effect)
    }

    /// Whether the container's image is being pulled.
    pub(super) fn pulls(&self, container: &ContainerName) -> bool {
        self.any(|effect| is_pull_of(effect, container))
    }

    /// Whether that effect, not answered yet, is a pull for the container.
    pub(super) fn is_pull_of(&self, id: EffectId, container: &ContainerName) -> bool {
        let flight = self.effects.get(&id);
        flight.is_some_and(|flight| is_pull_of(&flight.effect, container))
    }

    fn any(&self, wanted: impl Fn(&Effect) -> bool) -> bool {
        self.effects.values().any(|flight| wanted(&flight.effect))
    }
}

fn is_pull_of(effect: &Effect, name: &ContainerName) -> bool {
    matches!(effect, Effect::Pull { container, .. } if container == name)
}

/// One step's working place.
pub(super) struct Desk<'a> {
    pub(super) pod: &'a Pod,
    pub(super) config: &'a Config,
    pub(super) now: Time,
    flight: &'a mut Flight,
    notices: Vec<Notice>,
    work: Vec<Action>,
    wake: Option<Time>,
}

impl<'a> Desk<'a> {
    pub(super) fn new(pod: &'a Pod, config: &'a Config, now: Time, flight: &'a mut Flight) -> Self {
        Self {
            pod,
            config,
            now,
            flight,
            notices: Vec::new(),
            work: Vec::new(),
            wake: None,
        }
    }

    /// Asks for an effect, unless the same is in flight already.
    pub(super) fn ensure(&mut self, effect: Effect) {
        if self.flight.has(&effect) {
            return;
        }
        self.flight.last += 1;
        let id = EffectId(self.flight.last);
        self.work.push(Action::Run(id, effect.clone()));
        let in_flight = InFlight {
            effect,
            abandoned: false,
        };
        self.flight.effects.insert(id, in_flight);
    }

    /// Says once that the effect's result is no longer wanted, and goes on waiting for it: a start, a mount or a host may
    /// have come to be in spite of it, and must then be undone.
    pub(super) fn discourage(&mut self, wanted: impl Fn(&Effect) -> bool) {
        for (id, flight) in &mut self.flight.effects {
            if !flight.abandoned && wanted(&flight.effect) {
                flight.abandoned = true;
                self.work.push(Action::Abandon(*id));
            }
        }
    }

    /// Gives up a hook. It leaves nothing behind, so its answer is not waited for.
    pub(super) fn give_up_hook(&mut self, attempt: &Attempt, hook: Hook) {
        let gone = Effect::RunHook {
            attempt: attempt.clone(),
            hook,
        };
        self.give_up(|effect| *effect == gone);
    }

    /// Gives up the pull for this container. A late answer changes nothing.
    pub(super) fn give_up_pull(&mut self, container: &ContainerName) {
        self.give_up(|effect| is_pull_of(effect, container));
    }

    fn give_up(&mut self, unwanted: impl Fn(&Effect) -> bool) {
        let work = &mut self.work;
        self.flight.effects.retain(|id, flight| {
            let keep = !unwanted(&flight.effect);
            if !keep && !flight.abandoned {
                work.push(Action::Abandon(*id));
            }
            keep
        });
    }

    /// Takes an answered effect out. A second answer, or one to an effect that was given up, finds nothing.
    pub(super) fn take(&mut self, id: EffectId) -> Option<Effect> {
        let answered = self.flight.effects.remove(&id);
        answered.map(|flight| flight.effect)
    }

    /// What is in flight.
    pub(super) fn flight(&self) -> &Flight {
        self.flight
    }

    /// Tells the user something.
    pub(super) fn record(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    /// Whether `time` has come; if not, the machine waits for it.
    pub(super) fn has_come(&mut self, time: Time) -> bool {
        if time <= self.now {
            return true;
        }
        self.wait_until(time);
        false
    }

    /// Wants to be woken then. Every wait in the plan goes through here, so
    /// [`wake_at`](super::PodMachine::wake_at) is exactly what the plan waits for.
    pub(super) fn wait_until(&mut self, time: Time) {
        self.wake = Some(self.wake.map_or(time, |wake| wake.min(time)));
    }

    /// What was said: notices, work, and when to be woken.
    pub(super) fn clear(self) -> (Vec<Notice>, Vec<Action>, Option<Time>) {
        (self.notices, self.work, self.wake)
    }
}
