//! One direction of a connection: a bounded queue of bytes with an end.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use crate::network::NetError;
use crate::network::meter::Holder;
use crate::network::options::{BUFFER_BYTES_DEFAULT, BUFFER_BYTES_MAX, BUFFER_BYTES_MIN};
use crate::network::wake::{Waiters, lock};

/// Writes shorter than this are copied together: a million writes of one byte would otherwise cost a hundred megabytes.
const COALESCED_BYTES: usize = 2 * 1024;
/// How much is copied together before it becomes a chunk of its own.
const TAIL_BYTES_MAX: usize = 16 * 1024;
/// What an empty queue may keep of its allocation.
const CHUNKS_KEPT: usize = 4;

/// One direction. The lock is held for a push or a pop of one chunk, never longer.
pub(super) struct Pipe {
    state: Mutex<State>,
    /// Where the bytes wait.
    meter: Holder,
}

/// `head`, `chunks`, `tail` are what waits to be read, in this order. All three allocate nothing while nothing waits.
struct State {
    head: Bytes,
    chunks: VecDeque<Bytes>,
    tail: BytesMut,
    buffered: usize,
    capacity: usize,
    /// The writer said that this is all (FIN).
    finished: bool,
    /// The writer is gone without having said so (RST).
    reset: bool,
    /// The reader reads no more; what comes is thrown away.
    discarding: bool,
    /// The reader did not say that it reads no more, it only let go: what is thrown away then was left unread.
    abandoned: bool,
    /// Something was left unread.
    lost: bool,
    /// The reader is gone; what comes is an error for the writer.
    closed: bool,
    readers: Waiters,
    writers: Waiters,
}

impl Pipe {
    /// A direction whose bytes wait there.
    pub(super) fn new(meter: Holder) -> Self {
        Self {
            state: Mutex::new(State {
                head: Bytes::new(),
                chunks: VecDeque::new(),
                tail: BytesMut::new(),
                buffered: 0,
                capacity: BUFFER_BYTES_DEFAULT,
                finished: false,
                reset: false,
                discarding: false,
                abandoned: false,
                lost: false,
                closed: false,
                readers: Waiters::default(),
                writers: Waiters::default(),
            }),
            meter,
        }
    }

    /// Bytes, the end (empty) or an error; `None` is to wait.
    pub(super) fn read(&self, max: usize) -> Option<Result<Bytes, NetError>> {
        let mut state = lock(&self.state);
        self.read_locked(&mut state, max).map(|(answer, writers)| {
            drop(state);
            writers.wake();
            answer
        })
    }

