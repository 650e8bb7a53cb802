//! Signals. A program that calls anything here is sent TERM instead of being ended by it.

use crate::host::signals;

/// `SIGINT`.
pub const INT: u32 = 2;
/// `SIGKILL`: it never arrives, it ends.
pub const KILL: u32 = 9;
/// `SIGTERM`.
pub const TERM: u32 = 15;

/// The next signal that has arrived, by its POSIX number, without waiting.
#[must_use]
pub fn take() -> Option<u32> {
    signals::take()
}

/// Waits for the next signal and returns its POSIX number.
#[must_use]
pub fn wait() -> u32 {
    signals::wait()
}
