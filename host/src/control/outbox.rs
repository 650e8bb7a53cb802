//! What waits to be sent to a client: bounded, so that a command that floods is slowed and not kept.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::frame::{CHUNK_BYTES, Kind};
use crate::ports::{BoxFuture, LogSink, LogStream};

/// Output that waits before the command has to.
const OUTPUT_BYTES_MAX: usize = 256 << 10;

/// The frames for one client.
#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    arrived: Notify,
    drained: Notify,
}

#[derive(Default)]
struct State {
    frames: VecDeque<Waiting>,
    bytes: usize,
    /// Bytes of standard input that were read, of which the client does not know yet.
    read: usize,
    /// No output any more: the client has gone, or the command has ended and what it left running goes on alone.
    closed: bool,
    /// Nothing at all any more.
    finished: bool,
}

/// What waits for its turn.
enum Waiting {
    Frame(Bytes),
    /// That input was read; how much, by the time it is sent.
    Read,
}

impl Outbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, mut state: MutexGuard<'_, State>, frame: Bytes) {
        state.bytes += frame.len();
        state.frames.push_back(Waiting::Frame(frame));
        drop(state);
        self.arrived.notify_one();
    }

    /// The first frame, before whatever the command has written by now.
    pub(super) fn start(&self, frame: Bytes) {
        let mut state = self.state();
        state.bytes += frame.len();
        state.frames.push_front(Waiting::Frame(frame));
        drop(state);
        self.arrived.notify_one();
    }

    /// So many bytes of standard input were read. However often that comes, one frame waits: a client that writes byte by byte and never
    /// reads would else have a frame kept for each.
    pub(super) fn read(&self, bytes: usize) {
        let mut state = self.state();
        if state.read == 0 {
            state.frames.push_back(Waiting::Read);
        }
        state.read += bytes;
        drop(state);
        self.arrived.notify_one();
    }

    /// The last frame.
    pub(super) fn finish(&self, frame: Bytes) {
        self.close();
        let mut state = self.state();
        state.finished = true;
        self.push(state, frame);
    }

    /// The next frame; `None` after the last one.
    pub(super) async fn next(&self) -> Option<io::Result<Bytes>> {
        loop {
            let arrived = self.arrived.notified();
            {
                let mut state = self.state();
                match state.frames.pop_front() {
                    Some(Waiting::Frame(frame)) => {
                        state.bytes -= frame.len();
                        drop(state);
                        self.drained.notify_waiters();
                        return Some(Ok(frame));
                    }
                    Some(Waiting::Read) => {
                        return Some(Kind::Room.json(&std::mem::take(&mut state.read)));
                    }
                    None if state.finished => return None,
                    None => {}
                }
            }
            arrived.await;
        }
    }
}

impl LogSink for Outbox {
    fn has_room(&self) -> bool {
        let state = self.state();
        state.closed || state.bytes < OUTPUT_BYTES_MAX
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let drained = self.drained.notified();
                tokio::pin!(drained);
                // Registered before the look, or a drain in between would be missed.
                drained.as_mut().enable();
                if self.has_room() {
                    return;
                }
                drained.await;
            }
        })
    }

    fn write(&self, stream: LogStream, bytes: &[u8]) {
        let kind = match stream {
            LogStream::Stdout => Kind::Stdout,
            LogStream::Stderr => Kind::Stderr,
        };
        for chunk in bytes.chunks(CHUNK_BYTES) {
            let state = self.state();
            if !state.closed {
                self.push(state, kind.frame(chunk));
            }
        }
    }

    fn close(&self) {
        self.state().closed = true;
        self.drained.notify_waiters();
    }

    fn tail(&self) -> String {
        String::new()
    }
}
