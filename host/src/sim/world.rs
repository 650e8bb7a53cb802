//! The fake world: what really happens, as opposed to what the machine has been told so far.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Chance;
use crate::engine::{Effect, EffectId, Event, Failure, Output, ProbeKind};
use crate::model::{Attempt, Container, Exit, ExitReason, Pod, Time};

/// How unruly the world is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mood {
    /// How many of 100 effects fail.
    pub(super) faults: u64,
    /// How many of 100 events are told again, later.
    pub(super) echoes: u64,
    /// The longest an effect takes, a guest lives, and news travel.
    pub(super) effect: Duration,
    pub(super) life: Duration,
    pub(super) news: Duration,
    /// How many of 100 hooks never end, and how many guests ignore TERM.
    pub(super) stubborn: u64,
    /// How many of 100 probe verdicts are bad.
    pub(super) sick: u64,
}

impl Mood {
    /// Any mood.
    pub(super) fn any(chance: &mut Chance) -> Self {
        let secs = Duration::from_secs;
        Self {
            faults: chance.one_of(0, &[5, 30, 70]),
            echoes: chance.one_of(0, &[10, 50]),
            effect: chance.one_of(Duration::ZERO, &[secs(1), secs(60), secs(900)]),
            life: chance.one_of(secs(1), &[secs(20), secs(200), secs(2_000)]),
            news: chance.one_of(Duration::ZERO, &[secs(1), secs(30)]),
            stubborn: chance.one_of(0, &[20, 60]),
            sick: chance.one_of(0, &[20, 60]),
        }
    }

    /// From now on everything succeeds, soon. Guests still live and ignore TERM as they like.
    pub(super) fn calm(self) -> Self {
        Self {
            faults: 0,
            echoes: 0,
            effect: Duration::from_millis(100),
            news: Duration::ZERO,
            sick: 0,
            ..self
        }
    }
}

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// The machine is told.
    Tell(Event),
    /// An effect takes hold in the world.
    TakesHold(EffectId, Effect),
    /// A guest ends.
    Ends(Attempt, i32, ExitReason),
    /// A probe looks at a guest.
    Looks(Attempt, ProbeKind),
    /// The wall clock is set back by this.
    SetBack(Duration),
}

/// A guest's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guest {
    /// Its start was asked for.
    Coming,
    Alive,
    /// It ended, or never came to be.
    Gone,
}

/// The volumes or the logical host.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Thing {
    pub(super) held: bool,
    pub(super) acquired: u32,
    pub(super) released: u32,
}

/// What really is.
pub(super) struct World {
    pod: Pod,
    pub(super) mood: Mood,
    chance: Chance,
    /// True time; the wall clock may have been set back since.
    pub(super) time: Time,
    set_back: Duration,
    /// By time and, at one time, in an order of chance.
    agenda: BTreeMap<(Time, u64, u64), Happening>,
    planned: u64,
    pub(super) guests: BTreeMap<Attempt, Guest>,
    pub(super) volumes: Thing,
    pub(super) host: Thing,
}

impl World {
    pub(super) fn new(pod: Pod, mood: Mood, chance: Chance) -> Self {
        Self {
            pod,
            mood,
            chance,
            time: Time::from_unix_secs(1_000_000),
            set_back: Duration::ZERO,
            agenda: BTreeMap::new(),
            planned: 0,
            guests: BTreeMap::new(),
            volumes: Thing::default(),
            host: Thing::default(),
        }
    }

    /// What the wall clock says.
    pub(super) fn wall(&self) -> Time {
        Time::EPOCH + (self.time.since(Time::EPOCH).saturating_sub(self.set_back))
    }

    /// When true time will be, at which the wall clock says this.
    pub(super) fn true_time_of(&self, wall: Time) -> Time {
        wall + self.set_back
    }

    pub(super) fn plan(&mut self, after: Duration, what: Happening) {
        self.planned += 1;
        let key = (self.time + after, self.chance.bits(), self.planned);
        self.agenda.insert(key, what);
    }

    /// When the next thing happens.
    pub(super) fn next_at(&self) -> Option<Time> {
        self.agenda.first_key_value().map(|((at, ..), _)| *at)
    }

