//! Bandwidth (rules O1–O3): a token bucket per direction and pod, on what crosses the pod's boundary.
//!
//! A sender asks how much it may write, and waits when that is nothing: no bytes are queued here, so a shaped pod costs no memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::wake::{Waiters, lock};

/// What an idle pod may send at once: longer than a busy machine's timers are late, short enough to be within 5 % over 5 s.
const BURST: Duration = Duration::from_millis(30);
/// So that a slow pod still sends whole packets.
const BURST_BYTES_MIN: u64 = 8 * 1024;
/// Waking a sender for less is not worth it.
const QUANTUM: Duration = Duration::from_millis(2);
const QUANTUM_BYTES_MIN: u64 = 64;

/// Tokens are bits times nanoseconds per second: no rounding, whatever the rate (1 kbit/s to 1 Pbit/s) and however often it is asked.
type Tokens = i128;
const TOKENS_PER_BYTE: Tokens = 8 * 1_000_000_000;

fn nanoseconds(duration: Duration) -> Tokens {
    Tokens::try_from(duration.as_nanos()).unwrap_or(Tokens::MAX / 2)
}

fn tokens(bytes: usize) -> Tokens {
    Tokens::try_from(bytes).unwrap_or(Tokens::MAX / TOKENS_PER_BYTE) * TOKENS_PER_BYTE
}

/// One direction of one pod.
pub(super) struct Bucket {
    bits_per_second: Tokens,
    burst: Tokens,
    quantum: Tokens,
    state: Mutex<BucketState>,
}

struct BucketState {
    tokens: Tokens,
    filled: Instant,
    /// Senders in the order in which they came.
    queue: VecDeque<Weak<Lane>>,
    /// Whether a task wakes them: one a bucket, while somebody waits.
    paced: bool,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bucket({} bit/s)", self.bits_per_second)
    }
}

impl Bucket {
    /// A bucket of a rate.
    pub(super) fn new(bits_per_second: u64) -> Arc<Self> {
        let rate = Tokens::from(bits_per_second.max(1));
        let bytes = |count: u64| Tokens::from(count) * TOKENS_PER_BYTE;
        let burst = (rate * nanoseconds(BURST)).max(bytes(BURST_BYTES_MIN));
        let quantum = (rate * nanoseconds(QUANTUM))
            .max(bytes(QUANTUM_BYTES_MIN))
            .min(burst / 2);
        // A bucket of 1 kbit/s that starts with the least burst would be a minute ahead of its rate.
        let start = (rate * nanoseconds(BURST)).clamp(quantum, burst);
        Arc::new(Self {
            bits_per_second: rate,
            burst,
            quantum,
            state: Mutex::new(BucketState {
                tokens: start,
                filled: Instant::now(),
                queue: VecDeque::new(),
                paced: false,
            }),
        })
    }

    fn refill(&self, state: &mut BucketState, now: Instant) {
        let passed = nanoseconds(now.saturating_duration_since(state.filled));
        state.filled = now;
        state.tokens = passed
            .saturating_mul(self.bits_per_second)
            .saturating_add(state.tokens)
            .min(self.burst);
    }

    /// How many bytes may pass now; `None` when it is too few or others wait already.
    fn available(&self, has_turn: bool) -> Option<usize> {
        let mut state = lock(&self.state);
        self.refill(&mut state, Instant::now());
        if state.tokens < self.quantum || (!has_turn && !state.queue.is_empty()) {
            return None;
        }
        usize::try_from(state.tokens / TOKENS_PER_BYTE).ok()
    }

    /// Counts bytes that pass, as far as it may go below zero: by what was permitted to several at once.
    pub(super) fn consume(&self, bytes: usize) {
        let mut state = lock(&self.state);
        state.tokens -= tokens(bytes);
    }

    /// Counts a datagram unless the bucket is empty: false means that it is lost. `grace` lets one burst more pass, for a sender that
    /// had no chance to wait.
    pub(super) fn police(&self, bytes: usize, grace: bool) -> bool {
        let mut state = lock(&self.state);
        self.refill(&mut state, Instant::now());
        let floor = if grace { -self.burst } else { 0 };
        let passes = state.tokens > floor;
        if passes {
            state.tokens -= tokens(bytes);
        }
        passes
    }

