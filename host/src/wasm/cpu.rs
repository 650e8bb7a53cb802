//! Processor time of containers: counted, held to `limits.cpu`, and given out in turns when the cores are busy.
//!
//! A guest runs while its future is polled, and never longer than to the next tick of the epoch. So each poll is measured, and before it
//! the container is asked whether it may run at all. Guests that run briefly and wait (servers, probes' commands) take no turns: the
//! host has more threads than cores, and a short run need not wait for a long one.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::{Duration, Instant};

use super::ticker::Ticker;
use crate::budget::{Account, Entry, Place, Quota, Ticket, Turns, Weight};
use crate::model::Millicores;

/// A container that ran so long since its last turn has to ask for one.
const UNASKED_MAX: Duration = Duration::from_millis(4);
/// A poll that took so long is measured by what its thread ran, and so is the next one of the same guest. Asking the kernel costs more
/// than a short poll itself, in which a thread is hardly ever interrupted.
const LONG: Duration = Duration::from_millis(1);

/// One that waits for its quota looks again after that time, whatever it was told.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// The cores of the machine, which all containers share.
pub(super) struct Cores {
    turns: Mutex<Turns<Waker>>,
    count: usize,
    ticker: Arc<Ticker>,
    /// Where time is counted from.
    started: Instant,
}

/// The processor time of one container.
pub(super) struct Cpu {
    cores: Arc<Cores>,
    weight: Weight,
    account: Mutex<Account>,
    /// The container's own, its pod's.
    quotas: Vec<Arc<Mutex<Quota>>>,
    used_nanos: AtomicU64,
    /// Used since its last turn.
    unasked_nanos: AtomicU64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while one is held leaves at most one turn miscounted.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "only ever measures how long something took"
)]
fn instant() -> Instant {
    Instant::now()
}

/// What this thread ran so far.
#[cfg(unix)]
fn thread_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).ok()
}

#[cfg(not(unix))]
fn thread_time() -> Option<Duration> {
    None
}

impl Cores {
    pub(super) fn new() -> Arc<Self> {
        let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let cores = Arc::new(Self {
            turns: Mutex::new(Turns::new(count)),
            count,
            ticker: Arc::default(),
            started: instant(),
        });
        cores.ticker.start(Arc::downgrade(&cores));
        cores
    }

    /// Who ticks while guests run here.
    pub(super) fn ticker(&self) -> &Ticker {
        &self.ticker
    }

