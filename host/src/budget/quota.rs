//! `limits.cpu`: so much processor time in each period, and not more.

use std::time::Duration;

use crate::model::Millicores;

/// As the kernel's default (`cpu.cfs_period_us`).
pub const PERIOD: Duration = Duration::from_millis(100);
/// What may be left over for the next period. A guest that waits for its period is woken a little late; what it lost by that, it makes up
/// for, and no more.
const CARRIED_NANOS_MAX: u64 = 10_000_000;

/// The processor time of one container, or of one pod as a whole, against its limit. Times are counted from any fixed start.
///
/// Use is only known when it is over: a guest runs until the next tick of the epoch. What it ran too long is a debt that later periods
/// pay, so that over time it gets what it may have, however short that is against a tick.
#[derive(Clone, Debug)]
pub struct Quota {
    nanos_per_period: u64,
    /// The period that `debt` is of.
    period: u64,
    /// Of this period.
    used: u64,
    /// Not used in periods before.
    carried: u64,
}

impl Quota {
    /// A quota that nothing was used of.
    pub fn new(limit: Millicores) -> Self {
        // A limit of nothing is no limit to Kubernetes (rule J2); here it would stop everything for ever.
        let millis = limit.0.max(1);
        Self {
            nanos_per_period: millis.saturating_mul(nanos(PERIOD) / 1000),
            period: 0,
            used: 0,
            carried: 0,
        }
    }

    /// When it may run: none is now.
    pub fn resumes_at(&mut self, now: Duration) -> Option<Duration> {
        self.roll(now);
        let over = self.used.checked_sub(self.may())?;
        // Each period to come pays its share of the debt; it goes on in the first that has something left.
        let periods = 1 + over / self.nanos_per_period;
        let start = self
            .period
            .saturating_add(periods)
            .saturating_mul(nanos(PERIOD));
        Some(Duration::from_nanos(start))
    }

    /// It ran.
    pub fn charge(&mut self, now: Duration, ran: Duration) {
        self.roll(now);
        self.used = self.used.saturating_add(nanos(ran));
    }

    fn may(&self) -> u64 {
        self.nanos_per_period.saturating_add(self.carried)
    }

    fn roll(&mut self, now: Duration) {
        let period = nanos(now) / nanos(PERIOD);
        let passed = period.saturating_sub(self.period);
        if passed == 0 {
            return;
        }
        self.period = period;
        let gained = self
            .nanos_per_period
            .saturating_mul(passed)
            .saturating_add(self.carried);
        // What it may use in this new period is its own share and what is left of those before.
        let left = gained.saturating_sub(self.used);
        self.used = self.used.saturating_sub(gained);
        self.carried = left.min(CARRIED_NANOS_MAX).min(self.nanos_per_period);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Quota;
    use crate::model::Millicores;

    const TICK: Duration = Duration::from_millis(10);

    /// What guests that spin get in 100 seconds if they run from tick to tick and are woken `late`: of a second, in millicores.
    fn spun(limit: u64, processes: u32, late: Duration) -> u64 {
        let mut quota = Quota::new(Millicores(limit));
        let (mut now, mut ran) = (Duration::from_millis(3), Duration::ZERO);
        let end = now + Duration::from_secs(100);
        while now < end {
            match quota.resumes_at(now) {
                Some(at) => now = at + late,
                None => {
                    now += TICK;
                    // All of them began before any was charged.
                    for _ in 0..processes {
                        quota.charge(now, TICK);
                        ran += TICK;
                    }
                }
            }
        }
        u64::try_from(ran.as_millis() / 100).expect("small")
    }

    #[test]
    fn j8_a_spinning_guest_gets_its_limit_however_small_against_a_tick() {
        for late in [Duration::ZERO, Duration::from_millis(2)] {
            for (limit, processes) in [(10, 1), (50, 1), (250, 1), (900, 1), (1000, 2), (1500, 2)] {
                let got = spun(limit, processes, late);
                let fault = got.abs_diff(limit) * 100 / limit;
                assert!(fault <= 3, "{limit}m, {processes} processes: {got}m");
            }
        }
    }

    #[test]
    fn one_that_may_have_all_it_can_use_is_never_held_up() {
        let mut quota = Quota::new(Millicores(1000));
        let mut now = Duration::ZERO;
        for _ in 0..1000 {
            assert_eq!(quota.resumes_at(now), None, "at {now:?}");
            now += TICK;
            quota.charge(now, TICK - Duration::from_micros(10));
        }
    }

    #[test]
    fn what_was_not_used_for_long_is_lost() {
        let mut quota = Quota::new(Millicores(500));
        let now = Duration::from_secs(100);
        quota.charge(now, Duration::from_millis(59));
        assert_eq!(
            quota.resumes_at(now),
            None,
            "50 ms and the 10 that may be carried"
        );
        quota.charge(now, Duration::from_millis(1));
        let next = Duration::from_millis(100_100);
        assert_eq!(quota.resumes_at(now), Some(next));
        assert_eq!(quota.resumes_at(next), None);
    }

    #[test]
    fn a_debt_is_paid_by_as_many_periods_as_it_takes() {
        let mut quota = Quota::new(Millicores(10));
        quota.charge(Duration::ZERO, TICK);
        let wakes = quota.resumes_at(Duration::ZERO);
        assert_eq!(wakes, Some(Duration::from_secs(1)));
    }
}
