//! Message queues, in the manner of mq_overview(7).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use super::budget::{
    Budget, BytesCharge, Kind, MESSAGE_OVERHEAD_BYTES, ObjectCharge, Opened, Waits,
};
use super::turn::{Line, Turn, wake};
use super::{IpcError, IpcResult};

/// The highest priority: MQ_PRIO_MAX - 1.
pub const PRIORITY_MAX: u32 = 32_767;
/// Levels of priority that stay in the table when they are empty: most programs use one or two, and would otherwise make one anew for
/// every message.
const EMPTY_LEVELS_MAX: usize = 8;
/// Room an empty level keeps.
const LEVEL_ROOM_MAX: usize = 256;

/// What a queue is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSize {
    /// mq_maxmsg
    pub messages: u32,
    /// mq_msgsize
    pub message_bytes: u32,
}

impl Default for QueueSize {
    /// As Linux makes a queue without attributes.
    fn default() -> Self {
        Self {
            messages: 10,
            message_bytes: 8192,
        }
    }
}

/// `struct mq_attr`, but for the flags, which belong to whoever has it open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueAttributes {
    /// What it was made for.
    pub size: QueueSize,
    /// mq_curmsgs
    pub current: usize,
}

/// What a handle may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Receive.
    pub read: bool,
    /// Send.
    pub write: bool,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What was sent.
    pub bytes: Vec<u8>,
    /// 0 to [`PRIORITY_MAX`]; the highest is received first.
    pub priority: u32,
}

/// A message with its place among those of its priority.
struct Stored {
    number: u64,
    message: Message,
}

pub(super) struct Queue {
    size: QueueSize,
    state: Mutex<State>,
    changed: Notify,
    charge: ObjectCharge,
    _bytes: BytesCharge,
}

/// Receivers wait only while the queue is empty, senders only while it is full.
#[derive(Default)]
struct State {
    levels: BTreeMap<u32, VecDeque<Stored>>,
    len: usize,
    last_number: u64,
    receivers: Line<Stored>,
    senders: Line<(), Sending>,
    /// Pollables that wait; without any, a message wakes nobody in vain.
    watchers: usize,
}

/// A message whose sender waits for room.
struct Sending {
    message: Message,
    _bytes: BytesCharge,
}

impl State {
    fn insert(&mut self, stored: Stored) {
        let level = self.levels.entry(stored.message.priority).or_default();
        // One that was given back by a killed receiver is older than those that came since.
        let newest = level.back().is_none_or(|last| last.number < stored.number);
        if newest {
            level.push_back(stored);
        } else {
            let at = level.partition_point(|other| other.number < stored.number);
            level.insert(at, stored);
        }
        self.len += 1;
    }

    /// To the first receiver in line, who is to be woken, or into the queue.
    fn deliver(&mut self, stored: Stored) -> Option<Waker> {
        match self.receivers.hand(stored) {
            Ok((_, waker)) => waker,
            Err(stored) => {
                self.insert(stored);
                None
            }
        }
    }

    fn number(&mut self, message: Message) -> Stored {
        self.last_number += 1;
        Stored {
            number: self.last_number,
            message,
        }
    }

    /// The oldest of the highest priority.
    fn take(&mut self) -> Option<Stored> {
        let (priority, level) = self
            .levels
            .iter_mut()
            .rev()
            .find(|(_, level)| !level.is_empty())?;
        let priority = *priority;
        let stored = level.pop_front()?;
        if level.is_empty() {
            level.shrink_to(LEVEL_ROOM_MAX);
            if self.levels.len() > EMPTY_LEVELS_MAX {
                self.levels.remove(&priority);
            }
        }
        self.len -= 1;
        Some(stored)
    }

    /// Lets the first waiting sender in, who is to be woken.
    fn admit(&mut self, max: usize) -> Option<Waker> {
        if self.senders.nobody_waits() || self.len >= max {
            return None;
        }
        let (sending, waker) = self.senders.hand(()).ok()?;
        let stored = self.number(sending.message);
        self.insert(stored);
        waker
    }
}

