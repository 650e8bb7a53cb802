//! A line on the terminal while something takes long.

use std::io::IsTerminal as _;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::image::size;
use crate::images::Transfer;

/// Shown on standard error, on a terminal only; gone without a trace when there is nothing to tell.
pub(super) struct StatusLine {
    bar: Option<ProgressBar>,
    terminal: bool,
    compiling: String,
    pulling: String,
}

impl StatusLine {
    pub(super) fn new() -> Self {
        Self {
            bar: None,
            terminal: std::io::stderr().is_terminal(),
            compiling: String::new(),
            pulling: String::new(),
        }
    }

    /// Shows what is being compiled.
    pub(super) fn compiling(&mut self, names: &[String]) {
        self.compiling = match names {
            [] => String::new(),
            names => format!("compiling {}", names.join(", ")),
        };
        self.show();
    }

    /// Shows what is being pulled, and how far it is.
    pub(super) fn pulling(&mut self, transfers: &[Transfer]) {
        let texts = transfers.iter().map(|one| match one.bytes() {
            (_, 0) => format!("pulling {}", one.name),
            (done, total) => format!("pulling {} {} of {}", one.name, size(done), size(total)),
        });
        self.pulling = texts.collect::<Vec<_>>().join(", ");
        self.show();
    }

    fn show(&mut self) {
        if !self.terminal {
            return;
        }
        let both = [self.pulling.as_str(), self.compiling.as_str()];
        let texts: Vec<_> = both.into_iter().filter(|text| !text.is_empty()).collect();
        if texts.is_empty() {
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
        bar.set_message(texts.join(", "));
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
