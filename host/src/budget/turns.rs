//! Whose turn it is when more guests would run than there are cores: start-time fair queueing, by the weight of their containers.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::model::Millicores;

/// What one turn is taken to cost until it is known: the epoch's tick, after which every guest lets go.
pub const TURN: Duration = Duration::from_millis(10);
/// How long a turn is kept for one that does not come. A request's guest runs only while its client reads: its turn must not hold up
/// everybody until then.
const KEPT: Duration = Duration::from_millis(20);
/// A container that asks for nothing weighs this: against one that asks for a core about as little as under a kubelet (cgroup v2's weights
/// of 1 and 39), yet never nothing.
const WEIGHT_MIN: u64 = 25;

/// How much of busy cores a container gets, against others: `requests.cpu`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight(u64);

impl Weight {
    /// The weight of a request.
    pub fn of(request: Option<Millicores>) -> Self {
        Self(request.map_or(0, |request| request.0).max(WEIGHT_MIN))
    }

    /// Processor time as it weighs for this container.
    fn virtual_nanos(self, ran: Duration) -> u64 {
        let nanos = u64::try_from(ran.as_nanos()).unwrap_or(u64::MAX / 1000);
        nanos.saturating_mul(1000) / self.0
    }
}

/// The virtual time at which what a container has used is paid off. One for all of its processes: many get no more than one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    paid: u64,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    /// The virtual time from which it may run: the lowest is next.
    from: u64,
    number: u64,
}

/// What became of asking for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// It may run; [`Turns::leave`] follows.
    Now,
    /// It is woken when it may look again: [`Turns::again`].
    Waits(Ticket),
}

/// The queue. `W` is how one that waits is woken.
#[derive(Debug)]
pub struct Turns<W> {
    places: usize,
    /// Taken, or kept for somebody who was woken.
    busy: usize,
    /// Virtual time: where the latest turn began.
    now: u64,
    last: u64,
    waiting: BTreeMap<Ticket, W>,
    /// Who was woken, and when.
    kept: BTreeMap<Ticket, Duration>,
}

impl<W> Turns<W> {
    /// As many at a time as there are cores.
    pub fn new(cores: usize) -> Self {
        Self {
            places: cores.max(1),
            busy: 0,
            now: 0,
            last: 0,
            waiting: BTreeMap::new(),
            kept: BTreeMap::new(),
        }
    }

    /// Asks for a turn.
    pub fn enter(&mut self, account: &mut Account, weight: Weight, waker: W) -> Entry {
        let from = self.now.max(account.paid);
        // Paid ahead, or all processes of a container would begin at the same time and count as one.
        account.paid = from.saturating_add(weight.virtual_nanos(TURN));
        if self.busy < self.places && self.waiting.is_empty() {
            self.begin(from);
            return Entry::Now;
        }
        Entry::Waits(self.queue(from, waker))
    }

    fn queue(&mut self, from: u64, waker: W) -> Ticket {
        self.last += 1;
        let ticket = Ticket {
            from,
            number: self.last,
        };
        self.waiting.insert(ticket, waker);
        ticket
    }

    /// Whether it is the turn of one that waited. If not, it waits on, where it stood.
    pub fn again(&mut self, ticket: Ticket, waker: W) -> bool {
        if self.kept.remove(&ticket).is_some() {
            return true;
        }
        self.waiting.remove(&ticket);
        let is_first = self
            .waiting
            .first_key_value()
            .is_none_or(|(first, _)| ticket < *first);
        if self.busy < self.places && is_first {
            self.begin(ticket.from);
            return true;
        }
        self.waiting.insert(ticket, waker);
        false
    }

    fn begin(&mut self, from: u64) {
        self.busy += 1;
        self.now = self.now.max(from);
    }

    /// A turn is over and took so long. Whoever is next is to be woken.
    #[must_use]
    pub fn leave(
        &mut self,
        account: &mut Account,
        weight: Weight,
        ran: Duration,
        at: Duration,
    ) -> Vec<W> {
        self.settle(account, weight, ran);
        self.call(at)
    }

