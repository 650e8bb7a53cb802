//! One task per pod UID: feeds its machine with facts, runs what it asks for, passes on what it says.
//!
//! - owns: the effects of one pod that are under way, its running containers and the table of all pods', the argument vector and environment of a start
//! - never does: decide anything; await an effect in its loop
//! - talks to: `engine`, `prober`, `ports`, `model`

mod command;
mod effects;
mod env_file;
mod environment;
mod running;
mod service_links;
mod task;

#[cfg(test)]
mod tests;

pub use running::RunningContainers;
pub use task::{Order, Ports, Update, Worker};
