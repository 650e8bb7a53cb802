//! Simple commands: assignments, redirections and words; then the builtin, function or program the first word names.

use brush_parser::ast::{
    Assignment, AssignmentName, AssignmentValue, CommandPrefixOrSuffixItem, IoRedirect,
    SimpleCommand,
};

use super::builtins::{self, Builtin};
use super::external::Running;
use super::state::{Exec, Flow, Shell};
use super::text::quote_if_needed;
use super::vars::Var;

/// A simple command after expansion.
pub(crate) struct Prepared {
    pub(crate) args: Vec<String>,
    pub(crate) assignments: Vec<(String, String)>,
}

/// What a shell does after a simple command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    /// It ends with that command's status.
    End,
}

/// All the items of a simple command around its name.
fn items(command: &SimpleCommand) -> impl Iterator<Item = &CommandPrefixOrSuffixItem> {
    let prefix = command.prefix.iter().flat_map(|prefix| &prefix.0);
    prefix.chain(command.suffix.iter().flat_map(|suffix| &suffix.0))
}

/// Its redirections.
pub(crate) fn redirects(command: &SimpleCommand) -> impl Iterator<Item = &IoRedirect> {
    items(command).filter_map(|item| match item {
        CommandPrefixOrSuffixItem::IoRedirect(redirect) => Some(redirect),
        _ => None,
    })
}

impl Shell {
    /// Runs a simple command. A program that is the last thing the shell has to do is what the shell becomes.
    pub(crate) fn simple(&mut self, command: &SimpleCommand, then: Then) -> Exec {
        // Where there is no command, the status is that of the last `$( … )`, and 0 without any.
        if command.word_or_name.is_none() {
            self.status = 0;
        }
        let Prepared { args, assignments } = self.prepare(command)?;
        self.trace(&assignments, &args);
        let Some(name) = args.first() else {
            let status = self.status;
            return self.redirected_by(redirects(command), |shell| {
                for (name, value) in &assignments {
                    shell.assign(name, value)?;
                }
                Ok(status)
            });
        };
        if let Some(function) = self.functions.get(name).cloned() {
            let special = builtins::find(name).is_some_and(|builtin| builtin.special);
            if !special {
                return self.redirected_by(redirects(command), |shell| {
                    shell.with_assignments(&assignments, |shell| shell.call(&function, &args[1..]))
                });
            }
        }
        match builtins::find(name) {
            Some(builtin) if name == "exec" => self.exec(builtin, &args, &assignments, command),
            Some(builtin) if builtin.special => self.redirected_by(redirects(command), |shell| {
                for (name, value) in &assignments {
                    shell.assign(name, value)?;
                }
                (builtin.run)(shell, &args)
            }),
            Some(builtin) => self.redirected_by(redirects(command), |shell| {
                shell.with_assignments(&assignments, |shell| (builtin.run)(shell, &args))
            }),
            None => self.redirected_by(redirects(command), |shell| {
                shell.with_assignments(&assignments, |shell| {
                    let environment = shell.vars.exported();
                    let ended = match then {
                        Then::End if shell.has_nothing_left() => {
                            shell.become_program(&args, environment)
                        }
                        _ => shell.start(&args, environment).map(Running::finish),
                    };
                    Ok(ended.unwrap_or_else(|status| status))
                })
            }),
        }
    }

    /// `exec`: without a command its redirections stay; with one, this shell ends as that command does.
    fn exec(
        &mut self,
        builtin: Builtin,
        args: &[String],
        assignments: &[(String, String)],
        command: &SimpleCommand,
    ) -> Exec {
        if let Err(status) = self.redirect(redirects(command)) {
            return Err(Flow::Exit(status));
        }
        for (name, value) in assignments {
            self.assign(name, value)?;
            self.vars.entry(name).exported = true;
        }
        (builtin.run)(self, args)
    }

