//! What containers write, line by line, and where it is kept.
//!
//! - owns: splitting output into lines, the bounded queue to whoever prints, the files under `<data directory>/logs` with their rotation and
//!   removal, reading them live or after the run, the tail kept for termination messages
//! - never does: drop or reorder output; buffer without bound; hold up a pod because a disk is full
//! - talks to: `ports` (implements [`Logs`](crate::ports::Logs) and [`LogSink`](crate::ports::LogSink)), `tree`
//!
//! One folder a pod and one in it for each container, as a kubelet has under `/var/log/pods`: `<namespace>_<pod>_<uid>/<container>/<n>.log`
//! is the output of instance `n`. What the pods are and how their containers stand is in `.runs`, one file a run ([`index`]); whoever reads
//! needs nothing else, neither a socket nor the process that writes.

mod file;
mod index;
mod line;
mod queue;
mod read;
mod sweep;
mod writer;

pub use file::Rotation;
pub use queue::{LogQueue, LogReader};
pub use read::{ContainerLog, LogDir, LogError, LogOptions, PodLogs, Progress};
pub use sweep::{Retention, sweep};
pub use writer::FileSettings;
