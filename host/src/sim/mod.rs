//! A simulated world for the engine: every effect faked, time by hand, faults from a seed.
//!
//! - owns: [`Simulation`], the fake world, the invariants it checks after every step
//! - never does: real I/O, real time; the same seed always plays the same story
//! - talks to: `model`, `engine`

mod chance;
mod check;
mod pods;
mod run;
#[cfg(test)]
mod tests;
mod trace;
mod world;

pub use chance::Chance;
pub use pods::random_pod;
pub use run::Simulation;
pub use trace::{Trace, Violation};
