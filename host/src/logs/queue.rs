//! From the instances that write to whoever prints and to the files: whole lines, in two bounded queues.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::line;
use super::writer::{FileSettings, Files, Output, Writer};
use crate::model::{Pod, PodStatus, PodUid, Time};
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
    shared: Arc<Shared>,
    writer: Option<Writer>,
}

/// What the queue, its reader, the sinks and the writer of files have in common.
pub(super) struct Shared {
    clock: Arc<dyn Clock>,
    queue: Mutex<Queue>,
    arrived: Notify,
    drained: Notify,
    files: Option<Arc<Files>>,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<LogLine>,
    bytes: usize,
    /// Nobody reads any more: output is thrown away, or writers would wait for ever.
    closed: bool,
}

impl Shared {
    fn new(clock: Arc<dyn Clock>, files: Option<Arc<Files>>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            queue: Mutex::default(),
            arrived: Notify::new(),
            drained: Notify::new(),
            files,
        })
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There may be room again.
    pub(super) fn drained(&self) {
        self.drained.notify_waiters();
    }

    fn push(&self, lines: Vec<LogLine>) {
        if lines.is_empty() {
            return;
        }
        let mut queue = self.queue();
        if queue.closed {
            return;
        }
        let bytes = lines
            .iter()
            .map(|line| line.text.len() + size_of::<LogLine>());
        queue.bytes += bytes.sum::<usize>();
        queue.lines.extend(lines);
        drop(queue);
        self.arrived.notify_one();
    }
}

impl LogQueue {
    /// An empty queue and its one reader; nothing is kept.
    pub fn new(clock: Arc<dyn Clock>) -> (Self, LogReader) {
        Self::over(Shared::new(clock, None), None)
    }

    /// The same, with files that keep what passes. Where none can be made, that is warned of and the queue is all there is.
    pub fn with_files(clock: Arc<dyn Clock>, settings: FileSettings) -> (Self, LogReader) {
        let FileSettings {
            root,
            rotation,
            warn,
        } = settings;
        let files = Arc::new(Files::new(root, rotation));
        let shared = Shared::new(Arc::clone(&clock), Some(Arc::clone(&files)));
        match Writer::start(Arc::clone(&shared), files, warn) {
            Ok(writer) => Self::over(shared, Some(writer)),
            Err((error, warn)) => {
                warn(format!("logs are not kept: {error}"));
                Self::new(clock)
            }
        }
    }

    fn over(shared: Arc<Shared>, writer: Option<Writer>) -> (Self, LogReader) {
        let reader = LogReader {
            shared: Arc::clone(&shared),
        };
        let queue = Self { shared, writer };
        (queue, reader)
    }
}

impl LogQueue {
    /// Waits until the files have all that was written; they take nothing after that.
    pub fn finish(&self) {
        if let Some(writer) = &self.writer {
            writer.finish();
        }
    }

    /// Whether something is not in the files yet.
    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        self.shared
            .files
            .as_ref()
            .is_some_and(|files| files.is_busy())
    }

    /// What waits for the files.
    #[cfg(test)]
    pub(super) fn waiting_bytes(&self) -> usize {
        self.shared
            .files
            .as_ref()
            .map_or(0, |files| files.waiting_bytes())
    }
}

impl Logs for LogQueue {
    fn sink(&self, source: LogSource) -> Arc<dyn LogSink> {
        let attempt = &source.attempt;
        let files = self.shared.files.as_ref();
        let output = files
            .map(|files| files.output(&source.pod, attempt.container.as_str(), attempt.number));
        Arc::new(Sink {
            source: Arc::new(source),
            shared: Arc::clone(&self.shared),
            output,
            state: Mutex::default(),
        })
    }

    fn status(&self, pod: &Pod, status: &PodStatus) {
        if let Some(files) = &self.shared.files {
            files.status(pod, status);
        }
    }

    fn over(&self, pod: &PodUid) {
        if let Some(files) = &self.shared.files {
            files.over(pod);
        }
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
        self.shared.drained();
        lines.into()
    }
}

impl Drop for LogReader {
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.drained();
    }
}

/// The output of one instance.
struct Sink {
    source: Arc<LogSource>,
    shared: Arc<Shared>,
    output: Option<Arc<Output>>,
    state: Mutex<Unfinished>,
}

#[derive(Default)]
struct Unfinished {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    tail: Vec<u8>,
}

impl Unfinished {
    fn of(&mut self, stream: LogStream) -> &mut Vec<u8> {
        match stream {
            LogStream::Stdout => &mut self.stdout,
            LogStream::Stderr => &mut self.stderr,
        }
    }

