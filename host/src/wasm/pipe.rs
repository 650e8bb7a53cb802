//! A pipe between processes of one container: bounded, with POSIX's ends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::budget::Memory;

/// What a pipe holds before its writers wait: 64 KiB, as on Linux.
pub(super) const CAPACITY_BYTES: usize = 64 * 1024;

struct Pipe {
    memory: Arc<Memory>,
    state: Mutex<State>,
    readable: Notify,
    writable: Notify,
}

struct State {
    bytes: VecDeque<u8>,
    readers: usize,
    writers: usize,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held cannot leave the queue half-changed: every change is one call on the deque.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let left = self.lock().bytes.len();
        self.memory.give_back(left as u64);
    }
}

/// The reading end. A clone is another handle to it, as by dup(2).
pub(super) struct PipeReader(Arc<Pipe>);

/// The writing end. A clone is another handle to it, as by dup(2).
pub(super) struct PipeWriter(Arc<Pipe>);

/// A new, empty pipe. What waits in it counts as that memory.
pub(super) fn pipe(memory: &Arc<Memory>) -> (PipeReader, PipeWriter) {
    let pipe = Arc::new(Pipe {
        memory: Arc::clone(memory),
        state: Mutex::new(State {
            bytes: VecDeque::new(),
            readers: 1,
            writers: 1,
        }),
        readable: Notify::new(),
        writable: Notify::new(),
    });
    (PipeReader(Arc::clone(&pipe)), PipeWriter(pipe))
}

impl PipeReader {
    /// What is there, at most `max` bytes. `None`: nothing yet. `Some` of nothing: the end.
    pub(super) fn read_now(&self, max: usize) -> Option<Bytes> {
        let mut state = self.0.lock();
        if state.bytes.is_empty() {
            return (state.writers == 0).then(Bytes::new);
        }
        let len = max.min(state.bytes.len());
        let bytes: Bytes = state.bytes.drain(..len).collect::<Vec<u8>>().into();
        if state.bytes.is_empty() {
            // A pipe that was full once must not stay as large while nothing is in it.
            state.bytes = VecDeque::new();
        }
        drop(state);
        self.0.memory.give_back(bytes.len() as u64);
        self.0.writable.notify_waiters();
        Some(bytes)
    }

    /// Waits until `read_now` gives something.
    pub(super) async fn readable(&self) {
        loop {
            let changed = self.0.readable.notified();
            tokio::pin!(changed);
            // Registered before the look: a write between the look and the wait would otherwise wake nobody.
            changed.as_mut().enable();
            {
                let state = self.0.lock();
                if !state.bytes.is_empty() || state.writers == 0 {
                    return;
                }
            }
            changed.await;
        }
    }
}

impl PipeWriter {
    /// How many bytes would be taken now; `None` when nobody reads any more.
    pub(super) fn room_now(&self) -> Option<usize> {
        let state = self.0.lock();
        (state.readers > 0).then(|| CAPACITY_BYTES.saturating_sub(state.bytes.len()))
    }

    /// Takes the bytes, even past the capacity: whoever calls has asked for room first. `false` when nobody reads any more.
    pub(super) fn write_now(&self, bytes: &[u8]) -> bool {
        let mut state = self.0.lock();
        if state.readers == 0 {
            return false;
        }
        self.0.memory.charge(bytes.len() as u64);
        state.bytes.extend(bytes);
        drop(state);
        self.0.readable.notify_waiters();
        true
    }

    /// Waits until there is room, or nobody reads any more.
    pub(super) async fn writable(&self) {
        loop {
            let changed = self.0.writable.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.room_now().is_none_or(|room| room > 0) {
                return;
            }
            changed.await;
        }
    }
}

impl Clone for PipeReader {
    fn clone(&self) -> Self {
        self.0.lock().readers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Clone for PipeWriter {
    fn clone(&self) -> Self {
        self.0.lock().writers += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.0.lock().readers -= 1;
        self.0.writable.notify_waiters();
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.0.lock().writers -= 1;
        self.0.readable.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::{CAPACITY_BYTES, PipeReader, PipeWriter};
    use crate::budget::Memory;
    use crate::model::Bytes;

    fn pipe() -> (PipeReader, PipeWriter) {
        super::pipe(&Memory::new(None))
    }

    #[test]
    fn what_waits_in_a_pipe_is_its_containers_memory() {
        let memory = Memory::new(Some(Bytes(4096)));
        let (reader, writer) = super::pipe(&memory);
        assert!(writer.write_now(&[0; 4096]));
        assert_eq!((memory.used(), memory.exceeded()), (Bytes(4096), false));
        assert_eq!(reader.read_now(96).map(|bytes| bytes.len()), Some(96));
        assert_eq!(memory.used(), Bytes(4000));
        assert!(writer.write_now(&[0; 97]));
        assert!(memory.exceeded(), "j8");
        drop((reader, writer));
        assert_eq!(memory.used(), Bytes(0));
    }

    #[test]
    fn a_reader_sees_the_end_only_when_every_writer_is_gone() {
        let (reader, writer) = pipe();
        let second = writer.clone();
        drop(writer);
        assert_eq!(reader.read_now(10), None);
        assert!(second.write_now(b"abc"));
        drop(second);
        assert_eq!(reader.read_now(2).as_deref(), Some(&b"ab"[..]));
        assert_eq!(reader.read_now(2).as_deref(), Some(&b"c"[..]));
        assert_eq!(reader.read_now(2).as_deref(), Some(&b""[..]));
    }

    #[test]
    fn a_writer_without_readers_is_told_so() {
        let (reader, writer) = pipe();
        drop(reader);
        assert_eq!(writer.room_now(), None);
        assert!(!writer.write_now(b"x"));
    }

    #[tokio::test]
    async fn a_full_pipe_holds_its_writer_until_somebody_reads() {
        let (reader, writer) = pipe();
        assert!(writer.write_now(&vec![0; CAPACITY_BYTES]));
        assert_eq!(writer.room_now(), Some(0));
        let waiting = tokio::spawn(async move { writer.writable().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert_eq!(reader.read_now(1).map(|b| b.len()), Some(1));
        waiting.await.expect("the writer wakes");
    }
}
