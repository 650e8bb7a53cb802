//! When a probe is run and what its results amount to. Pure: time and sight are arguments.

use crate::engine::ProbeKind;
use crate::model::{Attempt, Probe, Time};

/// What is to be done at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The probe is run now.
    Run,
    /// Not now.
    Wait,
    /// Never again.
    Stop,
}

/// What is known of the container at a tick, as its status reports it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look<'a> {
    /// The instance that runs, and since when.
    pub(super) running: Option<(&'a Attempt, Time)>,
    /// It is past its startup probe.
    pub(super) started: bool,
    /// The pod is coming to its end.
    pub(super) ending: bool,
}

/// One probe's memory.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    kind: ProbeKind,
    probe: Probe,
    /// Which instance the rest is about.
    instance: Option<Attempt>,
    /// The stored result (rule D2: unknown for a startup probe).
    verdict: Option<bool>,
    /// The last raw result and how many times in a row it came.
    last: Option<bool>,
    run: u32,
    /// It failed; nothing is asked until there is a new instance (rule D6).
    on_hold: bool,
}

impl Judge {
    pub(super) fn new(kind: ProbeKind, probe: Probe) -> Self {
        Self {
            kind,
            probe,
            instance: None,
            verdict: initial(kind),
            last: None,
            run: 0,
            on_hold: false,
        }
    }

    /// Whether to run now (rules D3, D4, D6, D14).
    pub(super) fn look(&mut self, now: Time, look: Look<'_>) -> Next {
        let condemns = matches!(self.kind, ProbeKind::Liveness | ProbeKind::Startup);
        if look.ending && condemns {
            return Next::Stop;
        }
        let Some((attempt, since)) = look.running else {
            return Next::Wait;
        };
        if self.instance.as_ref() != Some(attempt) {
            self.instance = Some(attempt.clone());
            self.verdict = initial(self.kind);
            (self.last, self.run, self.on_hold) = (None, 0, false);
        }
        let is_startup = self.kind == ProbeKind::Startup;
        let delayed = now.since(since) < self.probe.initial_delay.duration();
        if self.on_hold || delayed || look.started == is_startup {
            Next::Wait
        } else {
            Next::Run
        }
    }

    /// Takes a raw result about the instance last looked at. Answers what the stored result changes to (rule D5).
    pub(super) fn take(&mut self, healthy: bool) -> Option<bool> {
        if self.last == Some(healthy) {
            self.run = self.run.saturating_add(1);
        } else {
            (self.last, self.run) = (Some(healthy), 1);
        }
        let threshold = if healthy {
            self.probe.success_threshold
        } else {
            self.probe.failure_threshold
        };
        if self.run < threshold {
            return None;
        }
        self.on_hold = !healthy && self.kind != ProbeKind::Readiness;
        let changed = self.verdict != Some(healthy);
        self.verdict = Some(healthy);
        changed.then_some(healthy)
    }
}

