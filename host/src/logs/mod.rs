//! What containers write, line by line.
//!
//! - owns: splitting output into lines, the bounded queue to whoever reads, the tail kept for termination messages
//! - never does: drop or reorder output; buffer without bound
//! - talks to: `ports` (implements [`Logs`] and [`LogSink`])

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::ports::{BoxFuture, Clock, LogLine, LogSink, LogSource, LogStream, Logs};

/// What waits for the reader before writers have to wait.
const QUEUE_BYTES: usize = 1 << 20;
/// A longer line comes in pieces.
const LINE_BYTES_MAX: usize = 16 << 10;
/// Rule B15: the tail for a termination message.
const TAIL_BYTES: usize = 2048;
const TAIL_LINES: usize = 80;

/// All output of one host, in the order in which it came.
pub struct LogQueue {
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    arrived: Notify,
    drained: Notify,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// Nobody reads any more: output is thrown away, or writers would wait for ever.
    closed: bool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogQueue {
    /// An empty queue and its one reader.
    pub fn new(clock: Arc<dyn Clock>) -> (Self, LogReader) {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            arrived: Notify::new(),
            drained: Notify::new(),
        });
        let reader = LogReader {
            shared: Arc::clone(&shared),
        };
        (Self { clock, shared }, reader)
    }
}

impl Logs for LogQueue {
    fn sink(&self, source: LogSource) -> Arc<dyn LogSink> {
        Arc::new(Sink {
            source: Arc::new(source),
            clock: Arc::clone(&self.clock),
            shared: Arc::clone(&self.shared),
            state: Mutex::default(),
        })
    }
}

/// Takes lines out of the queue.
pub struct LogReader {
    shared: Arc<Shared>,
}

impl LogReader {
    /// The lines that are there now; waits for the first.
    pub async fn next(&mut self) -> Vec<LogLine> {
        loop {
            let shared = Arc::clone(&self.shared);
            let arrived = shared.arrived.notified();
            let lines = self.now();
            if !lines.is_empty() {
                return lines;
            }
            arrived.await;
        }
    }

    /// The lines that are there now.
    pub fn now(&mut self) -> Vec<LogLine> {
        let mut queue = self.shared.queue();
        queue.bytes = 0;
        let lines = std::mem::take(&mut queue.lines);
        drop(queue);
        self.shared.drained.notify_waiters();
        lines.into()
    }
}

impl Drop for LogReader {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.drained.notify_waiters();
    }
}

/// The output of one instance.
struct Sink {
    source: Arc<LogSource>,
    clock: Arc<dyn Clock>,
    shared: Arc<Shared>,
    state: Mutex<Unfinished>,
}

#[derive(Default)]
struct Unfinished {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    tail: VecDeque<u8>,
}

impl Sink {
    fn state(&self) -> MutexGuard<'_, Unfinished> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, stream: LogStream, text: Vec<u8>, partial: bool) {
        let mut queue = self.shared.queue();
        if queue.closed {
            return;
        }
        queue.bytes += text.len() + size_of::<LogLine>();
        queue.lines.push_back(LogLine {
            source: Arc::clone(&self.source),
            stream,
            at: self.clock.now(),
            partial,
            text,
        });
        drop(queue);
        self.shared.arrived.notify_one();
    }
}

impl LogSink for Sink {
    fn has_room(&self) -> bool {
        let queue = self.shared.queue();
        queue.closed || queue.bytes < QUEUE_BYTES
    }