    /// What all of them are worth.
    pub(super) fn all(&self) -> Millicores {
        Millicores(self.count as u64 * 1000)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// To be called at every tick: a turn that nobody took goes to the next. Whether somebody is to come for a turn yet.
    pub(super) fn tick(&self) -> bool {
        let mut turns = lock(&self.turns);
        let woken = turns.revoke(self.now());
        let expects = turns.expects();
        drop(turns);
        woken.into_iter().for_each(Waker::wake);
        expects
    }

    /// Wakes those whose turn it is.
    fn call(&self, woken: Vec<Waker>) {
        if !woken.is_empty() {
            // Should one of them not come, it is the tick that finds out.
            self.ticker.wake();
            woken.into_iter().for_each(Waker::wake);
        }
    }
}

impl Drop for Cores {
    fn drop(&mut self) {
        // It ends when it sees that they are gone.
        self.ticker.wake();
    }
}

impl Cpu {
    pub(super) fn new(
        cores: Arc<Cores>,
        weight: Weight,
        quotas: Vec<Arc<Mutex<Quota>>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            cores,
            weight,
            account: Mutex::default(),
            quotas,
            used_nanos: AtomicU64::new(0),
            unasked_nanos: AtomicU64::new(0),
        })
    }

    /// What all its guests ran so far.
    pub(super) fn used(&self) -> Duration {
        Duration::from_nanos(self.used_nanos.load(Ordering::Relaxed))
    }

    /// Since the container's quota is used up, or its pod's.
    fn resumes_at(&self) -> Option<Instant> {
        if self.quotas.is_empty() {
            return None;
        }
        let now = self.cores.now();
        let quotas = self.quotas.iter();
        let at = quotas.filter_map(|quota| lock(quota).resumes_at(now)).max();
        at.map(|at| self.cores.started + at)
    }

    /// The same, for one that is expected to run to the tick; if none, it has begun.
    fn begin(&self, places: &mut [Place]) -> Option<Instant> {
        let now = self.cores.now();
        for (at, quota) in self.quotas.iter().enumerate() {
            let held_up = lock(quota).begin(now, &mut places[at]);
            if let Some(until) = held_up {
                self.quotas[..at].iter().for_each(|begun| lock(begun).end());
                // Those before it may be killed meanwhile.
                return Some(self.cores.started + until.min(now + WAIT_MAX));
            }
        }
        None
    }

    fn end(&self) {
        self.quotas.iter().for_each(|quota| lock(quota).end());
    }

    /// Counts what a guest ran.
    fn count(&self, time: Duration) {
        self.used_nanos.fetch_add(nanos(time), Ordering::Relaxed);
        if !self.quotas.is_empty() {
            let now = self.cores.now();
            let quotas = self.quotas.iter();
            quotas.for_each(|quota| lock(quota).charge(now, time));
        }
    }

    fn enter(&self, waker: &Waker) -> Entry {
        let mut account = lock(&self.account);
        let unasked = self.unasked_nanos.swap(0, Ordering::Relaxed);
        account.charge(self.weight, Duration::from_nanos(unasked));
        lock(&self.cores.turns).enter(&mut account, self.weight, waker.clone())
    }

    fn pass(&self, time: Duration, waker: &Waker) -> Ticket {
        let mut account = lock(&self.account);
        let (now, waker) = (self.cores.now(), waker.clone());
        let mut turns = lock(&self.cores.turns);
        let (ticket, woken) = turns.pass(&mut account, self.weight, time, now, waker);
        drop((turns, account));
        self.cores.call(woken);
        ticket
    }

    fn leave(&self, time: Duration) {
        let mut account = lock(&self.account);
        let now = self.cores.now();
        let woken = lock(&self.cores.turns).leave(&mut account, self.weight, time, now);
        drop(account);
        self.cores.call(woken);
    }

    fn give_up(&self, ticket: Ticket) {
        let mut account = lock(&self.account);
        let now = self.cores.now();
        let woken = lock(&self.cores.turns).give_up(&mut account, self.weight, ticket, now);
        drop(account);
        self.cores.call(woken);
    }
}

/// Runs a guest of the container: every poll is counted, and waits until the container may run.
pub(super) async fn metered<F: Future>(cpu: &Arc<Cpu>, guest: F) -> F::Output {
    let mut guest = pin!(guest);
    let mut run = Run {
        cpu: Arc::clone(cpu),
        ticket: None,
        has_turn: false,
        long: false,
        needs_turn: false,
        has_begun: false,
        places: vec![Place::default(); cpu.quotas.len()],
        sleep: None,
    };
    poll_fn(move |cx| {
        ready!(run.poll_may(cx));
        let _computing = cpu.cores.ticker.computing();
        let (began, thread) = (instant(), run.thread_time());
        if !run.has_turn {
            let answer = guest.as_mut().poll(cx);
            run.ran(began, thread);
            return answer;
        }
        let woken = Arc::new(Woken {
            waker: cx.waker().clone(),
            poll: Mutex::new(Turn::Under),
        });
        let waker = Waker::from(Arc::clone(&woken));
        let answer = guest.as_mut().poll(&mut Context::from_waker(&waker));
        let poll = std::mem::replace(&mut *lock(&woken.poll), Turn::Over);
        let goes_on = answer.is_pending() && poll == Turn::UnderAndWoken;
        run.had_turn(began, thread, goes_on.then_some(cx.waker()));
        answer
    })
    .await
}

/// Tells a guest that only let others run from one that waits for something. Who is woken while it runs is called when its next turn comes,
/// and not before: looked at in between, it would keep a thread from whose turn it is, and with one guest more than there are cores each
/// tick would leave one of them idle for a moment.
struct Woken {
    waker: Waker,
    poll: Mutex<Turn>,
}

#[derive(PartialEq)]
enum Turn {
    Under,
    UnderAndWoken,
    Over,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut poll = lock(&self.poll);
        if *poll == Turn::Over {
            drop(poll);
            self.waker.wake_by_ref();
        } else {
            *poll = Turn::UnderAndWoken;
        }
    }
}

