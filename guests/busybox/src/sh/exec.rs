//! Running what the grammar gives: programs, lists, and-or lists, and the choice among commands.

use brush_parser::ast::{
    AndOr, AndOrList, Command, CompoundList, CompoundListItem, Pipeline, SeparatorOperator,
};

use super::simple::Then;
use super::state::{Exec, Flow, Shell};

impl Shell {
    /// Commands one after another; those that end in `&` in the background.
    pub(crate) fn list(&mut self, list: &CompoundList) -> Exec {
        self.items(&list.0)
    }

    /// Items of a list.
    pub(crate) fn items(&mut self, items: &[CompoundListItem]) -> Exec {
        for item in items {
            let status = match item.1 {
                SeparatorOperator::Async => self.background(&item.0),
                SeparatorOperator::Sequence => self.and_or(&item.0)?,
            };
            self.status = status;
        }
        Ok(self.status)
    }

    /// Pipelines joined by `&&` and `||`.
    pub(crate) fn and_or(&mut self, list: &AndOrList) -> Exec {
        self.and_or_by(list, Self::pipeline)
    }

    /// As [`and_or`](Self::and_or), with another way to run the last pipeline.
    pub(crate) fn and_or_by(
        &mut self,
        list: &AndOrList,
        run_last: fn(&mut Self, &Pipeline) -> Exec,
    ) -> Exec {
        let Some((last, before)) = list.additional.split_last() else {
            return run_last(self, &list.first);
        };
        // `-e` looks only at the last: `false || true` and `false && true` are no reason to leave.
        self.status = self.untested(|shell| shell.pipeline(&list.first))?;
        for next in before {
            self.status = self.untested(|shell| shell.next(next, Self::pipeline))?;
        }
        self.next(last, run_last)
    }

    fn next(&mut self, next: &AndOr, run: fn(&mut Self, &Pipeline) -> Exec) -> Exec {
        match next {
            AndOr::And(pipeline) if self.status == 0 => run(self, pipeline),
            AndOr::Or(pipeline) if self.status != 0 => run(self, pipeline),
            // What is passed over leaves a status that somebody has tested already.
            AndOr::And(_) | AndOr::Or(_) => Ok(self.status),
        }
    }

    /// One pipeline.
    pub(crate) fn pipeline(&mut self, pipeline: &Pipeline) -> Exec {
        let run = |shell: &mut Self| match pipeline.seq.as_slice() {
            [command] => shell.command(command),
            commands => shell.pipe(commands).and_then(|status| shell.check(status)),
        };
        let status = if pipeline.bang {
            u8::from(self.untested(run)? == 0)
        } else {
            run(self)?
        };
        self.status = status;
        Ok(status)
    }

    /// One command.
    pub(crate) fn command(&mut self, command: &Command) -> Exec {
        if self.options.noexec {
            return Ok(0);
        }
        match command {
            Command::Simple(simple) => self
                .simple(simple, Then::GoOn)
                .and_then(|status| self.check(status)),
            Command::Compound(compound, redirects) => {
                self.redirected(redirects.as_ref(), |shell| shell.compound(compound))
            }
            Command::Function(function) => {
                self.define(function);
                Ok(0)
            }
            Command::ExtendedTest(..) => {
                self.complain("[[ … ]] is not supported, use [ … ]");
                Ok(2)
            }
        }
    }

    /// Runs something whose failure is no reason to leave under `-e`: a condition.
    pub(crate) fn untested(&mut self, run: impl FnOnce(&mut Self) -> Exec) -> Exec {
        self.tested += 1;
        let status = run(self);
        self.tested -= 1;
        status
    }

    /// Leaves, under `-e`, on a status that is not 0 and that nothing tests.
    pub(crate) fn check(&mut self, status: u8) -> Exec {
        self.status = status;
        if status != 0 && self.options.errexit && self.tested == 0 {
            Err(Flow::Exit(status))
        } else {
            Ok(status)
        }
    }
}