    fn room(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let drained = self.shared.drained.notified();
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
        let mut state = self.state();
        let kept = bytes.len().min(TAIL_BYTES);
        state.tail.extend(&bytes[bytes.len() - kept..]);
        let past = state.tail.len().saturating_sub(TAIL_BYTES);
        state.tail.drain(..past);
        let mut rest = bytes;
        let mut unfinished = std::mem::take(match stream {
            LogStream::Stdout => &mut state.stdout,
            LogStream::Stderr => &mut state.stderr,
        });
        while !rest.is_empty() {
            let room = LINE_BYTES_MAX.saturating_sub(unfinished.len()).max(1);
            let window = &rest[..rest.len().min(room)];
            if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
                unfinished.extend_from_slice(&window[..end]);
                self.push(stream, std::mem::take(&mut unfinished), false);
                rest = &rest[end + 1..];
            } else {
                unfinished.extend_from_slice(window);
                rest = &rest[window.len()..];
                if unfinished.len() >= LINE_BYTES_MAX {
                    self.push(stream, std::mem::take(&mut unfinished), true);
                }
            }
        }
        *match stream {
            LogStream::Stdout => &mut state.stdout,
            LogStream::Stderr => &mut state.stderr,
        } = unfinished;
    }

    fn close(&self) {
        let mut state = self.state();
        let unfinished = [
            (LogStream::Stdout, std::mem::take(&mut state.stdout)),
            (LogStream::Stderr, std::mem::take(&mut state.stderr)),
        ];
        for (stream, text) in unfinished {
            if !text.is_empty() {
                self.push(stream, text, false);
            }
        }
    }

    fn tail(&self) -> String {
        let bytes: Vec<u8> = self.state().tail.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let skipped = text.lines().count().saturating_sub(TAIL_LINES);
        text.split_inclusive('\n').skip(skipped).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{LINE_BYTES_MAX, LogQueue, LogReader, QUEUE_BYTES};
    use crate::clock::RealClock;
    use crate::model::Attempt;
    use crate::ports::{LogSink, LogSource, LogStream, Logs};

    fn sink() -> (Arc<dyn LogSink>, LogReader) {
        let (queue, reader) = LogQueue::new(Arc::new(RealClock::new()));
        let source = LogSource {
            pod: crate::model::testing::pod(),
            attempt: Attempt {
                container: "c".into(),
                number: 0,
            },
            role: crate::model::Role::Main,
        };
        (queue.sink(source), reader)
    }

    fn texts(reader: &mut LogReader) -> Vec<String> {
        let lines = reader.now();
        lines
            .into_iter()
            .map(|line| String::from_utf8_lossy(&line.text).into_owned())
            .collect()
    }

    #[test]
    fn lines_are_whole_however_the_writes_are_cut() {
        let (sink, mut reader) = sink();
        sink.write(LogStream::Stdout, b"one\ntw");
        sink.write(LogStream::Stderr, b"error\n");
        sink.write(LogStream::Stdout, b"o\n\nlast");
        assert_eq!(texts(&mut reader), ["one", "error", "two", ""]);
        sink.close();
        assert_eq!(texts(&mut reader), ["last"]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_not_kept_for_ever() {
        let (sink, mut reader) = sink();
        sink.write(LogStream::Stdout, &vec![b'x'; LINE_BYTES_MAX * 2 + 1]);
        let lines = texts(&mut reader);
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.len() == LINE_BYTES_MAX));
    }

    #[tokio::test]
    async fn a_flood_waits_for_its_reader() {
        let (sink, mut reader) = sink();
        sink.write(LogStream::Stdout, &vec![b'\n'; QUEUE_BYTES]);
        assert!(!sink.has_room());
        let waiting = {
            let sink = Arc::clone(&sink);
            tokio::spawn(async move { sink.room().await })
        };
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert_eq!(reader.now().len(), QUEUE_BYTES);
        waiting.await.expect("the writer goes on");
    }

    #[test]
    fn b15_the_tail_is_2048_bytes_and_80_lines_at_most() {
        let (sink, _reader) = sink();
        sink.write(LogStream::Stderr, "y".repeat(5000).as_bytes());
        assert_eq!(sink.tail().len(), 2048);
        let lines: String = (0..200).map(|n| format!("{n}\n")).collect();
        sink.write(LogStream::Stdout, lines.as_bytes());
        assert_eq!(sink.tail().lines().count(), 80);
        assert!(sink.tail().ends_with("\n199\n"));
    }
}
