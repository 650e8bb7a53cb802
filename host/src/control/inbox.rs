//! Standard input that has arrived and was not read yet.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use super::frame::{CHUNK_BYTES, WINDOW_BYTES, invalid};

/// Apart from the connection: whether a client is still there must be seen even while its command reads nothing.
#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    /// What waits. In one piece: frames of a byte each would else be kept with what it takes to keep them.
    waiting: BytesMut,
    /// What arrived and was not read: what waits and what is under way.
    bytes: usize,
    ended: bool,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what a client sent; an error if that is more than it may send.
    pub(super) fn push(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        if bytes.is_empty() || state.bytes + bytes.len() > WINDOW_BYTES {
            return Err(invalid("standard input beyond the window"));
        }
        state.bytes += bytes.len();
        state.waiting.extend_from_slice(bytes);
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
                if !state.waiting.is_empty() {
                    let len = state.waiting.len().min(CHUNK_BYTES);
                    return Some(state.waiting.split_to(len).freeze());
                }
                // What held it goes once that was read.
                state.waiting = BytesMut::new();
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
