//! Waiting and waking. Nobody is woken while a lock is held: a waker may drop the task it wakes, and with it a socket that takes the
//! same lock.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// Locks, also after a panic elsewhere: every state in this room is whole between two statements.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// So many tasks may wait for the same thing before those that gave up are looked for.
const WAITERS_MIN: usize = 64;

/// The tasks that wait for one thing; one, nearly always, and then nothing is allocated.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    first: Option<Waker>,
    more: Option<Box<More>>,
}

/// The others. However many tasks really wait, all of them are kept: their handles bound them. But a task that gives up says nothing, and
/// a guest that waits again and again from ever new tasks would fill the memory of the host.
#[derive(Debug)]
struct More {
    list: Vec<Waiter>,
    /// With so many, it is asked who still waits.
    limit: usize,
}

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    /// Woken to see whether it comes back, and has not come back yet.
    asked: bool,
}

/// Tasks to be woken once the lock is released, to see whether they wait still.
#[must_use]
#[derive(Debug, Default)]
pub(super) struct Asked(Vec<Waker>);

impl Asked {
    /// Wakes them.
    pub(super) fn wake(self) {
        for waker in self.0 {
            waker.wake();
        }
    }
}

impl Waiters {
    /// Adds a task. What it returns is to be woken once the lock is released.
    pub(super) fn add(&mut self, waker: &Waker) -> Asked {
        match &self.first {
            None => {
                self.first = Some(waker.clone());
                Asked::default()
            }
            Some(first) if first.will_wake(waker) => Asked::default(),
            Some(_) => self.more.get_or_insert_default().add(waker),
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
        for waiter in self.more.into_iter().flat_map(|more| more.list) {
            waiter.waker.wake();
        }
    }
}

impl Default for More {
    fn default() -> Self {
        Self {
            list: Vec::new(),
            limit: WAITERS_MIN,
        }
    }
}

impl More {
    fn add(&mut self, waker: &Waker) -> Asked {
        let mut list = self.list.iter_mut();
        if let Some(waiter) = list.find(|waiter| waiter.waker.will_wake(waker)) {
            waiter.asked = false;
            return Asked::default();
        }
        let asked = if self.list.len() < self.limit {
            Asked::default()
        } else {
            self.ask()
        };
        self.list.push(Waiter {
            waker: waker.clone(),
            asked: false,
        });
        asked
    }

    /// Forgets those that were asked the last time and did not come back, and asks the others. When most came back there really are so
    /// many: asked again at every turn, they would keep each other awake for ever.
    fn ask(&mut self) -> Asked {
        self.list.retain(|waiter| !waiter.asked);
        if self.list.len() > self.limit / 2 {
            self.limit *= 2;
        }
        let ask = |waiter: &mut Waiter| {
            waiter.asked = true;
            waiter.waker.clone()
        };
        Asked(self.list.iter_mut().map(ask).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::Waiters;

    #[derive(Default)]
    struct Task {
        woken: AtomicBool,
        times: AtomicUsize,
    }

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.woken.store(true, Ordering::Relaxed);
            self.times.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn however_many_wait_they_come_to_rest_and_all_are_woken() {
        let tasks: Vec<_> = (0..1000).map(|_| Arc::new(Task::default())).collect();
        let mut waiters = Waiters::default();
        let wait = |waiters: &mut Waiters, task: &Arc<Task>| {
            waiters.add(&Waker::from(Arc::clone(task))).wake();
        };
        for task in &tasks {
            wait(&mut waiters, task);
        }
        // Whoever is woken for nothing waits again, as a task does.
        let mut rounds = 0;
        while let Some(task) = tasks
            .iter()
            .find(|task| task.woken.swap(false, Ordering::Relaxed))
        {
            wait(&mut waiters, task);
            rounds += 1;
            assert!(rounds < 20_000, "they keep each other awake");
        }
        let before: Vec<_> = tasks
            .iter()
            .map(|task| task.times.load(Ordering::Relaxed))
            .collect();
        waiters.take().wake();
        assert!(waiters.is_empty());
        let woken =
            |(task, before): (&Arc<Task>, usize)| task.times.load(Ordering::Relaxed) > before;
        assert!(tasks.iter().zip(before).all(woken));
    }

    #[test]
    fn tasks_that_gave_up_are_forgotten_in_time() {
        let mut waiters = Waiters::default();
        let tasks: Vec<_> = (0..10_000).map(|_| Arc::new(Task::default())).collect();
        for task in &tasks {
            waiters.add(&Waker::from(Arc::clone(task))).wake();
        }
        let kept = tasks.iter().filter(|task| Arc::strong_count(task) > 1);
        assert!(kept.count() <= 200);
    }
}