    /// As [`Self::read`], waiting.
    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        max: usize,
    ) -> Poll<Result<Bytes, NetError>> {
        let mut state = lock(&self.state);
        match self.read_locked(&mut state, max) {
            Some((answer, writers)) => {
                drop(state);
                writers.wake();
                Poll::Ready(answer)
            }
            None => {
                let asked = state.readers.add(cx.waker());
                drop(state);
                asked.wake();
                Poll::Pending
            }
        }
    }

    /// Waits until [`Self::read`] has something.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.buffered > 0 || state.ending().is_some() {
            return Poll::Ready(());
        }
        let asked = state.readers.add(cx.waker());
        drop(state);
        asked.wake();
        Poll::Pending
    }

    /// Waits until all was read and no more comes, however it ended.
    pub(super) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if state.buffered == 0 && (state.finished || state.reset) {
            return Poll::Ready(());
        }
        let asked = state.readers.add(cx.waker());
        drop(state);
        asked.wake();
        Poll::Pending
    }

    fn read_locked(
        &self,
        state: &mut State,
        max: usize,
    ) -> Option<(Result<Bytes, NetError>, Waiters)> {
        if state.buffered == 0 {
            return state.ending().map(|ending| (ending, Waiters::default()));
        }
        let bytes = state.pop(max);
        self.meter.subtract(bytes.len());
        // Woken when half is free, not at every byte: a writer that is woken for one byte writes one byte.
        let room_enough = state.buffered == 0 || state.buffered <= self.window(state) / 2;
        let writers = if room_enough && !state.writers.is_empty() {
            state.writers.take()
        } else {
            Waiters::default()
        };
        Some((Ok(bytes), writers))
    }

    /// What may wait here at most.
    fn window(&self, state: &State) -> usize {
        if self.meter.is_exhausted() {
            state.capacity.min(BUFFER_BYTES_MIN)
        } else {
            state.capacity
        }
    }

    /// How much may be written; 0 is to wait.
    fn permit(&self, state: &State) -> Result<usize, NetError> {
        state.writable()?;
        let window = self.window(state);
        if state.discarding {
            return Ok(window);
        }
        let room = window.saturating_sub(state.buffered);
        // As the kernel does: not writable while only little is free.
        let worthwhile = room >= window / 8;
        Ok(if worthwhile {
            room.min(self.meter.permit_bytes_max())
        } else {
            0
        })
    }

    /// How much may be written now.
    pub(super) fn writable_now(&self) -> Result<usize, NetError> {
        let state = lock(&self.state);
        self.permit(&state)
    }

    /// Waits until something may be written, or until writing is an error.
    pub(super) fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<Result<usize, NetError>> {
        self.poll_permit(cx, false)
    }

    /// Waits until writing is an error: for a writer that has to wait for its pod's bandwidth.
    pub(super) fn poll_unwritable(&self, cx: &mut Context<'_>) -> Poll<NetError> {
        match self.poll_permit(cx, true) {
            Poll::Ready(Err(error)) => Poll::Ready(error),
            _ => Poll::Pending,
        }
    }

    fn poll_permit(
        &self,
        cx: &mut Context<'_>,
        errors_only: bool,
    ) -> Poll<Result<usize, NetError>> {
        let mut state = lock(&self.state);
        match self.permit(&state) {
            Err(error) => return Poll::Ready(Err(error)),
            Ok(bytes) if bytes > 0 && !errors_only => return Poll::Ready(Ok(bytes)),
            Ok(_) => {}
        }
        let asked = state.writers.add(cx.waker());
        drop(state);
        asked.wake();
        Poll::Pending
    }

    /// Writes. A permit that was given is honoured even when the window shrank since, up to the largest window there is.
    pub(super) fn write(&self, bytes: Bytes) -> Result<(), NetError> {
        let mut state = lock(&self.state);
        state.writable()?;
        if state.discarding || bytes.is_empty() {
            state.lost |= state.abandoned && !bytes.is_empty();
            return Ok(());
        }
        if state.buffered >= BUFFER_BYTES_MAX {
            return Err(NetError::InvalidState);
        }
        self.meter.add(bytes.len());
        state.push(bytes);
        let readers = state.readers.take();
        drop(state);
        readers.wake();
        Ok(())
    }

    /// No more comes (FIN).
    pub(super) fn finish(&self) {
        self.end(|state| state.finished |= !state.reset);
    }

    /// No more comes, and nobody said so (RST): what is there stays readable, as in the kernel.
    pub(super) fn reset(&self) {
        self.end(|state| {
            state.reset |= !state.finished;
            state.closed = true;
        });
    }

    /// The reader reads no more but is there still; what the writer sends goes nowhere (`SHUT_RD`).
    pub(super) fn discard(&self) {
        self.end_reading(|state| state.discarding = true);
    }

    /// The reader let go of the stream: as [`Self::discard`], but in the end the writer learns of what was left unread.
    pub(super) fn abandon(&self) {
        self.end_reading(|state| {
            state.discarding = true;
            state.abandoned = true;
            state.lost |= state.buffered > 0;
        });
    }

    /// The reader is gone. True when it left bytes unread: the writer has to learn of it by a reset (RFC 2525 §2.17).
    pub(super) fn close(&self) -> bool {
        let mut lost = false;
        let unread = self.end_reading(|state| {
            state.closed = true;
            lost = state.lost;
        });
        unread || lost
    }

    /// Reader and writer lose what is there.
    pub(super) fn abort(&self) {
        self.end_reading(|state| {
            state.reset |= !state.finished;
            state.closed = true;
        });
    }

    /// How much may wait here.
    pub(super) fn set_capacity(&self, bytes: usize) {
        self.end(|state| state.capacity = bytes.clamp(BUFFER_BYTES_MIN, BUFFER_BYTES_MAX));
    }

    /// Changes the state; everybody looks again.
    fn end(&self, change: impl FnOnce(&mut State)) {
        let mut state = lock(&self.state);
        change(&mut state);
        let (readers, writers) = (state.readers.take(), state.writers.take());
        drop(state);
        readers.wake();
        writers.wake();
    }

    /// As [`Self::end`], and what waits is thrown away; true when there was something.
    fn end_reading(&self, change: impl FnOnce(&mut State)) -> bool {
        let mut unread = None;
        self.end(|state| {
            change(state);
            let waiting = (
                std::mem::take(&mut state.head),
                std::mem::take(&mut state.chunks),
                std::mem::take(&mut state.tail),
            );
            unread = Some((std::mem::take(&mut state.buffered), waiting));
        });
        let bytes = unread.map_or(0, |(bytes, _)| bytes);
        self.meter.subtract(bytes);
        bytes > 0
    }
}

impl State {
    /// What a reader is told when there are no bytes.
    fn ending(&self) -> Option<Result<Bytes, NetError>> {
        if self.discarding || self.finished {
            Some(Ok(Bytes::new()))
        } else if self.reset {
            Some(Err(NetError::ConnectionReset))
        } else {
            None
        }
    }

    fn writable(&self) -> Result<(), NetError> {
        if self.finished {
            Err(NetError::BrokenPipe)
        } else if self.reset || self.closed {
            Err(NetError::ConnectionReset)
        } else {
            Ok(())
        }
    }

    fn push(&mut self, bytes: Bytes) {
        let before = self.buffered;
        self.buffered += bytes.len();
        if before == 0 {
            self.head = bytes;
        } else if bytes.len() < COALESCED_BYTES {
            if self.tail.len() + bytes.len() > TAIL_BYTES_MAX {
                let full = std::mem::take(&mut self.tail);
                self.chunks.push_back(full.freeze());
            }
            self.tail.extend_from_slice(&bytes);
        } else {
            if !self.tail.is_empty() {
                let tail = std::mem::take(&mut self.tail);
                self.chunks.push_back(tail.freeze());
            }
            self.chunks.push_back(bytes);
        }
    }

    /// The next bytes, at most `max`; there are some.
    fn pop(&mut self, max: usize) -> Bytes {
        if self.head.is_empty() {
            self.head = match self.chunks.pop_front() {
                Some(chunk) => chunk,
                None => std::mem::take(&mut self.tail).freeze(),
            };
        }
        let bytes = if self.head.len() <= max {
            std::mem::take(&mut self.head)
        } else {
            self.head.split_to(max)
        };
        self.buffered -= bytes.len();
        if self.buffered == 0 && self.chunks.capacity() > CHUNKS_KEPT {
            self.chunks = VecDeque::new();
        }
        bytes
    }
}
