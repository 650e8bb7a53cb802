//! Waiting, for several things at once and not for ever.

use std::time::{Duration, Instant};

use wasip2::clocks::monotonic_clock;
use wasip2::io::poll::{Pollable, poll};

/// Until when something is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// As long as it takes.
    pub(crate) const NEVER: Self = Self(None);

    /// So long from now; without a time, or with one that no clock reaches, for ever.
    pub(crate) fn within(time: Option<Duration>) -> Self {
        Self::after(Instant::now(), time)
    }

    /// So long after `start`.
    pub(crate) fn after(start: Instant, time: Option<Duration>) -> Self {
        Self(time.and_then(|time| start.checked_add(time)))
    }

    /// The earlier of the two.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(match (self.0, other.0) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        })
    }

    /// Whether it has passed.
    pub(crate) fn is_over(self) -> bool {
        self.0.is_some_and(|end| end <= Instant::now())
    }

    fn timer(self) -> Option<Pollable> {
        let left = self.0?.saturating_duration_since(Instant::now());
        Some(monotonic_clock::subscribe_duration(
            u64::try_from(left.as_nanos()).unwrap_or(u64::MAX),
        ))
    }
}

/// Waits until one of `what` is ready: whether that was before the deadline.
pub(crate) fn wait(what: &[&Pollable], deadline: Deadline) -> bool {
    let timer = deadline.timer();
    let mut all = what.to_vec();
    all.extend(timer.as_ref());
    if all.is_empty() {
        // Polling nothing is a trap.
        return false;
    }
    poll(&all)
        .iter()
        .any(|index| usize::try_from(*index).is_ok_and(|index| index < what.len()))
}