/// Rule D2.
const fn initial(kind: ProbeKind) -> Option<bool> {
    match kind {
        ProbeKind::Readiness => Some(false),
        ProbeKind::Liveness => Some(true),
        ProbeKind::Startup => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Judge, Look, Next};
    use crate::engine::ProbeKind::{self, Liveness, Readiness, Startup};
    use crate::model::{Attempt, Probe, Seconds, Time, testing};

    const START: Time = Time::from_unix_secs(1_000);

    fn judge(kind: ProbeKind, change: impl FnOnce(&mut Probe)) -> Judge {
        let mut probe = testing::probe();
        change(&mut probe);
        Judge::new(kind, probe)
    }

    fn attempt(number: u32) -> Attempt {
        Attempt {
            container: "c".into(),
            number,
        }
    }

    fn running(attempt: &Attempt, started: bool) -> Look<'_> {
        Look {
            running: Some((attempt, START)),
            started,
            ending: false,
        }
    }

    /// Looks, then takes each result in turn: `+` healthy, `-` not. What the stored result changes to, `.` for nothing.
    fn play(judge: &mut Judge, attempt: &Attempt, results: &str) -> String {
        let started = judge.kind != Startup;
        let say = |changed| match changed {
            Some(true) => '+',
            Some(false) => '-',
            None => '.',
        };
        let mut one = |result| {
            if judge.look(START, running(attempt, started)) == Next::Run {
                say(judge.take(result == '+'))
            } else {
                '|'
            }
        };
        results.chars().map(&mut one).collect()
    }

    #[test]
    fn d5_the_stored_result_flips_after_a_threshold_of_equal_results() {
        for (kind, failures, successes, results, changes) in [
            (Readiness, 3, 1, "+--+---+", "+.....-+"),
            (Readiness, 1, 1, "-+-+", ".+-+"),
            (Readiness, 1, 3, "++-+++-", ".....+-"),
            (Readiness, 3, 1, "---", "..."),
            (Liveness, 3, 1, "--+--+", "......"),
            (Liveness, 2, 1, "+--", "..-"),
            (Startup, 3, 1, "--+", "..+"),
        ] {
            let mut judge = judge(kind, |probe| {
                (probe.failure_threshold, probe.success_threshold) = (failures, successes);
            });
            let said = play(&mut judge, &attempt(0), results);
            assert_eq!(said, changes, "{kind:?} {failures}/{successes} {results}");
        }
    }

    #[test]
    fn d6_after_it_failed_nothing_is_asked_until_there_is_a_new_instance() {
        for kind in [Liveness, Startup] {
            let mut judge = judge(kind, |probe| probe.failure_threshold = 2);
            assert_eq!(play(&mut judge, &attempt(0), "----"), ".-||", "{kind:?}");
            assert_eq!(play(&mut judge, &attempt(1), "--"), ".-", "{kind:?}");
        }
        let mut readiness = judge(Readiness, |probe| probe.failure_threshold = 1);
        assert_eq!(play(&mut readiness, &attempt(0), "+--+"), "+-.+");
    }

    #[test]
    fn d2_a_new_instance_begins_anew() {
        let mut readiness = judge(Readiness, |probe| probe.success_threshold = 2);
        assert_eq!(play(&mut readiness, &attempt(0), "++"), ".+");
        assert_eq!(play(&mut readiness, &attempt(1), "+"), ".");
        assert_eq!(play(&mut readiness, &attempt(1), "+"), "+");
        let mut liveness = judge(Liveness, |probe| probe.failure_threshold = 2);
        assert_eq!(play(&mut liveness, &attempt(0), "-"), ".");
        assert_eq!(
            play(&mut liveness, &attempt(1), "-"),
            ".",
            "what an instance before it did is not held against it"
        );
    }

    #[test]
    fn d3_nothing_is_asked_before_the_container_runs_and_the_delay_is_over() {
        let mut judge = judge(Liveness, |probe| probe.initial_delay = Seconds(5));
        let it = attempt(0);
        let nothing = Look {
            running: None,
            started: false,
            ending: false,
        };
        assert_eq!(judge.look(START, nothing), Next::Wait);
        for (millis, next) in [(0, Next::Wait), (4_999, Next::Wait), (5_000, Next::Run)] {
            let now = START + std::time::Duration::from_millis(millis);
            assert_eq!(judge.look(now, running(&it, true)), next, "{millis} ms");
        }
    }

    #[test]
    fn d4_others_wait_for_the_startup_probe_and_it_stops_when_it_succeeded() {
        let it = attempt(0);
        for (kind, started, next) in [
            (Startup, false, Next::Run),
            (Startup, true, Next::Wait),
            (Liveness, false, Next::Wait),
            (Liveness, true, Next::Run),
            (Readiness, false, Next::Wait),
            (Readiness, true, Next::Run),
        ] {
            let mut judge = judge(kind, |_| {});
            assert_eq!(
                judge.look(START, running(&it, started)),
                next,
                "{kind:?} {started}"
            );
        }
    }

    #[test]
    fn d14_of_a_pod_at_its_end_only_readiness_is_asked() {
        let it = attempt(0);
        for (kind, started, next) in [
            (Startup, false, Next::Stop),
            (Liveness, true, Next::Stop),
            (Readiness, true, Next::Run),
        ] {
            let mut judge = judge(kind, |_| {});
            let look = Look {
                ending: true,
                ..running(&it, started)
            };
            assert_eq!(judge.look(START, look), next, "{kind:?}");
        }
    }
}