    /// A turn is over, took so long, and its owner would go on: it waits with the others, and may be next itself. Whoever is next is to
    /// be woken.
    #[must_use]
    pub fn pass(
        &mut self,
        account: &mut Account,
        weight: Weight,
        ran: Duration,
        at: Duration,
        waker: W,
    ) -> (Ticket, Vec<W>) {
        self.settle(account, weight, ran);
        let from = self.now.max(account.paid);
        account.paid = from.saturating_add(weight.virtual_nanos(TURN));
        // In the queue before anybody is called: else two would take turns whatever they weigh.
        let ticket = self.queue(from, waker);
        (ticket, self.call(at))
    }

    fn settle(&mut self, account: &mut Account, weight: Weight, ran: Duration) {
        account.refund(weight);
        account.charge(weight, ran);
        self.busy = self.busy.saturating_sub(1);
    }

    /// One that waited, or whose turn it was, does not want it any more. Whoever is next is to be woken.
    #[must_use]
    pub fn give_up(
        &mut self,
        account: &mut Account,
        weight: Weight,
        ticket: Ticket,
        at: Duration,
    ) -> Vec<W> {
        account.refund(weight);
        let dropped = self.waiting.remove(&ticket);
        drop(dropped);
        if self.kept.remove(&ticket).is_some() {
            self.busy = self.busy.saturating_sub(1);
        }
        self.call(at)
    }

    /// Takes turns back from those who did not come. Whoever is next is to be woken.
    #[must_use]
    pub fn revoke(&mut self, at: Duration) -> Vec<W> {
        let before = self.kept.len();
        self.kept
            .retain(|_, since| at.saturating_sub(*since) < KEPT);
        self.busy = self.busy.saturating_sub(before - self.kept.len());
        self.call(at)
    }

    /// Whether somebody was called who has not come yet.
    pub fn expects(&self) -> bool {
        !self.kept.is_empty()
    }

    fn call(&mut self, at: Duration) -> Vec<W> {
        let mut called = Vec::new();
        while self.busy < self.places
            && let Some((ticket, waker)) = self.waiting.pop_first()
        {
            self.begin(ticket.from);
            self.kept.insert(ticket, at);
            called.push(waker);
        }
        called
    }
}

impl Account {
    /// Counts what ran without a turn.
    pub fn charge(&mut self, weight: Weight, ran: Duration) {
        self.paid = self.paid.saturating_add(weight.virtual_nanos(ran));
    }