/// One guest that runs.
struct Run {
    cpu: Arc<Cpu>,
    /// It waits for its turn.
    ticket: Option<Ticket>,
    /// It is its turn.
    has_turn: bool,
    /// Its last poll was long.
    long: bool,
    /// Its last poll was so long that the next needs a turn, whatever else its container ran.
    needs_turn: bool,
    /// Its container's quotas count on it to run to the tick.
    has_begun: bool,
    /// Where it stands among those who wait for the quotas.
    places: Vec<Place>,
    /// Until its container may run again.
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Run {
    fn poll_may(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(at) = self.resumes_at() {
            // Else its turn would be kept for one that may not run, and others would wait for what it does not use.
            self.end();
            if let Some(ticket) = self.ticket.take() {
                self.cpu.give_up(ticket);
            }
            let at = tokio::time::Instant::from_std(at);
            let sleep = match &mut self.sleep {
                Some(sleep) => {
                    sleep.as_mut().reset(at);
                    sleep
                }
                none => none.insert(Box::pin(tokio::time::sleep_until(at))),
            };
            ready!(sleep.as_mut().poll(cx));
        }
        self.sleep = None;
        if let Some(ticket) = self.ticket {
            if !lock(&self.cpu.cores.turns).again(ticket, cx.waker().clone()) {
                return Poll::Pending;
            }
            self.ticket = None;
            self.has_turn = true;
            return Poll::Ready(());
        }
        let unasked = self.cpu.unasked_nanos.load(Ordering::Relaxed);
        if self.needs_turn || unasked >= nanos(UNASKED_MAX) {
            match self.cpu.enter(cx.waker()) {
                Entry::Now => self.has_turn = true,
                Entry::Waits(ticket) => {
                    self.ticket = Some(ticket);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(())
    }

    /// One whose last poll was long is expected to run to the tick.
    fn resumes_at(&mut self) -> Option<Instant> {
        if self.has_begun || !self.long || self.cpu.quotas.is_empty() {
            return self.cpu.resumes_at();
        }
        let at = self.cpu.begin(&mut self.places);
        self.has_begun = at.is_none();
        at
    }

    /// What the thread ran before a poll that is worth measuring so.
    fn thread_time(&self) -> Option<Duration> {
        let exactly = self.long || !self.cpu.quotas.is_empty();
        exactly.then(thread_time).flatten()
    }

    /// A poll without a turn is over.
    fn ran(&mut self, began: Instant, thread: Option<Duration>) {
        let ran = self.measure(began, thread);
        self.cpu.count(ran);
        let unasked = &self.cpu.unasked_nanos;
        unasked.fetch_add(nanos(ran), Ordering::Relaxed);
    }

    /// A turn is over; with a waker, the guest goes on as soon as it may.
    fn had_turn(&mut self, began: Instant, thread: Option<Duration>, goes_on: Option<&Waker>) {
        let ran = self.measure(began, thread);
        self.cpu.count(ran);
        self.has_turn = false;
        match goes_on {
            Some(waker) => self.ticket = Some(self.cpu.pass(ran, waker)),
            None => self.cpu.leave(ran),
        }
    }

    fn measure(&mut self, began: Instant, thread: Option<Duration>) -> Duration {
        let took = began.elapsed();
        let exactly = thread.and_then(|before| Some(thread_time()?.saturating_sub(before)));
        let ran = exactly.unwrap_or(took);
        self.long = took >= LONG;
        self.needs_turn = ran >= UNASKED_MAX;
        self.end();
        ran
    }

    fn end(&mut self) {
        if std::mem::take(&mut self.has_begun) {
            self.cpu.end();
        }
    }
}

impl Drop for Run {
    /// Killed while it waited, or in the middle of a turn (its guest panicked).
    fn drop(&mut self) {
        self.end();
        for (quota, place) in self.cpu.quotas.iter().zip(&mut self.places) {
            lock(quota).leave(place);
        }
        if let Some(ticket) = self.ticket.take() {
            self.cpu.give_up(ticket);
        }
        if self.has_turn {
            self.cpu.leave(Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use super::{Cores, Cpu, instant, metered};
    use crate::budget::{Quota, Weight};
    use crate::model::Millicores;

    const SLICE: Duration = Duration::from_millis(5);

    /// As the host has it: more threads than cores.
    fn run(test: impl Future<Output = ()>) {
        let cores = std::thread::available_parallelism().expect("known").get();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores + 2)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(test);
        runtime.shutdown_background();
    }

    fn container(cores: &Arc<Cores>, limit: Option<u64>) -> Arc<Cpu> {
        let quota = limit.map(|limit| Arc::new(Mutex::new(Quota::new(Millicores(limit)))));
        Cpu::new(
            Arc::clone(cores),
            Weight::of(None),
            quota.into_iter().collect(),
        )
    }

    /// A guest that computes for ever, and lets others run after each slice.
    fn spin(cpu: &Arc<Cpu>) {
        let cpu = Arc::clone(cpu);
        tokio::spawn(async move {
            let guest = async {
                loop {
                    let began = instant();
                    while began.elapsed() < SLICE {
                        std::hint::spin_loop();
                    }
                    tokio::task::yield_now().await;
                }
            };
            metered(&cpu, guest).await
        });
    }

    #[test]
    fn j8_guests_of_a_container_run_as_long_as_it_may_together_and_not_longer() {
        run(async {
            let cores = Cores::new();
            for limit in [50, 250] {
                let cpu = container(&cores, Some(limit));
                let began = instant();
                (0..3).for_each(|_| spin(&cpu));
                tokio::time::sleep(Duration::from_secs(4)).await;
                let (used, took) = (cpu.used(), began.elapsed());
                let may = took * u32::try_from(limit).expect("small") / 1000;
                println!("{limit}m: {used:?} of {may:?}");
                // The first period may be used whole, with what is carried into it, and each guest may be in the middle of a slice.
                let slack = Duration::from_millis(limit / 10 + 20) + SLICE * 3;
                assert!(used <= may + slack, "{limit}m: {used:?} in {took:?}");
                // The machine may be too busy to give it all; it is not held back by us.
                assert!(used >= may / 2, "{limit}m: {used:?} in {took:?}");
            }
        });
    }

    #[test]
    fn a_container_that_spins_does_not_hold_up_one_that_runs_now_and_then() {
        run(async {
            let cores = Cores::new();
            let (busy, calm) = (container(&cores, None), container(&cores, None));
            (0..8).for_each(|_| spin(&busy));
            let guest = async {
                let mut late = Vec::new();
                for _ in 0..100 {
                    let began = instant();
                    tokio::time::sleep(SLICE).await;
                    late.push(began.elapsed().saturating_sub(SLICE));
                }
                late.sort();
                late
            };
            let late = metered(&calm, guest).await;
            println!(
                "late: {:?} at the median, {:?} at worst",
                late[50], late[99]
            );
            // In turns with eight others it would be twenty milliseconds on two cores; other programs may have the machine, too.
            assert!(late[50] < Duration::from_millis(40), "{late:?}");
        });
    }

    #[test]
    fn one_that_is_killed_while_it_waits_leaves_its_turn_to_others() {
        run(async {
            let cores = Cores::new();
            let cpu = container(&cores, None);
            let guests: Vec<_> = (0..16)
                .map(|_| {
                    let cpu = Arc::clone(&cpu);
                    tokio::spawn(async move {
                        let guest = async {
                            loop {
                                let began = instant();
                                while began.elapsed() < SLICE {
                                    std::hint::spin_loop();
                                }
                                tokio::task::yield_now().await;
                            }
                        };
                        metered(&cpu, guest).await
                    })
                })
                .collect();
            tokio::time::sleep(Duration::from_millis(200)).await;
            for guest in guests {
                guest.abort();
                let _aborted = guest.await;
            }
            let late = container(&cores, None);
            let ran = metered(&late, async {
                for _ in 0..10 {
                    let began = instant();
                    while began.elapsed() < SLICE {
                        std::hint::spin_loop();
                    }
                    tokio::task::yield_now().await;
                }
            });
            let ended = tokio::time::timeout(Duration::from_secs(60), ran).await;
            assert!(ended.is_ok(), "every turn was given back");
            assert!(late.used() >= SLICE, "and what it ran is counted");
        });
    }
}
