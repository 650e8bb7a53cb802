//! Doubling waits: a series remembers how long the next wait is, a retry also when the last failure was.

use std::time::Duration;

use super::Backoff;
use crate::model::Time;

/// Mounting, releasing and killing are retried for ever: 0.5 s, doubling to 122 s.
pub(super) const PATIENT: Backoff = Backoff {
    base: Duration::from_millis(500),
    cap: Duration::from_secs(122),
    reset_after: Duration::MAX,
};

/// The waits of one thing that may have to be tried many times (rules B9, I3).
#[derive(Clone, Debug, Default)]
pub(super) struct Series(Option<Step>);

#[derive(Clone, Debug)]
struct Step {
    wait: Duration,
    recorded: Time,
}

impl Series {
    /// How long to wait after `since`; nothing when no try is on record or the record is too old to matter.
    pub(super) fn wait(&self, backoff: &Backoff, since: Time) -> Duration {
        self.current(backoff, since)
            .map_or(Duration::ZERO, |step| step.wait)
    }

    /// Puts a try on record. The wait after it is the base the first time and doubles from then on.
    pub(super) fn advance(&mut self, backoff: &Backoff, since: Time, now: Time) {
        let wait = match self.current(backoff, since) {
            Some(step) => step.wait.saturating_mul(2),
            None => backoff.base,
        };
        self.0 = Some(Step {
            wait: wait.min(backoff.cap),
            recorded: now,
        });
    }

    fn current(&self, backoff: &Backoff, since: Time) -> Option<&Step> {
        self.0
            .as_ref()
            .filter(|step| since.since(step.recorded) <= backoff.reset_after)
    }
}

/// A series counted in failures: the first wait comes after the first failure.
#[derive(Clone, Debug, Default)]
pub(super) struct Retry {
    series: Series,
    failed_at: Option<Time>,
}

impl Retry {
    /// Nothing has failed yet.
    pub(super) const fn new() -> Self {
        Self {
            series: Series(None),
            failed_at: None,
        }
    }

    /// The try failed.
    pub(super) fn fail(&mut self, backoff: &Backoff, now: Time) {
        self.series.advance(backoff, now, now);
        self.failed_at = Some(now);
    }

    /// The reason of the last failure may be gone: the next try may come at once. Should it fail, the wait is the longer one.
    pub(super) fn hurry(&mut self) {
        self.failed_at = None;
    }

    /// When to try again; at once if nothing failed. A success in between changes nothing, so a thing that fails every other
    /// time still waits longer and longer (rule I3).
    pub(super) fn due(&self, backoff: &Backoff) -> Time {
        self.failed_at
            .map_or(Time::EPOCH, |at| at + self.series.wait(backoff, at))
    }
}
