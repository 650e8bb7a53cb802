//! Every object of the host, with versions and a log of what changed.
//!
//! - owns: objects, their versions, conflicts, the watch log
//! - never does: decide what an object should be; run anything
//! - talks to: `model`, `manifest` (the objects as documents)

mod memory;
mod object;

pub use memory::{ApiStore, Change, ChangeKind, Conflict, Version};
pub use object::{Kind, Object, Stored, StoredPod};
