//! The lifecycle of one pod as a pure machine: record the fact, then plan again from the facts.
//!
//! - owns: phases, container states, restarts and back-off, init order, sidecars, grace, deadlines, conditions, notices
//! - never does: I/O, async, clocks, randomness; time is an argument and timers are derived ([`PodMachine::wake_at`])
//! - talks to: `model` only

mod backoff;
mod conditions;
mod desk;
mod facts;
mod images;
mod machine;
mod notices;
mod phase;
mod plan;
mod reduce;
mod restart;
mod slot;
mod start;
mod status;
mod terminate;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use machine::PodMachine;
pub use vocabulary::{
    Action, Backoff, Config, Effect, EffectId, Event, Failure, Hook, Notice, NoticeKind, Output,
    ProbeKind,
};
