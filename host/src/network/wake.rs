//! Waiting and waking. Nobody is woken while a lock is held: a waker may drop the task it wakes, and with it a socket that takes the
//! same lock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Locks, also after a panic elsewhere: every state in this room is whole between two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many tasks may wait for the same thing. A guest that polls one stream from ever new tasks wakes the one that waits longest.
const WAITERS_MAX: usize = 64;

/// The tasks that wait for one thing; one, nearly always, and then nothing is allocated.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    first: Option<Waker>,
    #[expect(
        clippy::box_collection,
        reason = "nearly always empty, and every pipe has two of these"
    )]
    more: Option<Box<Vec<Waker>>>,
}

impl Waiters {
    /// Adds a task. What it returns is to be woken once the lock is released.
    #[must_use]
    pub(super) fn add(&mut self, waker: &Waker) -> Option<Waker> {
        match &mut self.first {
            None => {
                self.first = Some(waker.clone());
                None
            }
            Some(first) if first.will_wake(waker) => None,
            Some(first) => {
                let more = self.more.get_or_insert_default();
                if more.iter().any(|other| other.will_wake(waker)) {
                    return None;
                }
                more.push(waker.clone());
                if more.len() < WAITERS_MAX {
                    return None;
                }
                Some(std::mem::replace(first, more.remove(0)))
            }
        }
    }

    /// Takes all out, to be woken once the lock is released.
    #[must_use]
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Whether nobody waits.
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Wakes all.
    pub(super) fn wake(self) {
        if let Some(waker) = self.first {
            waker.wake();
        }
        for waker in self.more.into_iter().flat_map(|more| *more) {
            waker.wake();
        }
    }
}
