//! The one writer of a run's log files: a thread that takes what all instances have written since it last looked.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{io, mem};

use super::file::{LogFile, Place, Rotation};
use super::index::{IndexWriter, PodRecord};
use super::queue::Shared;
use crate::model::{Pod, PodStatus, PodUid};

/// What waits to be written before the instances that write have to wait: of one, and of all together.
const OUTPUT_BYTES: usize = 1 << 20;
const ALL_BYTES: usize = 8 << 20;

/// Tells the user.
pub(super) type Warn = Box<dyn Fn(String) + Send>;

/// Where logs are kept and how.
pub struct FileSettings {
    /// `<data directory>/logs`.
    pub root: PathBuf,
    /// When files are rotated.
    pub rotation: Rotation,
    /// Told once if output cannot be kept. It is not lost to whoever prints it, and no pod is held up.
    pub warn: Warn,
}

/// What waits for the writer.
pub(super) struct Files {
    root: PathBuf,
    rotation: Rotation,
    waiting: Mutex<Waiting>,
    wake: Condvar,
    bytes: AtomicUsize,
}

#[derive(Default)]
struct Waiting {
    /// With something to write, each once.
    outputs: Vec<Arc<Output>>,
    /// Instances whose predecessors' files can go.
    places: Vec<Place>,
    records: Vec<PodRecord>,
    /// The last record of each pod that is not over.
    pods: HashMap<PodUid, PodRecord>,
    /// The writer is at work.
    busy: bool,
    stop: bool,
}

impl Waiting {
    const fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.places.is_empty() && self.records.is_empty()
    }
}

/// One instance's way to its files.
pub(super) struct Output {
    pending: Mutex<Pending>,
    bytes: AtomicUsize,
    /// The writer's alone.
    file: Mutex<LogFile>,
}

#[derive(Default)]
struct Pending {
    lines: Vec<u8>,
    /// Among [`Waiting::outputs`].
    queued: bool,
    ended: bool,
}