    /// Takes back what was paid ahead for a turn.
    fn refund(&mut self, weight: Weight) {
        self.paid = self.paid.saturating_sub(weight.virtual_nanos(TURN));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::time::Duration;

    use super::{Account, Entry, Ticket, Turns, Weight};
    use crate::model::Millicores;

    const TICK: Duration = Duration::from_millis(10);

    /// Containers of that weight and number of spinning processes on so many cores: how many ticks of 10,000 each gets.
    fn spin(cores: usize, containers: &[(u64, usize)]) -> Vec<u32> {
        let mut turns = Turns::new(cores);
        let mut accounts = vec![Account::default(); containers.len()];
        let weights: Vec<_> = containers
            .iter()
            .map(|(request, _)| Weight::of(Some(Millicores(*request))))
            .collect();
        let mut got = vec![0; containers.len()];
        let mut tickets: Vec<(usize, Ticket)> = Vec::new();
        let mut running: VecDeque<usize> = VecDeque::new();
        for (who, (_, processes)) in containers.iter().enumerate() {
            for _ in 0..*processes {
                match turns.enter(&mut accounts[who], weights[who], ()) {
                    Entry::Now => running.push_back(who),
                    Entry::Waits(ticket) => tickets.push((who, ticket)),
                }
            }
        }
        for tick in 1..=10_000_u32 {
            let at = TICK * tick;
            for _ in 0..running.len() {
                let who = running.pop_front().expect("counted");
                got[who] += 1;
                let (ticket, _called) = turns.pass(&mut accounts[who], weights[who], TICK, at, ());
                tickets.push((who, ticket));
                tickets.retain(|(who, ticket)| {
                    let now = turns.again(*ticket, ());
                    if now {
                        running.push_back(*who);
                    }
                    !now
                });
            }
            assert!(running.len() <= cores);
        }
        got
    }

    fn is_near(got: u32, expected: u32) -> bool {
        got.abs_diff(expected) <= expected / 20 + 2
    }

    #[test]
    fn busy_cores_are_shared_by_requests() {
        let got = spin(1, &[(1000, 1), (250, 1)]);
        assert!(is_near(got[0], 8000) && is_near(got[1], 2000), "{got:?}");
        let got = spin(2, &[(500, 2), (500, 2), (1000, 2)]);
        assert!(
            is_near(got[0], 5000) && is_near(got[1], 5000) && is_near(got[2], 10_000),
            "{got:?}"
        );
    }

    #[test]
    fn a_container_of_many_processes_gets_no_more_than_one_of_few() {
        let got = spin(1, &[(0, 10), (0, 1)]);
        assert!(is_near(got[0], 5000) && is_near(got[1], 5000), "{got:?}");
    }

    #[test]
    fn one_that_asks_for_nothing_is_not_starved() {
        let got = spin(1, &[(1000, 1), (0, 1)]);
        assert!(got[1] > 200 && got[1] < 300, "{got:?}");
    }

    #[test]
    fn one_that_was_idle_is_next_but_does_not_make_up_for_it() {
        let mut turns = Turns::new(1);
        let weight = Weight::of(None);
        let (mut busy, mut idle) = (Account::default(), Account::default());
        for tick in 0..100 {
            assert_eq!(turns.enter(&mut busy, weight, 'b'), Entry::Now);
            assert!(turns.leave(&mut busy, weight, TICK, TICK * tick).is_empty());
        }
        assert_eq!(turns.enter(&mut busy, weight, 'b'), Entry::Now);
        let Entry::Waits(second) = turns.enter(&mut busy, weight, 'B') else {
            panic!("the core is busy");
        };
        let Entry::Waits(first) = turns.enter(&mut idle, weight, 'i') else {
            panic!("the core is busy");
        };
        assert!(first < second);
        assert_eq!(turns.leave(&mut busy, weight, TICK, TICK * 101), ['i']);
        assert!(turns.again(first, 'i'));
        let Entry::Waits(next) = turns.enter(&mut idle, weight, 'i') else {
            panic!("the core is busy");
        };
        assert!(
            next.from >= first.from,
            "its idle time is not on its account"
        );
        assert_eq!(turns.leave(&mut idle, weight, TICK, TICK * 102), ['B']);
    }

    #[test]
    fn a_turn_that_nobody_takes_goes_to_the_next_and_its_owner_waits_where_it_stood() {
        let mut turns = Turns::new(1);
        let weight = Weight::of(None);
        let mut accounts = [Account::default(); 3];
        assert_eq!(turns.enter(&mut accounts[0], weight, 0), Entry::Now);
        let [Entry::Waits(one), Entry::Waits(two)] =
            [1, 2].map(|who| turns.enter(&mut accounts[who], weight, who))
        else {
            panic!("the core is busy");
        };
        assert_eq!(turns.leave(&mut accounts[0], weight, TICK, TICK), [1]);
        assert!(turns.revoke(TICK * 2).is_empty(), "not yet");
        assert_eq!(turns.revoke(TICK * 3), [2]);
        assert!(!turns.again(one, 1));
        assert!(turns.again(two, 2));
        assert_eq!(turns.leave(&mut accounts[2], weight, TICK, TICK * 4), [1]);
        let woken = turns.give_up(&mut accounts[1], weight, one, TICK * 4);
        assert!(woken.is_empty() && !turns.expects());
        assert_eq!(turns.enter(&mut accounts[2], weight, 2), Entry::Now);
    }
}
