//! What a container and a pod use of memory and of processor time, and what they may.
//!
//! - owns: counters of memory ([`Memory`]), quotas of processor time ([`Quota`]), whose turn it is on busy cores ([`Turns`])
//! - never does: measure or wait: time is an argument; end a container (its runtime is told by an alarm)
//! - talks to: `model`; the parts of the logical host and the runtimes charge what they hold

mod memory;
mod quota;
mod turns;

pub use memory::{Held, Memory};
pub use quota::{PERIOD, Place, Quota};
pub use turns::{Account, Entry, TURN, Ticket, Turns, Weight};
