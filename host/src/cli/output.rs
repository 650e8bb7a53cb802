//! What a run prints while it runs.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;

use crate::model::{Event, EventType, PodName, Time};
use crate::ports::{LogLine, LogStream};

/// ANSI foreground colours that read well on light and dark.
const COLOURS: [u8; 6] = [36, 33, 32, 35, 34, 31];

/// Prints container output and events.
pub(super) struct Printer {
    prefix: bool,
    events: bool,
    /// All output of containers goes to standard error.
    to_stderr: bool,
    colour_stdout: bool,
    colour_stderr: bool,
    /// Colours by pod and container.
    prefixes: HashMap<(PodName, String), usize>,
    /// Whose line is unfinished, on standard output and on standard error.
    unfinished: [Option<(usize, LogStream)>; 2],
    started: Time,
    /// Nobody reads standard output any more.
    pub(super) closed: bool,
}

impl Printer {
    pub(super) fn new(prefix: bool, events: bool, to_stderr: bool, started: Time) -> Self {
        let colours = std::env::var_os("NO_COLOR").is_none();
        Self {
            prefix,
            events,
            to_stderr,
            colour_stdout: colours && io::stdout().is_terminal(),
            colour_stderr: colours && io::stderr().is_terminal(),
            prefixes: HashMap::new(),
            unfinished: [None; 2],
            started,
            closed: false,
        }
    }

    pub(super) fn lines(&mut self, lines: Vec<LogLine>) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        for line in lines {
            let stderr = self.to_stderr || line.stream == LogStream::Stderr;
            let colour = if stderr {
                self.colour_stderr
            } else {
                self.colour_stdout
            };
            let buffer = if stderr { &mut err } else { &mut out };
            let last = &mut self.unfinished[usize::from(stderr)];
            let whose = (Arc::as_ptr(&line.source) as usize, line.stream);
            let goes_on = *last == Some(whose);
            if last.is_some() && !goes_on {
                // Somebody else's line comes between the pieces of a long one.
                buffer.push(b'\n');
            }
            *last = line.partial.then_some(whose);
            if self.prefix && !goes_on {
                let pod = line.source.pod.meta.name.clone();
                let container = line.source.attempt.container.as_str().to_owned();
                let next = self.prefixes.len();
                let text = format!("{pod}/{container} | ");
                let index = *self.prefixes.entry((pod, container)).or_insert(next);
                let code = COLOURS[index % COLOURS.len()];
                if colour {
                    buffer.extend_from_slice(format!("\x1b[{code}m{text}\x1b[0m").as_bytes());
                } else {
                    buffer.extend_from_slice(text.as_bytes());
                }
            }
            buffer.extend_from_slice(&line.text);
            if !line.partial {
                buffer.push(b'\n');
            }
        }
        let _ignored = io::stderr().write_all(&err);
        let mut stdout = io::stdout().lock();
        if stdout
            .write_all(&out)
            .and_then(|()| stdout.flush())
            .is_err()
        {
            self.closed = true;
        }
    }

    /// Something happened; whatever the book of events makes of it, each time is shown.
    pub(super) fn event(&self, event: &Event) {
        let warning = event.kind == EventType::Warning;
        if !self.events && !warning {
            return;
        }
        let Event { about, count, .. } = event;
        let place = about.field_path.as_ref();
        let place = place.map(|path| format!(" {path}")).unwrap_or_default();
        let times = if *count > 1 {
            format!(" (x{count})")
        } else {
            String::new()
        };
        let text = format!(
            "{:>8.3}s {:7} {:18} {}/{}{place}: {}{times}\n",
            event.last.since(self.started).as_secs_f64(),
            event.kind.as_str(),
            event.reason,
            about.kind.to_lowercase(),
            about.name,
            one_line(&event.message)
        );
        let text = match (self.colour_stderr, warning) {
            (true, true) => format!("\x1b[33m{text}\x1b[0m"),
            (true, false) => format!("\x1b[2m{text}\x1b[0m"),
            (false, _) => text,
        };
        let _ignored = io::stderr().write_all(text.as_bytes());
    }
}

/// What a guest's command wrote may be in a message: it must neither look like another event nor move the terminal's cursor.
fn one_line(message: &str) -> String {
    let mut line = String::with_capacity(message.len());
    for c in message.trim_end().chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_message_is_one_line_and_no_command_to_the_terminal() {
        let message = "Liveness probe failed: a\n  0.1s Normal Fake\x1b[2J\tü\n";
        let shown = "Liveness probe failed: a\\n  0.1s Normal Fake\\u{1b}[2J\\tü";
        assert_eq!(one_line(message), shown);
    }
}
