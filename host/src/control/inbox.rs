//! Standard input that has arrived and was not read yet.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::frame::{WINDOW_BYTES, invalid};

/// Apart from the connection: whether a client is still there must be seen even while its command reads nothing.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// What arrived and was not read.
    bytes: usize,
    ended: bool,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a client sent; an error if that is more than it may send.
    pub(super) fn push(&self, bytes: Bytes) -> io::Result<()> {
        let mut state = self.state();
        if bytes.is_empty() || state.bytes + bytes.len() > WINDOW_BYTES {
            return Err(invalid("standard input beyond the window"));
        }
        state.bytes += bytes.len();
        state.chunks.push_back(bytes);
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// There is no more.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.arrived.notify_one();
    }

    /// The next bytes; `None` at the end. They are under way until [`Self::read`].
    pub(super) async fn next(&self) -> Option<Bytes> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut state = self.state();
                if let Some(chunk) = state.chunks.pop_front() {
                    return Some(chunk);
                }
                if state.ended {
                    return None;
                }
            }
            arrived.await;
        }
    }

    /// So many bytes were read.
    pub(super) fn read(&self, bytes: usize) {
        self.state().bytes -= bytes;
    }
}
