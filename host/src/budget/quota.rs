//! `limits.cpu`: so much processor time in each period, and not more.

use std::time::Duration;

use super::turns::TURN;
use crate::model::Millicores;

/// As the kernel's default (`cpu.cfs_period_us`).
pub const PERIOD: Duration = Duration::from_millis(100);
/// What may be left over for the next period, for each core that there may be use of at once. What runs as a period ends is of the next one
/// only because it is known late, and a guest that waits for its period is woken a little late; what was lost by that is made up for, and no
/// more.
const CARRIED_NANOS_MAX: u64 = 20_000_000;

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
    carried_max: u64,
    /// How many run just now who are expected to take a whole turn, and how many may all the time.
    running: u64,
    sustained: u64,
}

impl Quota {
    /// A quota that nothing was used of.
    pub fn new(limit: Millicores) -> Self {
        // A limit of nothing is no limit to Kubernetes (rule J2); here it would stop everything for ever.
        let millis = limit.0.max(1);
        let nanos_per_period = millis.saturating_mul(nanos(PERIOD) / 1000);
        let carried_max = CARRIED_NANOS_MAX.saturating_mul(millis.div_ceil(1000));
        Self {
            nanos_per_period,
            period: 0,
            used: 0,
            carried: 0,
            carried_max: carried_max.min(nanos_per_period),
            running: 0,
            sustained: millis / 1000,
        }
    }

    /// When it may run: none is now.
    pub fn resumes_at(&mut self, now: Duration) -> Option<Duration> {
        self.roll(now);
        let beyond = self.running.saturating_sub(self.sustained);
        let expected = beyond.saturating_mul(nanos(TURN));
        let over = self.used.saturating_add(expected).checked_sub(self.may())?;
        // Each period to come pays its share of the debt; it goes on in the first that has something left.
        let periods = 1 + over / self.nanos_per_period;
        let start = self
            .period
            .saturating_add(periods)
            .saturating_mul(nanos(PERIOD));
        Some(Duration::from_nanos(start))
    }

    /// One begins that is expected to take a whole turn: what the others may use meanwhile is less by that. Else as many would begin at once as
    /// there are cores, each with what is left for one.
    pub fn reserve(&mut self) {
        self.running += 1;
    }

    /// It runs no more.
    pub fn release(&mut self) {
        self.running = self.running.saturating_sub(1);
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
        self.carried = left.min(self.carried_max);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Quota, TURN as TICK};
    use crate::model::Millicores;

    /// What so many guests that spin get in 100 seconds, of a second, in millicores: they run from tick to tick, each with ticks of its own, and
    /// are woken `late`.
    fn spun(limit: u64, processes: u32, late: Duration) -> u64 {
        let mut quota = Quota::new(Millicores(limit));
        let (mut ran, end) = (Duration::ZERO, Duration::from_secs(100));
        // When each is to be looked at next, and what it will have run by then.
        let first = |process: u32| {
            (
                Duration::from_micros(3000 + 3700 * u64::from(process)),
                None,
            )
        };
        let mut guests: Vec<_> = (0..processes).map(first).collect();
        while let Some((now, running)) = guests.iter_mut().min()
            && *now < end
        {
            if let Some(slice) = running.take() {
                quota.release();
                quota.charge(*now, slice);
                ran += slice;
            }
            match quota.resumes_at(*now) {
                Some(at) => *now = at + late,
                None => {
                    quota.reserve();
                    *running = Some(TICK);
                    *now += TICK;
                }
            }
        }
        u64::try_from(ran.as_millis() / 100).expect("small")
    }

    #[test]
    fn j8_a_spinning_guest_gets_its_limit_however_small_against_a_tick() {
        for late in [Duration::ZERO, Duration::from_millis(2)] {
            for (limit, processes) in [
                (10, 1),
                (50, 1),
                (50, 3),
                (250, 3),
                (500, 2),
                (900, 1),
                (1000, 2),
                (1500, 2),
                (1500, 3),
                (1900, 2),
            ] {
                let got = spun(limit, processes, late);
                let fault = got.abs_diff(limit) * 100 / limit;
                assert!(fault <= 1, "{limit}m, {processes} processes: {got}m");
            }
        }
    }

    #[test]
    fn those_that_run_at_once_do_not_use_what_is_left_each_for_itself() {
        let mut quota = Quota::new(Millicores(50));
        assert_eq!(quota.resumes_at(Duration::ZERO), None);
        quota.reserve();
        let next = quota.resumes_at(Duration::ZERO);
        assert_eq!(next, Some(Duration::from_millis(200)), "5 ms, then 10 ms");
        quota.release();
        assert_eq!(quota.resumes_at(Duration::ZERO), None, "it ended at once");
    }

    #[test]
    fn as_many_as_may_run_all_the_time_are_never_held_up_whenever_their_ticks_come() {
        for processes in 1..=4_u64 {
            let mut quota = Quota::new(Millicores(1000 * processes));
            // When each is to be looked at next, and what it will have run by then.
            let first = |process| (Duration::from_micros(2300 * process), Duration::ZERO);
            let mut guests: Vec<_> = (0..processes).map(first).collect();
            for turn in 0..50_000_u64 {
                let (now, ran) = guests.iter_mut().min().expect("some");
                if !ran.is_zero() {
                    quota.release();
                    quota.charge(*now, *ran);
                }
                assert_eq!(quota.resumes_at(*now), None, "{processes} at {now:?}");
                quota.reserve();
                // Ticks are a little late, and not all of the time until then goes to guests.
                let late = Duration::from_micros(turn * 7 % 200);
                *now += TICK + late;
                *ran = TICK + late - Duration::from_micros(10);
            }
        }
    }

    #[test]
    fn what_was_not_used_for_long_is_lost() {
        let mut quota = Quota::new(Millicores(500));
        let now = Duration::from_secs(100);
        quota.charge(now, Duration::from_millis(69));
        assert_eq!(
            quota.resumes_at(now),
            None,
            "50 ms and the 20 that may be carried"
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
