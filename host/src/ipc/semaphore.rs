//! Named counting semaphores, in the manner of sem_overview(7).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use tokio::sync::Notify;

use super::budget::{Budget, Kind, ObjectCharge, Opened, Waits};
use super::turn::{Line, Turn, wake};
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
    line: Line<()>,
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
                line: Line::default(),
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
        if let Ok((_, waker)) = state.line.hand(()) {
            drop(state);
            wake(waker);
            return Ok(());
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
    fn leave(&self, number: u64) {
        let handed = self.lock().line.leave(number);
        if handed.is_some() {
            // It never became part of the value, so that it fits unless others filled that up; then there is nothing to wake for.
            let _full = self.post();
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
            let number = state.line.join(());
            Turn::new(
                Waits::new(self.semaphore.charge.budget()),
                move |context: &mut Context<'_>| self.semaphore.lock().line.poll(number, context),
                move || self.semaphore.leave(number),
            )
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
