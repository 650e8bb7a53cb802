//! What a simulation tells when it is over.

use std::fmt;

use crate::engine::{Action, Event};
use crate::model::{PodStatus, Time};

/// The story of one simulation, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    lines: Vec<String>,
}

impl Trace {
    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Nothing happened.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn note(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub(super) fn step(&mut self, now: Time, event: &Event, actions: &[Action]) {
        self.note(format!("{now:?} <- {event:?}"));
        for action in actions {
            self.note(match action {
                Action::Publish(status) => format!("    -> Publish {}", Brief(status)),
                Action::Record(notice) => {
                    format!("    -> Record {}: {}", notice.reason, notice.message)
                }
                Action::Run(..) | Action::Abandon(_) | Action::Forget => {
                    format!("    -> {action:?}")
                }
            });
        }
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// A status in one line.
struct Brief<'a>(&'a PodStatus);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::model::ContainerState::{Running, Terminated, Waiting};
        write!(f, "{:?}", self.0.phase)?;
        for c in self.0.init.iter().chain(&self.0.mains) {
            write!(f, " {}#{}=", c.name, c.restart_count)?;
            match &c.state {
                Waiting { reason, .. } => write!(f, "{reason}")?,
                Running { .. } if c.ready => write!(f, "Ready")?,
                Running { .. } => write!(f, "Running")?,
                Terminated(t) => write!(f, "{}({})", t.reason, t.exit_code)?,
            }
        }
        Ok(())
    }
}

/// The engine broke one of its promises.
#[derive(Debug, thiserror::Error)]
#[error("seed {seed}: {promise}: {detail}\n{trace}")]
pub struct Violation {
    /// Replays it.
    pub seed: u64,
    /// Which promise.
    pub promise: &'static str,
    /// What happened.
    pub detail: String,
    /// The story up to there.
    pub trace: Trace,
}