impl Output {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files {
    pub(super) fn new(root: PathBuf, rotation: Rotation) -> Self {
        Self {
            root,
            rotation,
            waiting: Mutex::default(),
            wake: Condvar::new(),
            bytes: AtomicUsize::new(0),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way of a new instance. Nothing is opened before its first byte.
    pub(super) fn output(&self, pod: &Pod, container: &str, number: u32) -> Arc<Output> {
        let place = Place::new(&self.root, pod, container, number);
        // The first two have no predecessor that could go.
        if number > 1 {
            self.waiting().places.push(place.clone());
            self.wake.notify_one();
        }
        Arc::new(Output {
            pending: Mutex::default(),
            bytes: AtomicUsize::new(0),
            file: Mutex::new(LogFile::new(place, self.rotation)),
        })
    }

    pub(super) fn has_room(&self, output: &Output) -> bool {
        output.bytes.load(Ordering::Relaxed) < OUTPUT_BYTES
            && self.bytes.load(Ordering::Relaxed) < ALL_BYTES
    }

    /// Takes whole lines of an instance: `append` adds them to what waits.
    pub(super) fn write(&self, output: &Arc<Output>, append: impl FnOnce(&mut Vec<u8>)) {
        let mut pending = output.pending();
        let before = pending.lines.len();
        append(&mut pending.lines);
        let more = pending.lines.len() - before;
        if more == 0 {
            return;
        }
        output.bytes.fetch_add(more, Ordering::Relaxed);
        self.bytes.fetch_add(more, Ordering::Relaxed);
        self.enqueue(output, pending);
    }

    /// The instance ended: its file is closed once all is written.
    pub(super) fn close(&self, output: &Arc<Output>) {
        let mut pending = output.pending();
        pending.ended = true;
        self.enqueue(output, pending);
    }

    fn enqueue(&self, output: &Arc<Output>, mut pending: MutexGuard<'_, Pending>) {
        if mem::replace(&mut pending.queued, true) {
            return;
        }
        drop(pending);
        self.waiting().outputs.push(Arc::clone(output));
        self.wake.notify_one();
    }

    /// How a pod stands.
    pub(super) fn status(&self, pod: &Pod, status: &PodStatus) {
        let record = PodRecord::new(pod, status);
        let mut waiting = self.waiting();
        let before = waiting.pods.insert(pod.meta.uid.clone(), record.clone());
        if before.as_ref() == Some(&record) {
            return;
        }
        waiting.records.push(record);
        drop(waiting);
        self.wake.notify_one();
    }

    /// The pod is over.
    pub(super) fn over(&self, pod: &PodUid) {
        let mut waiting = self.waiting();
        let Some(record) = waiting.pods.remove(pod) else {
            return;
        };
        waiting.records.push(PodRecord {
            over: true,
            ..record
        });
        drop(waiting);
        self.wake.notify_one();
    }

    fn stop(&self) {
        self.waiting().stop = true;
        self.wake.notify_one();
    }

    #[cfg(test)]
    pub(super) fn is_busy(&self) -> bool {
        let waiting = self.waiting();
        waiting.busy || !waiting.is_empty()
    }

    #[cfg(test)]
    pub(super) fn waiting_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// What waits; none when there will be nothing more.
    fn next(&self) -> Option<Waiting> {
        let mut waiting = self.waiting();
        waiting.busy = false;
        loop {
            if !waiting.is_empty() {
                waiting.busy = true;
                return Some(Waiting {
                    outputs: mem::take(&mut waiting.outputs),
                    places: mem::take(&mut waiting.places),
                    records: mem::take(&mut waiting.records),
                    ..Waiting::default()
                });
            }
            if waiting.stop {
                return None;
            }
            waiting = self
                .wake
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The running writer.
pub(super) struct Writer {
    files: Arc<Files>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(
        shared: Arc<Shared>,
        files: Arc<Files>,
        warn: Warn,
    ) -> Result<Self, (io::Error, Warn)> {
        let index = match IndexWriter::create(&files.root) {
            Ok(index) => index,
            Err(error) => return Err((error, warn)),
        };
        let mut desk = Desk {
            shared,
            files: Arc::clone(&files),
            index,
            warn: Some(warn),
            spare: Vec::new(),
        };
        Ok(Self {
            files,
            thread: Mutex::new(Some(std::thread::spawn(move || desk.run()))),
        })
    }

    /// Writes what waits and ends.
    pub(super) fn finish(&self) {
        self.files.stop();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            let _ignored = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

struct Desk {
    shared: Arc<Shared>,
    files: Arc<Files>,
    index: IndexWriter,
    /// Gone once it was used.
    warn: Option<Warn>,
    /// A buffer to go on with for an instance whose own is being written.
    spare: Vec<u8>,
}

impl Desk {
    fn run(&mut self) {
        while let Some(waiting) = self.files.next() {
            for place in &waiting.places {
                place.forget_older();
            }
            // A pod is known before its folder is there, or a sweep would take it for one that nobody knows; and its end is told when
            // its last line is there.
            let (new, known): (Vec<_>, Vec<_>) = waiting
                .records
                .iter()
                .partition(|record| !self.index.knows(&record.uid));
            let written = self.index.write(new);
            self.complain(written, "which pods there are");
            for output in &waiting.outputs {
                let written = self.write(output);
                self.complain(written, "what containers write");
            }
            let written = self.index.write(known);
            self.complain(written, "how the pods stand");
        }
    }

    fn write(&mut self, output: &Output) -> io::Result<()> {
        let mut lines = mem::take(&mut self.spare);
        let ended = {
            let mut pending = output.pending();
            pending.queued = false;
            mem::swap(&mut pending.lines, &mut lines);
            pending.ended
        };
        let mut file = output.file.lock().unwrap_or_else(PoisonError::into_inner);
        let written = file.append(&lines);
        if ended || written.is_err() {
            file.close();
        }
        drop(file);
        // Written or lost, they wait no more.
        output.bytes.fetch_sub(lines.len(), Ordering::Relaxed);
        self.files.bytes.fetch_sub(lines.len(), Ordering::Relaxed);
        self.shared.drained();
        // One that is much too large for what this instance writes would go from one quiet instance to the next.
        if lines.capacity() / 4 <= lines.len() {
            lines.clear();
            self.spare = lines;
        }
        written
    }

    fn complain(&mut self, written: io::Result<()>, what: &str) {
        if let Err(error) = written
            && let Some(warn) = self.warn.take()
        {
            let root = self.files.root.display();
            warn(format!("{root}: {what} is not kept: {error}"));
        }
    }
}
