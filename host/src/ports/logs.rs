//! What containers write.

use std::sync::Arc;

use super::BoxFuture;
use crate::model::{Attempt, Pod, PodStatus, PodUid, Role, Time};

/// Keeps what containers write.
pub trait Logs: Send + Sync {
    /// The sink of one instance.
    fn sink(&self, source: LogSource) -> Arc<dyn LogSink>;
    /// How a pod stands now, for readers who want to know whose output there is or will be.
    fn status(&self, _pod: &Pod, _status: &PodStatus) {}
    /// Nothing more will be written by this pod.
    fn over(&self, _pod: &PodUid) {}
}

/// Takes the output of one instance. A sink that is full slows its writer down: output is never buffered without bound, never dropped.
pub trait LogSink: Send + Sync {
    /// Whether a write would be taken now.
    fn has_room(&self) -> bool;
    /// Waits until a write would be taken.
    fn room(&self) -> BoxFuture<'_, ()>;
    /// Takes these bytes. To be called after `room`; one write past the bound is taken all the same.
    fn write(&self, stream: LogStream, bytes: &[u8]);
    /// The instance ended: an unfinished last line counts as a line.
    fn close(&self);
    /// The last bytes written to both streams, for the termination message: at most 2048 bytes and 80 lines (rule B15).
    fn tail(&self) -> String;
}

/// Whose output.
#[derive(Clone, Debug)]
pub struct LogSource {
    /// The pod.
    pub pod: Pod,
    /// The instance.
    pub attempt: Attempt,
    /// What the container is to the pod.
    pub role: Role,
}

/// Standard output or standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LogStream {
    /// `stdout`
    Stdout,
    /// `stderr`
    Stderr,
}

/// One line of output.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Who wrote it.
    pub source: Arc<LogSource>,
    /// To which stream.
    pub stream: LogStream,
    /// When its last byte arrived.
    pub at: Time,
    /// The line goes on in the next one of the same stream: it was too long for one piece.
    pub partial: bool,
    /// The line, without its newline. Bytes: guests may write what is no UTF-8.
    pub text: Vec<u8>,
}