    /// Expands a simple command's words and assignments, in this order.
    pub(crate) fn prepare(&mut self, command: &SimpleCommand) -> Result<Prepared, Flow> {
        let name = command
            .word_or_name
            .as_ref()
            .map_or("", |word| word.value.as_str());
        // `export x=$y` assigns: what comes of $y stays one word.
        let declares = matches!(name, "export" | "readonly" | "local");
        let mut args = Vec::new();
        if let Some(word) = &command.word_or_name {
            self.fields_into(&word.value, &mut args)?;
        }
        for item in command.suffix.iter().flat_map(|suffix| &suffix.0) {
            match item {
                CommandPrefixOrSuffixItem::Word(word) => {
                    self.fields_into(&word.value, &mut args)?
                }
                CommandPrefixOrSuffixItem::AssignmentWord(_, word) if declares => {
                    args.push(self.assigned(&word.value)?)
                }
                CommandPrefixOrSuffixItem::AssignmentWord(_, word) => {
                    self.fields_into(&word.value, &mut args)?
                }
                CommandPrefixOrSuffixItem::IoRedirect(_) => {}
                CommandPrefixOrSuffixItem::ProcessSubstitution(..) => {
                    return self.unsupported("process substitution");
                }
            }
        }
        let mut assignments = Vec::new();
        for item in command.prefix.iter().flat_map(|prefix| &prefix.0) {
            if let CommandPrefixOrSuffixItem::AssignmentWord(assignment, _) = item {
                let before = assignments.len();
                let pair = self.assignment(assignment)?;
                assignments.push(pair);
                // `a=1 b=$a` sees the new a where there is no command.
                if args.is_empty() {
                    self.trace(&assignments[before..], &[]);
                    for (name, value) in assignments.drain(before..) {
                        self.assign(&name, &value)?;
                    }
                }
            }
        }
        Ok(Prepared { args, assignments })
    }

    fn assignment(&mut self, assignment: &Assignment) -> Result<(String, String), Flow> {
        match (&assignment.name, &assignment.value) {
            (AssignmentName::VariableName(name), AssignmentValue::Scalar(word)) => {
                let value = self.assigned(&word.value)?;
                let before = if assignment.append {
                    self.vars.get(name).map_or("", |value| value)
                } else {
                    ""
                };
                Ok((name.clone(), format!("{before}{value}")))
            }
            _ => self.unsupported("an array"),
        }
    }

    fn unsupported<T>(&self, what: &str) -> Result<T, Flow> {
        self.complain(format_args!("syntax error: {what} is not supported"));
        Err(Flow::Exit(2))
    }

    /// Assigns to a variable of the shell.
    pub(crate) fn assign(&mut self, name: &str, value: &str) -> Result<(), Flow> {
        if let Err(e) = self.vars.set(name, value) {
            self.complain(e);
            return Err(Flow::Exit(2));
        }
        if self.options.allexport {
            self.vars.entry(name).exported = true;
        }
        Ok(())
    }

    /// Runs a command with variables that are only for it.
    fn with_assignments(
        &mut self,
        assignments: &[(String, String)],
        run: impl FnOnce(&mut Self) -> Exec,
    ) -> Exec {
        let mut before: Vec<(&str, Option<Var>)> = Vec::new();
        for (name, value) in assignments {
            before.push((name, self.vars.var(name).cloned()));
            self.assign(name, value)?;
            self.vars.entry(name).exported = true;
        }
        let end = run(self);
        for (name, var) in before.into_iter().rev() {
            self.vars.restore(name, var);
        }
        end
    }

    /// Shows a command under `-x`.
    pub(crate) fn trace(&self, assignments: &[(String, String)], args: &[String]) {
        if self.options.xtrace {
            let assigned = assignments
                .iter()
                .map(|(name, value)| format!("{name}={}", quote_if_needed(value)));
            let words: Vec<_> = assigned
                .chain(args.iter().map(|arg| quote_if_needed(arg)))
                .collect();
            if !words.is_empty() {
                // A trace that cannot be shown must not change what the script does.
                let _ = self
                    .fds
                    .write(2, format!("+ {}\n", words.join(" ")).as_bytes());
            }
        }
    }
}
