//! Signals for asynchronous programs.

use std::time::Duration;

/// `SIGINT`.
pub const INT: u32 = 2;
/// `SIGTERM`.
pub const TERM: u32 = 15;
/// `SIGQUIT`.
pub const QUIT: u32 = 3;

/// How often a signal is looked for. tokio waits in poll(2), which knows of no signals here.
const LOOK: Duration = Duration::from_millis(50);

/// Waits for the next signal and returns its POSIX number. A program that calls this is sent TERM instead of being ended by it.
pub async fn next() -> u32 {
    loop {
        if let Some(number) = take() {
            return number;
        }
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(all(target_family = "wasm", feature = "signals"))]
fn take() -> Option<u32> {
    peapod_guest::signals::take()
}

#[cfg(not(all(target_family = "wasm", feature = "signals")))]
fn take() -> Option<u32> {
    None
}
