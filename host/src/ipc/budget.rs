//! Limits of one pod, and what it has of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::IpcError;

/// What a message costs beside its bytes. Without it, a queue of 65,536 empty messages would count as nothing.
pub(super) const MESSAGE_OVERHEAD_BYTES: u64 = 64;

/// What one pod may have. The defaults are what Linux gives to a user who may raise nothing, or a container's usual /dev/shm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpcLimits {
    /// Message queues.
    pub queues: usize,
    /// Semaphores.
    pub semaphores: usize,
    /// Segments of shared memory.
    pub segments: usize,
    /// Bytes of all queues when full, taken when a queue is made (as RLIMIT_MSGQUEUE), and of the messages whose senders wait.
    pub queue_bytes: u64,
    /// Bytes of all segments.
    pub shared_bytes: u64,
    /// Messages that one queue may be made for.
    pub messages_per_queue: u32,
    /// Bytes of a message that a queue may be made for.
    pub message_bytes: u32,
}

impl Default for IpcLimits {
    fn default() -> Self {
        Self {
            queues: 256,
            semaphores: 1024,
            segments: 256,
            queue_bytes: 64 << 20,
            shared_bytes: 64 << 20,
            messages_per_queue: 65_536,
            message_bytes: 16 << 20,
        }
    }
}

/// What there is in one pod's IPC space, unlinked objects that are still open included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IpcStats {
    /// Message queues.
    pub queues: usize,
    /// Semaphores.
    pub semaphores: usize,
    /// Segments of shared memory.
    pub segments: usize,
    /// Bytes taken for messages.
    pub queue_bytes: u64,
    /// Bytes of shared memory.
    pub shared_bytes: u64,
    /// Open handles.
    pub handles: usize,
    /// Calls that wait now.
    pub waiters: usize,
}

/// What kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Queue,
    Semaphore,
    Segment,
}

/// The counters behind both.
pub(super) struct Budget {
    pub(super) limits: IpcLimits,
    queues: AtomicUsize,
    semaphores: AtomicUsize,
    segments: AtomicUsize,
    queue_bytes: AtomicU64,
    shared_bytes: AtomicU64,
    handles: AtomicUsize,
    waiters: AtomicUsize,
}

impl Budget {
    pub(super) fn new(limits: IpcLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            queues: AtomicUsize::new(0),
            semaphores: AtomicUsize::new(0),
            segments: AtomicUsize::new(0),
            queue_bytes: AtomicU64::new(0),
            shared_bytes: AtomicU64::new(0),
            handles: AtomicUsize::new(0),
            waiters: AtomicUsize::new(0),
        })
    }

    pub(super) fn stats(&self) -> IpcStats {
        IpcStats {
            queues: self.queues.load(Ordering::Acquire),
            semaphores: self.semaphores.load(Ordering::Acquire),
            segments: self.segments.load(Ordering::Acquire),
            queue_bytes: self.queue_bytes.load(Ordering::Acquire),
            shared_bytes: self.shared_bytes.load(Ordering::Acquire),
            handles: self.handles.load(Ordering::Acquire),
            waiters: self.waiters.load(Ordering::Acquire),
        }
    }

    fn objects(&self, kind: Kind) -> (&AtomicUsize, usize) {
        match kind {
            Kind::Queue => (&self.queues, self.limits.queues),
            Kind::Semaphore => (&self.semaphores, self.limits.semaphores),
            Kind::Segment => (&self.segments, self.limits.segments),
        }
    }

    fn bytes(&self, kind: Kind) -> (&AtomicU64, u64) {
        match kind {
            Kind::Queue | Kind::Semaphore => (&self.queue_bytes, self.limits.queue_bytes),
            Kind::Segment => (&self.shared_bytes, self.limits.shared_bytes),
        }
    }
}

/// One more object; given back when it is gone.
pub(super) struct ObjectCharge {
    budget: Arc<Budget>,
    kind: Kind,
}

impl ObjectCharge {
    pub(super) fn new(budget: &Arc<Budget>, kind: Kind) -> Result<Self, IpcError> {
        let (count, limit) = budget.objects(kind);
        count
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| {
                (count < limit).then_some(count + 1)
            })
            .map_err(|_| IpcError::NoSpace)?;
        Ok(Self {
            budget: Arc::clone(budget),
            kind,
        })
    }

    pub(super) fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }
}

impl Drop for ObjectCharge {
    fn drop(&mut self) {
        self.budget
            .objects(self.kind)
            .0
            .fetch_sub(1, Ordering::AcqRel);
    }
}

/// Bytes that were taken; given back when it is gone.
pub(super) struct BytesCharge {
    budget: Arc<Budget>,
    kind: Kind,
    bytes: u64,
}

impl BytesCharge {
    pub(super) fn new(budget: &Arc<Budget>, kind: Kind, bytes: u64) -> Result<Self, IpcError> {
        let mut charge = Self {
            budget: Arc::clone(budget),
            kind,
            bytes: 0,
        };
        charge.resize(bytes)?;
        Ok(charge)
    }

    /// Takes more, or gives some back.
    pub(super) fn resize(&mut self, bytes: u64) -> Result<(), IpcError> {
        let (used, limit) = self.budget.bytes(self.kind);
        let before = self.bytes;
        used.fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
            let after = used.saturating_sub(before).checked_add(bytes)?;
            (bytes <= before || after <= limit).then_some(after)
        })
        .map_err(|_| IpcError::NoSpace)?;
        self.bytes = bytes;
        Ok(())
    }
}

impl Drop for BytesCharge {
    fn drop(&mut self) {
        self.budget
            .bytes(self.kind)
            .0
            .fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// Counts an open handle.
pub(super) struct Opened(Arc<Budget>);

impl Opened {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        budget.handles.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(budget))
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.0.handles.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Counts a call that waits.
pub(super) struct Waits(Arc<Budget>);

impl Waits {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        budget.waiters.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(budget))
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::AcqRel);
    }
}
