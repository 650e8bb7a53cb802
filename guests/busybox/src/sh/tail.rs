//! The last command of `sh -c TEXT`: where it is a program, the shell becomes it. `sh -c 'sleep 3600'` leaves one process, and TERM reaches
//! the program; a shell that waited for it would die of TERM alone, and its program would be killed without having heard of it.

use brush_parser::ast::{Command, CompoundListItem, Pipeline, Program, SeparatorOperator};

use super::simple::Then;
use super::state::{Exec, Shell};

impl Shell {
    /// Runs a text after which this shell ends.
    pub(crate) fn eval_to_end(&mut self, text: &str) -> Exec {
        self.eval_by(text, Self::program_to_end)
    }

    fn program_to_end(&mut self, program: &Program) -> Exec {
        let Some((last, before)) = program.complete_commands.split_last() else {
            return Ok(self.status);
        };
        for list in before {
            self.list(list)?;
        }
        match last.0.split_last() {
            Some((CompoundListItem(last, SeparatorOperator::Sequence), before)) => {
                self.items(before)?;
                self.status = self.and_or_by(last, Self::pipeline_to_end)?;
                Ok(self.status)
            }
            _ => self.list(last),
        }
    }

    fn pipeline_to_end(&mut self, pipeline: &Pipeline) -> Exec {
        match pipeline.seq.as_slice() {
            [Command::Simple(simple)] if !pipeline.bang && !self.options.noexec => self
                .simple(simple, Then::End)
                .and_then(|status| self.check(status)),
            _ => self.pipeline(pipeline),
        }
    }

    /// Whether the shell's last program is also its last duty: no trap to run, no child of its own in the background.
    pub(crate) fn has_nothing_left(&mut self) -> bool {
        self.exit_trap.is_none() && self.jobs.running().is_empty()
    }
}
