//! `limits.cpu`: so much processor time in each period, and not more.

use std::collections::BTreeSet;
use std::time::Duration;

use super::turns::TURN;
use crate::model::Millicores;

/// As the kernel's default (`cpu.cfs_period_us`).
pub const PERIOD: Duration = Duration::from_millis(100);
/// Who may have less gets this, as under a kubelet, whose quotas are of no less than a millisecond: with 1m, a program would be seconds away
/// from its first instruction.
const MILLIS_MIN: u64 = 10;
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
    /// Who waits for such a turn, by the order in which they came.
    waiting: BTreeSet<u64>,
    last: u64,
}

/// The place of one that waits for a whole turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place(Option<u64>);

impl Quota {
    /// A quota that nothing was used of.
    pub fn new(limit: Millicores) -> Self {
        let millis = limit.0.max(MILLIS_MIN);
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
            waiting: BTreeSet::new(),
            last: 0,
        }
    }

    /// When one may run that is expected to do so briefly: none is now.
    pub fn resumes_at(&mut self, now: Duration) -> Option<Duration> {
        self.roll(now);
        self.resumes_beside(0)
    }

    /// When one may begin that is expected to take a whole turn: none is now, and it does. What those will use who run and who came before it
    /// is not there for it: else as many would begin at once as there are cores, each with what is left for one, and it would be chance who
    /// comes in each period.
    pub fn begin(&mut self, now: Duration, place: &mut Place) -> Option<Duration> {
        self.roll(now);
        let before = match place.0 {
            Some(number) => self.waiting.range(..number).count(),
            None => self.waiting.len(),
        };
        let others = self.running.saturating_add(before as u64);
        if let Some(at) = self.resumes_beside(others.saturating_sub(self.sustained)) {
            if place.0.is_none() {
                self.last += 1;
                self.waiting.insert(self.last);
                place.0 = Some(self.last);
            }
            return Some(at);
        }
        self.leave(place);
        self.running += 1;
        None
    }

    /// One that began runs no more.
    pub fn end(&mut self) {
        self.running = self.running.saturating_sub(1);
    }

    /// One does not wait any more.
    pub fn leave(&mut self, place: &mut Place) {
        if let Some(number) = place.0.take() {
            self.waiting.remove(&number);
        }
    }

    fn resumes_beside(&self, turns: u64) -> Option<Duration> {
        let expected = turns.saturating_mul(nanos(TURN));
        let used = self.used.saturating_add(expected);
        let over = used.checked_sub(self.may())?;
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
        self.carried = left.min(self.carried_max);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Place, Quota, TURN as TICK};
    use crate::model::Millicores;

    /// What each of so many guests that spin gets in 100 seconds, of a second, in millicores: they run from tick to tick, each with ticks of its
    /// own, and are woken `late`.
    fn spun(limit: u64, processes: u32, late: Duration) -> Vec<u64> {
        let mut quota = Quota::new(Millicores(limit));
        let end = Duration::from_secs(100);
        // When each is to be looked at next, who it is, and whether it runs until then.
        let mut guests: Vec<_> = (0..processes)
            .map(|guest| {
                (
                    Duration::from_micros(3000 + 3700 * u64::from(guest)),
                    guest,
                    false,
                )
            })
            .collect();
        let mut places = vec![Place::default(); guests.len()];
        let mut ran = vec![Duration::ZERO; guests.len()];
        while let Some((now, guest, runs)) = guests.iter_mut().min()
            && *now < end
        {
            let guest = *guest as usize;
            if *runs {
                quota.end();
                quota.charge(*now, TICK);
                ran[guest] += TICK;
            }
            let resumes = quota.begin(*now, &mut places[guest]);
            *runs = resumes.is_none();
            *now = resumes.map_or(*now + TICK, |at| at + late);
        }
        let millis = |ran: Duration| u64::try_from(ran.as_millis() / 100).expect("small");
        ran.into_iter().map(millis).collect()
    }

    #[test]
    fn j8_a_spinning_guest_gets_its_limit_however_small_against_a_tick() {
        for late in [Duration::ZERO, Duration::from_millis(2)] {
            for (limit, processes) in [
                (10, 1),
                (10, 3),
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
                let got: u64 = spun(limit, processes, late).iter().sum();
                let fault = got.abs_diff(limit) * 100 / limit;
                assert!(fault <= 1, "{limit}m, {processes} processes: {got}m");
            }
        }
    }

    #[test]
    fn j8_whoever_may_have_next_to_nothing_has_a_hundredth_of_a_core() {
        for limit in [0, 1, 9] {
            assert_eq!(spun(limit, 1, Duration::ZERO), [10]);
        }
    }

    #[test]
    fn those_that_run_at_once_do_not_use_what_is_left_each_for_itself() {
        let mut quota = Quota::new(Millicores(50));
        let [mut one, mut two, mut three] = [Place::default(); 3];
        let at = |millis| Some(Duration::from_millis(millis));
        assert_eq!(quota.begin(Duration::ZERO, &mut one), None);
        assert_eq!(
            quota.begin(Duration::ZERO, &mut two),
            at(200),
            "5 ms, then 10"
        );
        assert_eq!(
            quota.begin(Duration::ZERO, &mut three),
            at(400),
            "behind the second"
        );
        assert_eq!(
            quota.resumes_at(Duration::ZERO),
            None,
            "what is brief goes before"
        );
        quota.end();
        assert_eq!(
            quota.begin(Duration::ZERO, &mut three),
            at(200),
            "it ended at once"
        );
        quota.leave(&mut two);
        assert_eq!(
            quota.begin(Duration::ZERO, &mut three),
            None,
            "nobody is before it"
        );
    }

    #[test]
    fn each_process_of_a_container_gets_its_part() {
        for (limit, processes) in [(50, 3), (50, 64), (250, 3), (1500, 5)] {
            let got = spun(limit, processes, Duration::from_millis(2));
            let part = limit / u64::from(processes);
            let fair = got.iter().all(|got| got.abs_diff(part) <= part / 10 + 1);
            assert!(fair, "{limit}m: {got:?}");
        }
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
                    quota.end();
                    quota.charge(*now, *ran);
                }
                let held_up = quota.begin(*now, &mut Place::default());
                assert_eq!(held_up, None, "{processes} at {now:?}");
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
