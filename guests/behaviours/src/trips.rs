//! How long round trips took.

use std::fmt;
use std::time::Duration;

/// A number of measured round trips; shows as their median, 99th percentile and longest.
#[derive(Default)]
pub struct Trips(Vec<Duration>);

impl Trips {
    /// One more.
    pub fn add(&mut self, took: Duration) {
        self.0.push(took);
    }
}

impl fmt::Display for Trips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |percent: usize| {
            let it = sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)));
            it.map_or(0.0, |it| it.as_secs_f64() * 1e6)
        };
        write!(
            f,
            "round trip p50 {:.1} us, p99 {:.1} us, max {:.1} us",
            at(50),
            at(99),
            at(100)
        )
    }
}