    /// Line by line, as a kubelet finds it in the file: what the two streams write in turns is not torn.
    fn remember(&mut self, text: &[u8], newline: bool) {
        let kept = text.len().min(TAIL_BYTES);
        self.tail.extend_from_slice(&text[text.len() - kept..]);
        if newline {
            self.tail.push(b'\n');
        }
        // Not at every line: moving the rest costs.
        if self.tail.len() > 4 * TAIL_BYTES {
            self.tail.drain(..self.tail.len() - TAIL_BYTES);
        }
    }
}

/// A line, or a piece of one.
struct Piece {
    text: Vec<u8>,
    newline: bool,
}

impl Sink {
    fn state(&self) -> MutexGuard<'_, Unfinished> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes pieces on, to the files and to whoever prints. The sink's state stays locked meanwhile, or two writes could change places.
    fn pass(&self, state: &mut Unfinished, stream: LogStream, pieces: Vec<Piece>, last: bool) {
        let at = self.shared.clock.now();
        for piece in &pieces {
            state.remember(&piece.text, piece.newline);
        }
        if let (Some(files), Some(output)) = (&self.shared.files, &self.output) {
            let head = line::head(at, stream);
            files.write(output, |to| {
                for piece in &pieces {
                    line::append(to, &head, !piece.newline, &piece.text);
                }
            });
        }
        let line = |piece: Piece| self.line(stream, at, piece, last);
        self.shared.push(pieces.into_iter().map(line).collect());
    }

    fn line(&self, stream: LogStream, at: Time, piece: Piece, last: bool) -> LogLine {
        LogLine {
            source: Arc::clone(&self.source),
            stream,
            at,
            // Nothing follows the last piece: on the screen, it ends the line.
            partial: !piece.newline && !last,
            text: piece.text,
        }
    }
}

impl LogSink for Sink {
    fn has_room(&self) -> bool {
        let room_in_files = match (&self.shared.files, &self.output) {
            (Some(files), Some(output)) => files.has_room(output),
            _ => true,
        };
        let queue = self.shared.queue();
        room_in_files && (queue.closed || queue.bytes < QUEUE_BYTES)
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
        let mut rest = bytes;
        let mut unfinished = std::mem::take(state.of(stream));
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let room = LINE_BYTES_MAX.saturating_sub(unfinished.len()).max(1);
            let window = &rest[..rest.len().min(room)];
            let end = window.iter().position(|byte| *byte == b'\n');
            unfinished.extend_from_slice(&window[..end.unwrap_or(window.len())]);
            rest = &rest[end.map_or(window.len(), |end| end + 1)..];
            if end.is_some() || unfinished.len() >= LINE_BYTES_MAX {
                pieces.push(Piece {
                    text: std::mem::take(&mut unfinished),
                    newline: end.is_some(),
                });
            }
        }
        *state.of(stream) = unfinished;
        if !pieces.is_empty() {
            self.pass(&mut state, stream, pieces, false);
        }
    }

    fn close(&self) {
        let mut state = self.state();
        for stream in [LogStream::Stdout, LogStream::Stderr] {
            let text = std::mem::take(state.of(stream));
            if !text.is_empty() {
                let newline = false;
                self.pass(&mut state, stream, vec![Piece { text, newline }], true);
            }
        }
        if let (Some(files), Some(output)) = (&self.shared.files, &self.output) {
            files.close(output);
        }
    }

    fn tail(&self) -> String {
        let state = self.state();
        let tail = [&state.tail[..], &state.stdout, &state.stderr].concat();
        let text = String::from_utf8_lossy(&tail[tail.len().saturating_sub(TAIL_BYTES)..]);
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
        sink.write(
            LogStream::Stderr,
            format!("{}\n", "y".repeat(5000)).as_bytes(),
        );
        assert_eq!(sink.tail().len(), 2048);
        let lines: String = (0..200).map(|n| format!("{n}\n")).collect();
        sink.write(LogStream::Stdout, lines.as_bytes());
        assert_eq!(sink.tail().lines().count(), 80);
        assert!(sink.tail().ends_with("\n199\n"));
    }

    #[test]
    fn b15_the_tail_has_the_lines_of_both_streams_whole_and_ends_as_they_ended() {
        let (sink, _reader) = sink();
        sink.write(LogStream::Stdout, b"one ");
        sink.write(LogStream::Stderr, b"error\n");
        sink.write(LogStream::Stdout, b"line\nDONE");
        sink.close();
        assert_eq!(sink.tail(), "error\none line\nDONE");
    }
}
