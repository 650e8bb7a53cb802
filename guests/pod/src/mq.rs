//! Message queues of the pod, in the manner of `mq_overview(7)`.
//!
//! ```no_run
//! use peapod_guest::mq::Open;
//! let queue = Open::new().write().create().size(16, 128).open("/work")?;
//! queue.send(b"first", 0)?;
//! queue.send(b"overtakes", 9)?;
//! # std::io::Result::Ok(())
//! ```

use std::io;
use std::time::Duration;

use crate::host::message_queue as host;
use crate::ipc::{Creation, error, nanoseconds};

/// The highest priority; the lowest is 0.
pub const PRIORITY_MAX: u32 = 32_767;

/// How to open a queue.
#[derive(Clone, Copy, Debug)]
pub struct Open {
    access: host::Access,
    creation: Creation,
    size: Option<host::Size>,
}

impl Default for Open {
    fn default() -> Self {
        Self::new()
    }
}

impl Open {
    /// A queue that must be there, for nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            access: host::Access::empty(),
            creation: Creation::Never,
            size: None,
        }
    }

    /// To receive.
    #[must_use]
    pub fn read(mut self) -> Self {
        self.access |= host::Access::READ;
        self
    }

    /// To send.
    #[must_use]
    pub fn write(mut self) -> Self {
        self.access |= host::Access::WRITE;
        self
    }

    /// Make it if it is not there.
    #[must_use]
    pub fn create(mut self) -> Self {
        self.creation = Creation::IfMissing;
        self
    }

    /// Make it; it must not be there yet.
    #[must_use]
    pub fn create_new(mut self) -> Self {
        self.creation = Creation::Exclusive;
        self
    }

    /// Where it is made: for so many messages of so many bytes at most; 10 of 8192 by default.
    #[must_use]
    pub fn size(mut self, messages: u32, message_bytes: u32) -> Self {
        self.size = Some(host::Size {
            messages,
            message_bytes,
        });
        self
    }

    /// Opens the queue called `name`: a slash, then no other.
    pub fn open(self, name: &str) -> io::Result<Queue> {
        host::open(name, self.access, self.creation, self.size)
            .map(Queue)
            .map_err(error)
    }
}

/// An open queue. Dropping it closes it.
#[derive(Debug)]
pub struct Queue(host::Queue);

/// A queue's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// How many messages it holds at most.
    pub messages: u32,
    /// How long a message is at most.
    pub message_bytes: u32,
    /// How many messages are in it.
    pub current: u32,
}

/// A message and its priority.
pub type Message = (Vec<u8>, u32);

impl Queue {
    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        let attributes = self.0.attributes();
        Attributes {
            messages: attributes.size.messages,
            message_bytes: attributes.size.message_bytes,
            current: attributes.current,
        }
    }

    /// Sends, waiting while the queue is full.
    pub fn send(&self, message: &[u8], priority: u32) -> io::Result<()> {
        match self.0.try_send(message, priority) {
            // Most often there is room, and a call that cannot wait costs the host less.
            Err(host::ErrorCode::WouldBlock) => self.0.send(message, priority).map_err(error),
            done => done.map_err(error),
        }
    }

    /// Sends, or fails with [`io::ErrorKind::WouldBlock`] where the queue is full.
    pub fn try_send(&self, message: &[u8], priority: u32) -> io::Result<()> {
        self.0.try_send(message, priority).map_err(error)
    }

    /// Sends, or fails with [`io::ErrorKind::TimedOut`].
    pub fn send_timeout(&self, message: &[u8], priority: u32, limit: Duration) -> io::Result<()> {
        self.0
            .timed_send(message, priority, nanoseconds(limit))
            .map_err(error)
    }

    /// The oldest message of the highest priority; waits while there is none.
    pub fn receive(&self) -> io::Result<Message> {
        match self.0.try_receive() {
            Err(host::ErrorCode::WouldBlock) => self.0.receive().map_err(error),
            done => done.map_err(error),
        }
    }

    /// As [`receive`](Self::receive), or [`io::ErrorKind::WouldBlock`] where there is none.
    pub fn try_receive(&self) -> io::Result<Message> {
        self.0.try_receive().map_err(error)
    }

    /// As [`receive`](Self::receive), or [`io::ErrorKind::TimedOut`].
    pub fn receive_timeout(&self, limit: Duration) -> io::Result<Message> {
        self.0.timed_receive(nanoseconds(limit)).map_err(error)
    }

    /// Waits until there is a message, which somebody else may take all the same.
    pub fn wait_readable(&self) {
        self.0.subscribe_readable().block();
    }

    /// Waits until there is room, which somebody else may take all the same.
    pub fn wait_writable(&self) {
        self.0.subscribe_writable().block();
    }
}

/// Takes the name away at once; the queue goes with its last handle.
pub fn unlink(name: &str) -> io::Result<()> {
    host::unlink(name).map_err(error)
}
