//! Named counting semaphores, in the manner of sem_overview(7).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

use super::budget::{Budget, Kind, ObjectCharge, Opened, Waits};
use super::turn::Turn;
use super::{IpcError, IpcResult};

/// SEM_VALUE_MAX.
pub const SEMAPHORE_VALUE_MAX: u32 = i32::MAX.cast_unsigned();

pub(super) struct Semaphore {
    state: Mutex<State>,
    posted: Notify,
    charge: ObjectCharge,
}

/// While somebody waits the value is 0: a post goes to the first in line.
struct State {
    value: u32,
    line: VecDeque<oneshot::Sender<()>>,
    /// Pollables that wait; without any, a post wakes nobody in vain.
    watchers: usize,
}

impl Semaphore {
    pub(super) fn new(value: u32, budget: &Arc<Budget>) -> IpcResult<Self> {
        if value > SEMAPHORE_VALUE_MAX {
            return Err(IpcError::Invalid);
        }
        Ok(Self {
            charge: ObjectCharge::new(budget, Kind::Semaphore)?,
            state: Mutex::new(State {
                value,
                line: VecDeque::new(),
                watchers: 0,
            }),
            posted: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self) -> IpcResult<()> {
        let mut state = self.lock();
        while let Some(waiter) = state.line.pop_front() {
            if waiter.send(()).is_ok() {
                return Ok(());
            }
        }
        if state.value == SEMAPHORE_VALUE_MAX {
            return Err(IpcError::Overflow);
        }
        state.value += 1;
        if state.watchers > 0 {
            drop(state);
            self.posted.notify_waiters();
        }
        Ok(())
    }

    /// A waiter is gone; a turn that had come to it goes on.
    fn undo(&self, handed: Option<()>) {
        if handed.is_some() {
            // It was taken from the value before, so that it fits again unless others filled it up; then there is nothing to wake for.
            let _full = self.post();
        } else {
            self.lock().line.retain(|waiter| !waiter.is_closed());
        }
    }
}

/// An open semaphore. Dropping it is `sem_close`.
pub struct SemaphoreHandle {
    semaphore: Arc<Semaphore>,
    _opened: Opened,
}

impl SemaphoreHandle {
    pub(super) fn new(semaphore: Arc<Semaphore>, opened: Opened) -> Self {
        Self {
            semaphore,
            _opened: opened,
        }
    }

    /// `sem_trywait`.
    pub fn try_wait(&self) -> IpcResult<()> {
        let mut state = self.semaphore.lock();
        state.value = state.value.checked_sub(1).ok_or(IpcError::WouldBlock)?;
        Ok(())
    }

    /// `sem_wait`, or with a limit `sem_timedwait`.
    pub async fn wait(&self, limit: Option<Duration>) -> IpcResult<()> {
        let turn = {
            let mut state = self.semaphore.lock();
            if let Some(value) = state.value.checked_sub(1) {
                state.value = value;
                return Ok(());
            }
            if limit == Some(Duration::ZERO) {
                return Err(IpcError::TimedOut);
            }
            let (sender, receiver) = oneshot::channel();
            state.line.push_back(sender);
            let waits = Waits::new(self.semaphore.charge.budget());
            Turn::new(receiver, waits, |handed| self.semaphore.undo(handed))
        };
        turn.come(limit).await
    }

    /// `sem_post`.
    pub fn post(&self) -> IpcResult<()> {
        self.semaphore.post()
    }

    /// `sem_getvalue`: 0 while somebody waits, as on Linux.
    pub fn value(&self) -> u32 {
        self.semaphore.lock().value
    }

    /// Waits until `try_wait` would have had its way.
    pub async fn ready(&self) {
        let _watching = Watching::new(&self.semaphore);
        loop {
            let posted = self.semaphore.posted.notified();
            tokio::pin!(posted);
            // Registered before the look, or a post in between would be missed.
            posted.as_mut().enable();
            if self.value() > 0 {
                return;
            }
            posted.await;
        }
    }
}

struct Watching<'a>(&'a Semaphore);

impl<'a> Watching<'a> {
    fn new(semaphore: &'a Semaphore) -> Self {
        semaphore.lock().watchers += 1;
        Self(semaphore)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.lock().watchers -= 1;
    }
}
