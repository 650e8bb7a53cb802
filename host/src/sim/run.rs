//! Playing one story from its seed.

use std::time::Duration;

use super::check::{Broken, Checker};
use super::trace::{Trace, Violation};
use super::world::{Happening, Mood, World};
use super::{Chance, random_pod};
use crate::engine::{Action, Backoff, Config, EffectId, Event, Output, PodMachine};
use crate::model::{Attempt, Exit, ExitReason, Pod, Seconds};

/// How many things may happen after the world calmed down, before a deleted pod must be forgotten.
const PATIENCE: u64 = 3_000;

/// One pod's machine in a faked world.
pub struct Simulation {
    world: World,
    machine: PodMachine,
    checker: Checker,
    chance: Chance,
    trace: Trace,
}

impl Simulation {
    /// Plays the story of this seed, with a random pod.
    ///
    /// # Errors
    /// The first promise the engine broke.
    pub fn run(seed: u64) -> Result<Trace, Violation> {
        let pod = random_pod(&mut Chance::new(!seed));
        Self::run_pod(pod, seed)
    }

    /// Plays the story of this seed, with this pod.
    ///
    /// # Errors
    /// The first promise the engine broke.
    pub fn run_pod(pod: Pod, seed: u64) -> Result<Trace, Violation> {
        let mut simulation = Self::new(pod, seed);
        match simulation.play() {
            Ok(()) => Ok(simulation.trace),
            Err(Broken { promise, detail }) => Err(Violation {
                seed,
                promise,
                detail,
                trace: simulation.trace,
            }),
        }
    }

    fn new(pod: Pod, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let mood = Mood::any(&mut chance);
        let config = any_config(&mut chance);
        let mut trace = Trace::default();
        trace.note(format!("{:#?}", pod.spec));
        trace.note(format!("{mood:?}"));
        trace.note(format!("{config:?}"));
        let world_chance = Chance::new(chance.bits());
        Self {
            world: World::new(pod.clone(), mood, world_chance),
            machine: PodMachine::new(pod.clone(), config),
            checker: Checker::new(pod, config),
            chance,
            trace,
        }
    }

    fn play(&mut self) -> Result<(), Broken> {
        let unrest = 20 + self.chance.below(200);
        self.stir(unrest);
        if self.chance.happens(95) {
            self.tell(Event::Tick)?;
        }
        let mut happened = 0;
        while !self.checker.forgotten() {
            if happened == unrest {
                self.calm_down();
            }
            let patient = happened < unrest + PATIENCE;
            if !patient {
                let promise = "a deleted pod ends in Forget";
                let detail = format!("{:?}", self.machine.status());
                return Err(Broken { promise, detail });
            }
            happened += 1;
            if !self.advance()? {
                // Nothing will happen by itself any more: on to the delete.
                happened = happened.max(unrest);
                self.calm_down();
            }
        }
        self.drain()
    }

    /// Plans what comes from outside: deletes, wake-ups nobody asked for, a clock set back, and news of nobody.
    fn stir(&mut self, unrest: u64) {
        let horizon = Duration::from_secs(self.chance.one_of(2, &[60, 3_000]));
        for _ in 0..self.chance.below(3) {
            let delete = self.any_delete();
            self.plan(horizon, Happening::Tell(delete));
        }
        if self.chance.happens(15) {
            let reason = "Evicted";
            let message = "it used too much".to_owned();
            self.plan(horizon, Happening::Tell(Event::Evict { reason, message }));
        }
        for _ in 0..self.chance.below(unrest) / 4 {
            self.plan(horizon, Happening::Tell(Event::Tick));
        }
        for _ in 0..self.chance.below(4) {
            let stranger = self.news_of_nobody();
            self.plan(horizon, Happening::Tell(stranger));
        }
        if self.chance.happens(10) {
            let by = Duration::from_secs(self.chance.below(100));
            self.plan(horizon, Happening::SetBack(by));
        }
        for _ in 0..self.chance.below(3) {
            self.plan(horizon, Happening::Tell(Event::VolumesChanged));
        }
    }

    fn plan(&mut self, horizon: Duration, what: Happening) {
        let after = self.chance.span(horizon);
        self.world.plan(after, what);
    }

    fn any_delete(&mut self) -> Event {
        let seconds = self.chance.one_of(0, &[1, 3, 30, 300]);
        let grace = self.chance.happens(70).then_some(Seconds(seconds));
        Event::Delete { grace }
    }

    /// Answers and exits the machine can't know of.
    fn news_of_nobody(&mut self) -> Event {
        if self.chance.happens(50) {
            let id = EffectId(1_000_000 + self.chance.below(10));
            let result = Ok(Output::Unit);
            return Event::Done { id, result };
        }
        let number = u32::MAX;
        let container = self.chance.one_of("m9", &["i0", "nobody"]).into();
        let exit = Exit {
            code: 0,
            reason: ExitReason::Completed,
            message: None,
            at: self.world.wall(),
        };
        let attempt = Attempt { container, number };
        Event::Exited { attempt, exit }
    }

    /// From now on every effect succeeds; the pod is deleted, if it isn't yet.
    fn calm_down(&mut self) {
        self.trace.note("the world calms down");
        self.world.mood = self.world.mood.calm();
        let delete = self.any_delete();
        self.world.plan(Duration::ZERO, Happening::Tell(delete));
    }

    /// Lets the next thing happen, or wakes the machine if that is earlier. Returns whether there was anything.
    fn advance(&mut self) -> Result<bool, Broken> {
        let next = self.world.next_at();
        let wake = self.machine.wake_at().map(|at| {
            let late = if self.chance.happens(20) {
                self.chance.span(Duration::from_secs(2))
            } else {
                Duration::ZERO
            };
            self.world.true_time_of(at) + late
        });
        match (next, wake) {
            (None, None) => return Ok(false),
            (Some(at), wake) if wake.is_none_or(|wake| at <= wake) => {
                if let Some(event) = self.world.happen() {
                    self.tell(event)?;
                }
            }
            (_, Some(wake)) => {
                self.world.time = self.world.time.max(wake);
                self.tell(Event::Tick)?;
            }
            (Some(_), None) => {}
        }
        Ok(true)
    }

    fn tell(&mut self, event: Event) -> Result<(), Broken> {
        let wall = self.world.wall();
        let actions = self.machine.step(wall, event.clone());
        self.trace.step(wall, &event, &actions);
        self.checker
            .step(&self.world, &self.machine, wall, &event, &actions)?;
        for action in actions {
            match action {
                Action::Run(id, effect) => self.world.begin(id, effect),
                Action::Abandon(id) => self.world.abandon(id),
                Action::Publish(_) | Action::Record(_) | Action::Forget => {}
            }
        }
        self.checker.not_stuck(&self.world, &self.machine)
    }

    /// Late news for a machine that has forgotten.
    fn drain(&mut self) -> Result<(), Broken> {
        for _ in 0..PATIENCE {
            if self.world.next_at().is_none() {
                break;
            }
            if let Some(event) = self.world.happen() {
                self.tell(event)?;
            }
        }
        Ok(())
    }
}

fn any_config(chance: &mut Chance) -> Config {
    let mut backoff = || Backoff {
        base: Duration::from_millis(chance.one_of(10_000, &[100, 1_000])),
        cap: Duration::from_secs(chance.one_of(300, &[5])),
        ..Backoff::default()
    };
    Config {
        restarts: backoff(),
        pulls: backoff(),
        minimum_grace: Seconds(2),
    }
}