    /// Queues a sender; it is woken in its turn.
    fn wait(self: &Arc<Self>, lane: &Arc<Lane>) {
        let mut state = lock(&self.state);
        state.queue.push_back(Arc::downgrade(lane));
        if state.paced {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        state.paced = true;
        drop(state);
        runtime.spawn(pace(Arc::downgrade(self)));
    }

    /// Wakes as many senders as there is something for; when to come again for the rest.
    fn wake_next(&self) -> Option<Instant> {
        let mut woken = Vec::new();
        let mut state = lock(&self.state);
        let now = Instant::now();
        self.refill(&mut state, now);
        let mut offered = self.quantum;
        while state.tokens >= offered
            && let Some(lane) = state.queue.pop_front()
        {
            if let Some(lane) = lane.upgrade() {
                woken.push(lane);
                offered += self.quantum;
            }
        }
        state.paced = !state.queue.is_empty();
        let again = state.paced.then(|| {
            let missing = (offered - state.tokens).max(1);
            let wait = missing / self.bits_per_second + 1;
            let wait = Duration::from_nanos(u64::try_from(wait).unwrap_or(u64::MAX / 4));
            now + wait
        });
        drop(state);
        for lane in woken {
            lane.turn();
        }
        again
    }
}

/// Wakes a bucket's senders in their turn until nobody waits.
async fn pace(bucket: Weak<Bucket>) {
    loop {
        let Some(again) = bucket.upgrade().and_then(|bucket| bucket.wake_next()) else {
            return;
        };
        tokio::time::sleep_until(again).await;
    }
}

/// What one sender has to pass: its pod's egress and the receiver's ingress.
#[derive(Debug)]
pub(super) struct Lane {
    egress: Option<Arc<Bucket>>,
    ingress: Option<Arc<Bucket>>,
    /// In some bucket's queue.
    queued: AtomicBool,
    /// Woken by a bucket and not yet back: it may pass those that still wait.
    has_turn: AtomicBool,
    writers: Mutex<Waiters>,
}

impl Lane {
    /// A lane, if there is anything to pass.
    pub(super) fn new(
        egress: Option<&Arc<Bucket>>,
        ingress: Option<&Arc<Bucket>>,
    ) -> Option<Arc<Self>> {
        (egress.is_some() || ingress.is_some()).then(|| {
            Arc::new(Self {
                egress: egress.cloned(),
                ingress: ingress.cloned(),
                queued: AtomicBool::new(false),
                has_turn: AtomicBool::new(false),
                writers: Mutex::default(),
            })
        })
    }

    fn buckets(&self) -> impl Iterator<Item = &Arc<Bucket>> {
        self.egress.iter().chain(&self.ingress)
    }

    /// Whether it leads to this receiver's ingress.
    pub(super) fn leads_to(&self, ingress: Option<&Arc<Bucket>>) -> bool {
        match (&self.ingress, ingress) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// How many bytes may pass now.
    pub(super) fn available(&self) -> Option<usize> {
        let has_turn = self.has_turn.load(Ordering::Acquire);
        self.buckets()
            .map(|bucket| bucket.available(has_turn))
            .try_fold(usize::MAX, |least, bytes| Some(least.min(bytes?)))
    }

    /// How many bytes may pass; never 0.
    pub(super) fn poll_available(self: &Arc<Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let has_turn = self.has_turn.load(Ordering::Acquire);
        let mut least = usize::MAX;
        for bucket in self.buckets() {
            let Some(bytes) = bucket.available(has_turn) else {
                let asked = lock(&self.writers).add(cx.waker());
                self.has_turn.store(false, Ordering::Release);
                if !self.queued.swap(true, Ordering::AcqRel) {
                    bucket.wait(self);
                }
                asked.wake();
                return Poll::Pending;
            };
            least = least.min(bytes);
        }
        Poll::Ready(least)
    }

    /// Counts bytes that pass.
    pub(super) fn consume(&self, bytes: usize) {
        self.has_turn.store(false, Ordering::Release);
        for bucket in self.buckets() {
            bucket.consume(bytes);
        }
    }

    /// Counts a datagram; false means that it is lost.
    pub(super) fn police(&self, bytes: usize) -> bool {
        self.has_turn.store(false, Ordering::Release);
        self.egress
            .as_ref()
            .is_none_or(|bucket| bucket.police(bytes, true))
            && self
                .ingress
                .as_ref()
                .is_none_or(|bucket| bucket.police(bytes, false))
    }

    fn turn(&self) {
        self.has_turn.store(true, Ordering::Release);
        self.queued.store(false, Ordering::Release);
        let writers = lock(&self.writers).take();
        writers.wake();
    }
}
