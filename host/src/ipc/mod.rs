//! Interprocess communication of one pod: message queues, semaphores, shared memory.
//!
//! - owns: the named objects of a pod, their contents, waiters and limits
//! - never does: anything with wasm; let one pod see another's objects
//! - talks to: nobody; `wasm` gives its objects to guests, `sandbox` makes one per pod
//!
//! Names and contents live as long as the pod: a container that restarts finds what its predecessor left. An unlinked object lives on until
//! its last handle is dropped, however the container that held it ended. Whoever waits has a place in a line; a turn that comes to a
//! waiter that is gone goes on to the next, so that a killed container swallows neither a message nor a post.

mod budget;
mod error;
mod memory;
mod name;
mod queue;
mod semaphore;
mod turn;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use budget::{IpcLimits, IpcStats};
pub use error::IpcError;
pub use memory::{SegmentHandle, TRANSFER_MAX_BYTES};
pub use queue::{Access, Message, PRIORITY_MAX, QueueAttributes, QueueHandle, QueueSize};
pub use semaphore::{SEMAPHORE_VALUE_MAX, SemaphoreHandle};

use budget::{Budget, Kind, Opened};
use memory::Segment;
use name::check;
use queue::Queue;
use semaphore::Semaphore;

/// What a call of this room gives.
pub type IpcResult<T> = Result<T, IpcError>;

/// Whether an `open` may or must make the object: O_CREAT and O_EXCL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Creation {
    /// It must be there.
    Never,
    /// It is made where it is missing.
    IfMissing,
    /// It must not be there yet.
    Exclusive,
}

/// The IPC space of one pod.
pub struct PodIpc {
    names: Mutex<Names>,
    budget: Arc<Budget>,
}

#[derive(Default)]
struct Names {
    queues: HashMap<String, Arc<Queue>>,
    semaphores: HashMap<String, Arc<Semaphore>>,
    segments: HashMap<String, Arc<Segment>>,
}

impl PodIpc {
    /// An empty space with those limits.
    pub fn new(limits: IpcLimits) -> Arc<Self> {
        Arc::new(Self {
            names: Mutex::default(),
            budget: Budget::new(limits),
        })
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        // A panic while the lock is held cannot leave the tables half-changed: every change is one call on a map.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `mq_open`. The size counts only where the queue is made; an existing one keeps its own.
    pub fn open_queue(
        &self,
        name: &str,
        access: Access,
        creation: Creation,
        size: Option<QueueSize>,
    ) -> IpcResult<QueueHandle> {
        check(name, Kind::Queue)?;
        if !access.read && !access.write {
            return Err(IpcError::Invalid);
        }
        let queue = find(&mut self.names().queues, name, creation, || {
            Queue::new(size.unwrap_or_default(), &self.budget)
        })?;
        Ok(QueueHandle::new(queue, access, Opened::new(&self.budget)))
    }

    /// `mq_unlink`.
    pub fn unlink_queue(&self, name: &str) -> IpcResult<()> {
        check(name, Kind::Queue)?;
        unlink(&mut self.names().queues, name)
    }

    /// `sem_open`. The value counts only where the semaphore is made.
    pub fn open_semaphore(
        &self,
        name: &str,
        creation: Creation,
        value: u32,
    ) -> IpcResult<SemaphoreHandle> {
        check(name, Kind::Semaphore)?;
        let semaphore = find(&mut self.names().semaphores, name, creation, || {
            Semaphore::new(value, &self.budget)
        })?;
        Ok(SemaphoreHandle::new(semaphore, Opened::new(&self.budget)))
    }

    /// `sem_unlink`.
    pub fn unlink_semaphore(&self, name: &str) -> IpcResult<()> {
        check(name, Kind::Semaphore)?;
        unlink(&mut self.names().semaphores, name)
    }

    /// `shm_open`, with the `ftruncate` that usually follows: the size counts only where the segment is made.
    pub fn open_segment(
        &self,
        name: &str,
        writable: bool,
        creation: Creation,
        size_bytes: u64,
    ) -> IpcResult<SegmentHandle> {
        check(name, Kind::Segment)?;
        let segment = find(&mut self.names().segments, name, creation, || {
            Segment::new(size_bytes, &self.budget)
        })?;
        Ok(SegmentHandle::new(
            segment,
            writable,
            Opened::new(&self.budget),
        ))
    }

    /// `shm_unlink`.
    pub fn unlink_segment(&self, name: &str) -> IpcResult<()> {
        check(name, Kind::Segment)?;
        unlink(&mut self.names().segments, name)
    }

    /// What is there now: all zero once every handle is dropped and every name unlinked.
    pub fn stats(&self) -> IpcStats {
        self.budget.stats()
    }
}

fn find<T>(
    names: &mut HashMap<String, Arc<T>>,
    name: &str,
    creation: Creation,
    make: impl FnOnce() -> IpcResult<T>,
) -> IpcResult<Arc<T>> {
    match (names.get(name), creation) {
        (Some(_), Creation::Exclusive) => Err(IpcError::Exists),
        (Some(found), _) => Ok(Arc::clone(found)),
        (None, Creation::Never) => Err(IpcError::NoEntry),
        (None, _) => {
            let made = Arc::new(make()?);
            names.insert(name.to_owned(), Arc::clone(&made));
            Ok(made)
        }
    }
}

fn unlink<T>(names: &mut HashMap<String, Arc<T>>, name: &str) -> IpcResult<()> {
    names.remove(name).map(drop).ok_or(IpcError::NoEntry)
}

impl fmt::Debug for PodIpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PodIpc").field(&self.stats()).finish()
    }
}

/// Two spaces are the same only when they are one: what is in them changes from one moment to the next.
impl PartialEq for PodIpc {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for PodIpc {}

#[cfg(test)]
mod tests;
