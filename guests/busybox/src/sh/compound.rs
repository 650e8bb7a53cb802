//! Compound commands: groups, subshells, loops, conditions, cases.

use brush_parser::ast::{
    CaseClauseCommand, CaseItemPostAction, CompoundCommand, CompoundList, ForClauseCommand,
    IfClauseCommand,
};

use super::state::{Exec, Flow, Shell};

impl Shell {
    /// A compound command, its redirections aside.
    pub(crate) fn compound(&mut self, command: &CompoundCommand) -> Exec {
        match command {
            CompoundCommand::BraceGroup(group) => self.list(&group.list),
            CompoundCommand::Subshell(subshell) => {
                let status = self
                    .subshell()
                    .run_to_end(|shell| shell.list(&subshell.list));
                self.check(status)
            }
            CompoundCommand::ForClause(clause) => self.for_clause(clause),
            CompoundCommand::CaseClause(clause) => self.case_clause(clause),
            CompoundCommand::IfClause(clause) => self.if_clause(clause),
            CompoundCommand::WhileClause(clause) => {
                self.while_clause(&clause.0, &clause.1.list, true)
            }
            CompoundCommand::UntilClause(clause) => {
                self.while_clause(&clause.0, &clause.1.list, false)
            }
            CompoundCommand::Arithmetic(_)
            | CompoundCommand::ArithmeticForClause(_)
            | CompoundCommand::Coprocess(_) => {
                self.complain("syntax error: not a command of a POSIX shell");
                Err(Flow::Exit(2))
            }
        }
    }

    /// Runs a subshell's commands and its EXIT trap: the status it ends with, however it ends.
    pub(crate) fn run_to_end(mut self, run: impl FnOnce(&mut Self) -> Exec) -> u8 {
        self.status = match run(&mut self) {
            Ok(status) | Err(Flow::Exit(status) | Flow::Return(status)) => status,
            Err(Flow::Break(_) | Flow::Continue(_)) => self.status,
        };
        if let Some(trap) = self.exit_trap.take() {
            let status = self.status;
            // A trap that itself calls `exit` decides the status.
            if let Err(Flow::Exit(other)) = self.eval(&trap) {
                return other;
            }
            return status;
        }
        self.status
    }

    fn if_clause(&mut self, clause: &IfClauseCommand) -> Exec {
        if self.untested(|shell| shell.list(&clause.condition))? == 0 {
            return self.list(&clause.then);
        }
        for other in clause.elses.iter().flatten() {
            let taken = match &other.condition {
                Some(condition) => self.untested(|shell| shell.list(condition))? == 0,
                None => true,
            };
            if taken {
                return self.list(&other.body);
            }
        }
        self.status = 0;
        Ok(0)
    }

    fn while_clause(
        &mut self,
        condition: &CompoundList,
        body: &CompoundList,
        wanted: bool,
    ) -> Exec {
        let mut status = 0;
        loop {
            let go_on = self.round(|shell| {
                if (shell.untested(|shell| shell.list(condition))? == 0) != wanted {
                    return Err(Flow::Break(1));
                }
                status = 0;
                status = shell.list(body)?;
                Ok(status)
            })?;
            if !go_on {
                self.status = status;
                return Ok(status);
            }
        }
    }

    fn for_clause(&mut self, clause: &ForClauseCommand) -> Exec {
        let values = match &clause.values {
            Some(words) => self.fields(words)?,
            None => self.args.to_vec(),
        };
        let mut status = 0;
        for value in values {
            self.assign(&clause.variable_name, &value)?;
            let go_on = self.round(|shell| {
                status = 0;
                status = shell.list(&clause.body.list)?;
                Ok(status)
            })?;
            if !go_on {
                break;
            }
        }
        self.status = status;
        Ok(status)
    }

    /// One round of a loop: whether there may be another.
    fn round(&mut self, run: impl FnOnce(&mut Self) -> Exec) -> Result<bool, Flow> {
        self.loops += 1;
        let end = run(self);
        self.loops -= 1;
        match end {
            Ok(_) | Err(Flow::Continue(1)) => Ok(true),
            Err(Flow::Break(1)) => Ok(false),
            Err(Flow::Break(n)) => Err(Flow::Break(n - 1)),
            Err(Flow::Continue(n)) => Err(Flow::Continue(n - 1)),
            Err(out @ (Flow::Return(_) | Flow::Exit(_))) => Err(out),
        }
    }

    fn case_clause(&mut self, clause: &CaseClauseCommand) -> Exec {
        let value = self.string(&clause.value.value)?;
        let mut falls_through = false;
        self.status = 0;
        for case in &clause.cases {
            let mut taken = falls_through;
            for word in &case.patterns {
                taken = taken || self.pattern(&word.value)?.matches(&value);
            }
            if !taken {
                continue;
            }
            if let Some(list) = &case.cmd {
                self.list(list)?;
            }
            match case.post_action {
                CaseItemPostAction::ExitCase => break,
                CaseItemPostAction::UnconditionallyExecuteNextCaseItem => falls_through = true,
                CaseItemPostAction::ContinueEvaluatingCases => falls_through = false,
            }
        }
        Ok(self.status)
    }
}