    /// Lets the next thing happen. Answers what the machine is to be told, if anything.
    pub(super) fn happen(&mut self) -> Option<Event> {
        let ((at, ..), what) = self.agenda.pop_first()?;
        self.time = self.time.max(at);
        match what {
            Happening::Tell(event) => {
                if self.chance.happens(self.mood.echoes) {
                    let later = self.chance.span(Duration::from_secs(1_000));
                    self.plan(later, Happening::Tell(event.clone()));
                }
                Some(event)
            }
            Happening::TakesHold(id, effect) => {
                self.takes_hold(id, effect);
                None
            }
            Happening::Ends(attempt, code, reason) => {
                self.end(attempt, code, reason);
                None
            }
            Happening::Looks(attempt, probe) => self.look(attempt, probe),
            Happening::SetBack(by) => {
                self.set_back += by;
                None
            }
        }
    }

    /// No guest of the pod lives or may come to live.
    pub(super) fn nobody_lives(&self) -> bool {
        self.guests.values().all(|guest| *guest == Guest::Gone)
    }

    /// An effect begins: later it fails or takes hold, and the machine is told.
    pub(super) fn begin(&mut self, id: EffectId, effect: Effect) {
        if let Effect::Start { attempt, .. } = &effect {
            self.guests.insert(attempt.clone(), Guest::Coming);
        }
        let hangs = matches!(effect, Effect::RunHook { .. });
        if hangs && self.chance.happens(self.mood.stubborn) {
            return;
        }
        let after = self.chance.span(self.mood.effect);
        if self.chance.happens(self.mood.faults) {
            self.plan_failure(after, id, &effect);
        } else {
            self.plan(after, Happening::TakesHold(id, effect));
        }
    }

    fn plan_failure(&mut self, after: Duration, id: EffectId, effect: &Effect) {
        if let Effect::Start { attempt, .. } = effect {
            self.guests.insert(attempt.clone(), Guest::Gone);
        }
        let reason = match effect {
            Effect::Pull { .. } => {
                let reasons = [
                    "ErrImageNeverPull",
                    "InvalidImageName",
                    "RegistryUnavailable",
                ];
                self.chance.one_of("ErrImagePull", &reasons)
            }
            Effect::Start { .. } => {
                let reasons = ["CreateContainerConfigError", "RunContainerError"];
                self.chance.one_of("CreateContainerError", &reasons)
            }
            _ => "Failed",
        };
        let message = "it is broken".into();
        let result = Err(Failure { reason, message });
        self.plan(after, Happening::Tell(Event::Done { id, result }));
    }

    /// The effect is real now; its news come later.
    fn takes_hold(&mut self, id: EffectId, effect: Effect) {
        let output = match effect {
            Effect::MountVolumes => {
                acquire(&mut self.volumes);
                Output::Unit
            }
            Effect::CreateHost => {
                acquire(&mut self.host);
                Output::Host {
                    pod_ip: Some("10.0.0.1".into()),
                    host_ip: None,
                }
            }
            Effect::UnmountVolumes => {
                release(&mut self.volumes);
                Output::Unit
            }
            Effect::ReleaseHost => {
                release(&mut self.host);
                Output::Unit
            }
            Effect::Pull { image, .. } => Output::Image {
                image_id: format!("sha256:{image}"),
                already_present: self.chance.happens(50),
                size: 1,
                took: Duration::from_secs(1),
                took_with_waiting: Duration::from_secs(1),
            },
            Effect::Start { attempt, .. } => {
                let container_id = format!("sim://{attempt:?}");
                self.live(attempt);
                Output::Started {
                    container_id,
                    at: self.wall(),
                }
            }
            Effect::RunHook { .. } => Output::Unit,
            Effect::Terminate { attempt } => {
                self.hear_term(attempt);
                Output::Unit
            }
            Effect::Kill { attempt } => {
                self.end(attempt, 137, ExitReason::Error);
                Output::Unit
            }
        };
        let result = Ok(output);
        let later = self.chance.span(self.mood.news);
        self.plan(later, Happening::Tell(Event::Done { id, result }));
    }

