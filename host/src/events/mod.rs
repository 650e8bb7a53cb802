//! What happened to objects, as Kubernetes' Events (section M).
//!
//! - owns: counting what is the same, combining what is alike, holding back what comes too often; the events of the last hour
//! - never does: I/O, clocks; words of its own (they come from who noticed)
//! - talks to: `model`, `engine` (its notices)

mod book;
mod notice;
mod subject;

pub use book::{EventBook, Occurrence, Recorded};
pub use notice::of_pod;
