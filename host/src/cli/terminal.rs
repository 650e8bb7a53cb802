//! The user's terminal, handed to a command elsewhere.

use std::io;

use rustix::stdio::stdin;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::ports::TerminalSize;

/// The terminal passes on every key as it is, until this is dropped.
pub(super) struct Raw {
    before: Termios,
}

impl Raw {
    pub(super) fn enter() -> io::Result<Self> {
        let before = tcgetattr(stdin())?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // There is nothing else to try.
        let _ignored = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

/// The terminal's size now.
pub(super) fn size() -> Option<TerminalSize> {
    let size = tcgetwinsize(stdin()).ok()?;
    Some(TerminalSize {
        columns: size.ws_col,
        rows: size.ws_row,
    })
}

/// The terminal's sizes to come.
pub(super) struct Resizes(Option<Signal>);

impl Resizes {
    /// None of them without a terminal.
    pub(super) fn new(tty: bool) -> Self {
        Self(
            tty.then(|| signal(SignalKind::window_change()).ok())
                .flatten(),
        )
    }

    pub(super) async fn next(&mut self) -> TerminalSize {
        loop {
            one(&mut self.0).await;
            if let Some(size) = size() {
                return size;
            }
        }
    }
}

/// The signals that would end this program and leave the terminal raw.
pub(super) struct Endings([Option<Signal>; 2]);

impl Endings {
    /// None of them without a terminal: then they end the program as ever.
    pub(super) fn new(tty: bool) -> Self {
        let kinds = [SignalKind::terminate(), SignalKind::hangup()];
        Self(kinds.map(|kind| tty.then(|| signal(kind).ok()).flatten()))
    }

    pub(super) async fn next(&mut self) {
        let [term, hang_up] = &mut self.0;
        tokio::select! {
            () = one(term) => {}
            () = one(hang_up) => {}
        }
    }
}

/// Waits for one of them, for ever where there is none.
async fn one(signal: &mut Option<Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}
