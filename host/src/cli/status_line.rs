//! A line on the terminal while something takes long.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Shown on standard error, on a terminal only; gone without a trace when there is nothing to tell.
pub(super) struct StatusLine {
    bar: Option<ProgressBar>,
    terminal: bool,
}

impl StatusLine {
    pub(super) fn new() -> Self {
        Self {
            bar: None,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Shows what is being compiled.
    pub(super) fn compiling(&mut self, names: &[String]) {
        if !self.terminal {
            return;
        }
        if names.is_empty() {
            self.clear();
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        bar.set_message(format!("compiling {}", names.join(", ")));
    }

    /// Prints other output without leaving pieces of the line in it.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
