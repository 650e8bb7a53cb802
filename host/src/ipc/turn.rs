//! Lines of waiters.
//!
//! A turn is handed over, not announced: the message or the post goes to the first in line by itself, and nobody who comes later can take it.
//! Whoever is gone (its container was killed, its time ran out) leaves the line; who is gone between being chosen and being woken gives back
//! what it was handed.
//!
//! A line is kept under the lock of the object it is for, and wakers are called after that lock: to wake a task may take a system call, for
//! which the other side would have to wait.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::IpcError;
use super::budget::Waits;

/// Waiters, who bring a `B` each and are handed a `T`.
pub(super) struct Line<T, B = ()> {
    last: u64,
    /// By their numbers, which only grow.
    waiting: VecDeque<Waiting<B>>,
    /// What was handed over and not taken yet, by the same numbers.
    handed: VecDeque<(u64, T)>,
}

struct Waiting<B> {
    number: u64,
    waker: Option<Waker>,
    brings: B,
}

impl<T, B> Default for Line<T, B> {
    fn default() -> Self {
        Self {
            last: 0,
            waiting: VecDeque::new(),
            handed: VecDeque::new(),
        }
    }
}

impl<T, B> Line<T, B> {
    /// Comes to the end of the line; its number.
    pub(super) fn join(&mut self, brings: B) -> u64 {
        self.last += 1;
        self.waiting.push_back(Waiting {
            number: self.last,
            waker: None,
            brings,
        });
        self.last
    }

    /// Whether nobody waits and nobody was chosen.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.handed.is_empty()
    }

    pub(super) fn nobody_waits(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Hands over to the first in line, if there is one: what it brought, and how to wake it.
    pub(super) fn hand(&mut self, value: T) -> Result<(B, Option<Waker>), T> {
        match self.waiting.pop_front() {
            Some(first) => {
                self.handed.push_back((first.number, value));
                Ok((first.brings, first.waker))
            }
            None => Err(value),
        }
    }

    /// What it was handed, if its turn has come.
    pub(super) fn poll(&mut self, number: u64, context: &mut Context<'_>) -> Poll<T> {
        if let Some(value) = self.take(number) {
            return Poll::Ready(value);
        }
        let at = self.waiting.binary_search_by_key(&number, |it| it.number);
        if let Some(waiting) = at.ok().and_then(|at| self.waiting.get_mut(at)) {
            match &mut waiting.waker {
                Some(waker) => waker.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
        }
        Poll::Pending
    }

    /// Leaves the line, with what it was handed if its turn had come.
    pub(super) fn leave(&mut self, number: u64) -> Option<T> {
        let handed = self.take(number);
        if let Ok(at) = self.waiting.binary_search_by_key(&number, |it| it.number) {
            self.waiting.remove(at);
        }
        handed
    }

    fn take(&mut self, number: u64) -> Option<T> {
        let at = self.handed.binary_search_by_key(&number, |it| it.0).ok()?;
        self.handed.remove(at).map(|(_, value)| value)
    }
}

/// Wakes whom it concerns; not to be called under a lock.
pub(super) fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Somebody's place in a line: `poll` asks for its turn; `leave` runs when it is dropped before it has had it.
pub(super) struct Turn<P, L: FnMut()> {
    poll: P,
    leave: L,
    over: bool,
    _waits: Waits,
}

impl<P, L: FnMut()> Turn<P, L> {
    pub(super) fn new(waits: Waits, poll: P, leave: L) -> Self {
        Self {
            poll,
            leave,
            over: false,
            _waits: waits,
        }
    }

    /// Waits for the turn, at most for `limit`.
    pub(super) async fn come<T>(mut self, limit: Option<Duration>) -> Result<T, IpcError>
    where
        P: FnMut(&mut Context<'_>) -> Poll<T>,
    {
        let turn = poll_fn(|context| (self.poll)(context));
        let got = match limit {
            None => Ok(turn.await),
            Some(limit) => tokio::time::timeout(limit, turn).await,
        };
        // It may have come since the last look: a message that is counted as sent must not be called timed out.
        let value = match got {
            Ok(value) => Some(value),
            Err(_) => match (self.poll)(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(value) => Some(value),
                Poll::Pending => None,
            },
        };
        self.over = value.is_some();
        value.ok_or(IpcError::TimedOut)
    }
}

impl<P, L: FnMut()> Drop for Turn<P, L> {
    fn drop(&mut self) {
        if !self.over {
            (self.leave)();
        }
    }
}
