//! The machine as a node: every pod in the store gets a worker, and what workers say goes into the store.
//!
//! - owns: the workers by UID; which pods have a place; whose volumes a change concerns, and whose hold too much; the run's folders and their
//!   clean-up; the store as a [`crate::ports::ConfigSource`] and [`crate::ports::ServiceSource`]
//! - never does: decide anything about a pod that has a place; change what a worker said
//! - talks to: `store`, `worker`, `scheduling`, `engine` (its configuration)

mod configs;
mod memory_dir;
mod placement;
mod refresh;
mod run_dir;
mod supervisor;
mod usage;

pub use memory_dir::MemoryDir;
pub use run_dir::RunDir;
pub use supervisor::{Node, PodNotice};