    /// A guest begins to live, for as long as chance will have it.
    fn live(&mut self, attempt: Attempt) {
        let spec = self.pod.spec.container(&attempt.container).cloned();
        self.guests.insert(attempt.clone(), Guest::Alive);
        if let Some(spec) = spec {
            self.plan_looks(&attempt, &spec);
        }
        if self.chance.happens(80) {
            let life = self.chance.span(self.mood.life);
            let code = self.chance.one_of(0, &[0, 1, 42, 255]);
            let reason = match code {
                _ if self.chance.happens(5) => ExitReason::OomKilled,
                0 => ExitReason::Completed,
                _ => ExitReason::Error,
            };
            self.plan(life, Happening::Ends(attempt, code, reason));
        }
    }

    fn plan_looks(&mut self, attempt: &Attempt, spec: &Container) {
        if spec.probes.startup.is_some() {
            let after = self.chance.span(self.mood.effect);
            self.plan(after, Happening::Looks(attempt.clone(), ProbeKind::Startup));
        }
        for _ in 0..self.chance.below(3) {
            let probe = self
                .chance
                .one_of(ProbeKind::Readiness, &[ProbeKind::Liveness]);
            let after = self.chance.span(self.mood.life);
            self.plan(after, Happening::Looks(attempt.clone(), probe));
        }
    }

    /// A probe's verdict on a guest that lives.
    fn look(&mut self, attempt: Attempt, probe: ProbeKind) -> Option<Event> {
        let alive = self.guests.get(&attempt) == Some(&Guest::Alive);
        let healthy = !self.chance.happens(self.mood.sick);
        alive.then_some(Event::Probed {
            attempt,
            probe,
            healthy,
        })
    }

    fn hear_term(&mut self, attempt: Attempt) {
        if self.chance.happens(self.mood.stubborn) {
            return;
        }
        let after = self.chance.span(Duration::from_secs(40));
        let code = self.chance.one_of(143, &[0, 1]);
        let reason = if code == 0 {
            ExitReason::Completed
        } else {
            ExitReason::Error
        };
        self.plan(after, Happening::Ends(attempt, code, reason));
    }

    fn end(&mut self, attempt: Attempt, code: i32, reason: ExitReason) {
        if self.guests.get(&attempt) != Some(&Guest::Alive) {
            return;
        }
        self.guests.insert(attempt.clone(), Guest::Gone);
        let exit = Exit {
            code,
            reason,
            message: None,
            at: self.wall(),
        };
        let later = self.chance.span(self.mood.news);
        self.plan(later, Happening::Tell(Event::Exited { attempt, exit }));
    }

    /// An effect is no longer wanted. It goes on, or it is broken off: hooks and pulls then without an answer.
    pub(super) fn abandon(&mut self, id: EffectId) {
        if self.chance.happens(50) {
            return;
        }
        let found = self.agenda.iter().find_map(|(key, what)| match what {
            Happening::TakesHold(other, effect) if *other == id => Some((*key, effect.clone())),
            Happening::TakesHold(..)
            | Happening::Tell(_)
            | Happening::Ends(..)
            | Happening::Looks(..)
            | Happening::SetBack(_) => None,
        });
        let Some((key, effect)) = found else {
            return;
        };
        self.agenda.remove(&key);
        match effect {
            Effect::Pull { .. } | Effect::RunHook { .. } => {}
            other => {
                let after = self.chance.span(self.mood.news);
                self.plan_failure(after, id, &other);
            }
        }
    }

    /// Whether an answer or an exit is still to come, by itself.
    pub(super) fn has_news(&self) -> bool {
        let is_news = |what: &Happening| match what {
            Happening::Tell(_) | Happening::TakesHold(..) => true,
            Happening::Ends(..) | Happening::Looks(..) | Happening::SetBack(_) => false,
        };
        self.agenda.values().any(is_news) || !self.nobody_lives()
    }
}

fn acquire(thing: &mut Thing) {
    thing.held = true;
    thing.acquired += 1;
}

fn release(thing: &mut Thing) {
    thing.held = false;
    thing.released += 1;
}