impl Queue {
    pub(super) fn new(size: QueueSize, budget: &Arc<Budget>) -> IpcResult<Self> {
        let limits = &budget.limits;
        if !(1..=limits.messages_per_queue).contains(&size.messages)
            || !(1..=limits.message_bytes).contains(&size.message_bytes)
        {
            return Err(IpcError::Invalid);
        }
        let bytes = u64::from(size.messages)
            .saturating_mul(u64::from(size.message_bytes) + MESSAGE_OVERHEAD_BYTES);
        Ok(Self {
            size,
            charge: ObjectCharge::new(budget, Kind::Queue)?,
            _bytes: BytesCharge::new(budget, Kind::Queue, bytes)?,
            state: Mutex::default(),
            changed: Notify::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held cannot leave a message in two places: each is moved by one call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn max(&self) -> usize {
        usize::try_from(self.size.messages).unwrap_or(usize::MAX)
    }

    /// Ends a change: wakes whom it concerns, and whoever polls.
    fn tell(&self, state: MutexGuard<'_, State>, waker: Option<Waker>) {
        let watched = state.watchers > 0;
        drop(state);
        wake(waker);
        if watched {
            self.changed.notify_waiters();
        }
    }

    /// Gives the message back where the queue is full.
    fn send_now(&self, message: Message) -> Result<(), (Message, MutexGuard<'_, State>)> {
        let mut state = self.lock();
        if state.len >= self.max() {
            return Err((message, state));
        }
        let stored = state.number(message);
        let waker = state.deliver(stored);
        self.tell(state, waker);
        Ok(())
    }

    fn receive_now(&self) -> Result<Message, MutexGuard<'_, State>> {
        let mut state = self.lock();
        let Some(stored) = state.take() else {
            return Err(state);
        };
        let waker = state.admit(self.max());
        self.tell(state, waker);
        Ok(stored.message)
    }

    fn poll_receiver(&self, number: u64, context: &mut Context<'_>) -> Poll<Message> {
        let turn = self.lock().receivers.poll(number, context);
        turn.map(|stored| stored.message)
    }

    /// A waiting receiver is gone; a message that had come to it goes to the next, or back to its place in the queue.
    fn receiver_leaves(&self, number: u64) {
        let mut state = self.lock();
        if let Some(stored) = state.receivers.leave(number) {
            let waker = state.deliver(stored);
            self.tell(state, waker);
        }
    }

    fn poll_sender(&self, number: u64, context: &mut Context<'_>) -> Poll<()> {
        self.lock().senders.poll(number, context)
    }

    /// A waiting sender is gone: its message goes with it, unless it was let in already.
    fn sender_leaves(&self, number: u64) {
        self.lock().senders.leave(number);
    }
}

/// An open queue. Dropping it is `mq_close`.
pub struct QueueHandle {
    queue: Arc<Queue>,
    access: Access,
    _opened: Opened,
}

impl QueueHandle {
    pub(super) fn new(queue: Arc<Queue>, access: Access, opened: Opened) -> Self {
        Self {
            queue,
            access,
            _opened: opened,
        }
    }

    fn check_send(&self, len: usize, priority: u32) -> IpcResult<()> {
        if !self.access.write {
            return Err(IpcError::BadHandle);
        }
        if priority > PRIORITY_MAX {
            return Err(IpcError::Invalid);
        }
        if u64::try_from(len).unwrap_or(u64::MAX) > u64::from(self.queue.size.message_bytes) {
            return Err(IpcError::MessageSize);
        }
        Ok(())
    }

    /// `mq_send` on a queue that does not block.
    pub fn try_send(&self, bytes: Vec<u8>, priority: u32) -> IpcResult<()> {
        self.check_send(bytes.len(), priority)?;
        self.queue
            .send_now(Message { bytes, priority })
            .map_err(|_| IpcError::WouldBlock)
    }

    /// `mq_send`, or with a limit `mq_timedsend`.
    pub async fn send(
        &self,
        bytes: Vec<u8>,
        priority: u32,
        limit: Option<Duration>,
    ) -> IpcResult<()> {
        self.check_send(bytes.len(), priority)?;
        let turn = {
            let sent = self.queue.send_now(Message { bytes, priority });
            let Err((message, mut state)) = sent else {
                return Ok(());
            };
            if limit == Some(Duration::ZERO) {
                return Err(IpcError::TimedOut);
            }
            let budget = self.queue.charge.budget();
            let len = u64::try_from(message.bytes.len()).unwrap_or(u64::MAX);
            // A thousand processes with a message of 16 MiB each in hand would be bounded by nothing else.
            let held = BytesCharge::new(budget, Kind::Queue, len);
            let number = state.senders.join(Sending {
                message,
                _bytes: held.map_err(|_| IpcError::NoMemory)?,
            });
            Turn::new(
                Waits::new(budget),
                move |context: &mut Context<'_>| self.queue.poll_sender(number, context),
                move || self.queue.sender_leaves(number),
            )
        };
        turn.come(limit).await
    }

    /// `mq_receive` on a queue that does not block.
    pub fn try_receive(&self) -> IpcResult<Message> {
        if !self.access.read {
            return Err(IpcError::BadHandle);
        }
        self.queue.receive_now().map_err(|_| IpcError::WouldBlock)
    }

    /// `mq_receive`, or with a limit `mq_timedreceive`.
    pub async fn receive(&self, limit: Option<Duration>) -> IpcResult<Message> {
        if !self.access.read {
            return Err(IpcError::BadHandle);
        }
        let turn = {
            let mut state = match self.queue.receive_now() {
                Ok(message) => return Ok(message),
                Err(state) => state,
            };
            if limit == Some(Duration::ZERO) {
                return Err(IpcError::TimedOut);
            }
            let number = state.receivers.join(());
            Turn::new(
                Waits::new(self.queue.charge.budget()),
                move |context: &mut Context<'_>| self.queue.poll_receiver(number, context),
                move || self.queue.receiver_leaves(number),
            )
        };
        turn.come(limit).await
    }

    /// `mq_getattr`.
    pub fn attributes(&self) -> QueueAttributes {
        QueueAttributes {
            size: self.queue.size,
            current: self.queue.lock().len,
        }
    }

    /// Waits until there is a message.
    pub async fn readable(&self) {
        self.until(|state| state.len > 0).await;
    }

    /// Waits until there is room.
    pub async fn writable(&self) {
        self.until(|state| state.len < self.queue.max()).await;
    }

    async fn until(&self, so: impl Fn(&State) -> bool) {
        let _watching = Watching::new(&self.queue);
        loop {
            let changed = self.queue.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, or a message in between would be missed.
            changed.as_mut().enable();
            if so(&self.queue.lock()) {
                return;
            }
            changed.await;
        }
    }
}

struct Watching<'a>(&'a Queue);

impl<'a> Watching<'a> {
    fn new(queue: &'a Queue) -> Self {
        queue.lock().watchers += 1;
        Self(queue)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.lock().watchers -= 1;
    }
}
