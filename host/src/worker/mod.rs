//! One task per pod UID: feeds its machine with facts, runs what it asks for, passes on what it says.
//!
//! - owns: the effects of one pod that are under way, its running containers, the argument vector and environment of a start
//! - never does: decide anything; await an effect in its loop
//! - talks to: `engine`, `prober`, `ports`, `model`

mod command;
mod effects;
mod environment;
mod service_links;
mod task;

#[cfg(test)]
mod tests;

pub use task::{Order, Ports, Update, Worker};
