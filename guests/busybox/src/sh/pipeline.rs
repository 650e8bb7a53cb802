//! Pipelines and background lists.
//!
//! Programs start as children at once. Of the members that are shell code, one (the last such) runs in this process while the others run
//! beside it; any more become shells of their own. So `for … done | sort` and `… | while read x` cost one process, not two.

use brush_parser::ast::{AndOrList, Command, SimpleCommand};
use peapod_guest::process::{self, Open};

use super::builtins;
use super::external::Running;
use super::fd::Fd;
use super::simple::{Prepared, redirects};
use super::state::{Exec, Flow, Shell};
use super::text::reason;
use crate::applets;

/// A member that has been started, or why it could not be.
enum Member {
    Running(Running),
    Ended(u8),
    /// Waits for the others to be started, to run in this process.
    Here(Box<Shell>),
}

impl Shell {
    /// Several commands, each reading what the one before it prints. The last one's status counts.
    pub(crate) fn pipe(&mut self, commands: &[Command]) -> Exec {
        let here = self.member_to_run_here(commands);
        let mut members = Vec::with_capacity(commands.len());
        let mut input = None;
        for (index, command) in commands.iter().enumerate() {
            let mut shell = self.subshell();
            if let Some(reader) = input.take() {
                shell.fds.set(0, Fd::stream(reader));
            }
            if index + 1 < commands.len() {
                match process::pipe() {
                    Ok((reader, writer)) => {
                        shell.fds.set(1, Fd::stream(writer));
                        input = Some(reader);
                    }
                    Err(e) => {
                        self.complain(format_args!("cannot make a pipe: {}", reason(&e)));
                        return Ok(2);
                    }
                }
            }
            members.push(match here {
                Some(here) if here == index => Member::Here(Box::new(shell)),
                _ => shell.start_member(command),
            });
        }
        for member in &mut members {
            if let Member::Running(running) = member {
                running.feed();
            }
        }
        // First what runs here, since the others may be waiting for it; then the ends of the others.
        for (member, command) in members.iter_mut().zip(commands) {
            *member = match std::mem::replace(member, Member::Ended(0)) {
                Member::Here(shell) => {
                    Member::Ended(shell.run_to_end(|shell| shell.command(command)))
                }
                other => other,
            };
        }
        let end = |member| match member {
            Member::Running(running) => running.finish(),
            Member::Ended(status) => status,
            Member::Here(_) => 0,
        };
        Ok(members.into_iter().map(end).last().unwrap_or(0))
    }

    /// Which member runs in this process. Where another member's standard error goes into a `$( … )` nobody would read that pipe
    /// meanwhile, and the member here could wait for ever for one that is stuck in a full pipe: then none.
    fn member_to_run_here(&self, commands: &[Command]) -> Option<usize> {
        if self.fds.is_captured(2) {
            return None;
        }
        let last = commands
            .iter()
            .rposition(|command| !self.is_program(command))?;
        // The last member's own output goes to the capture; read in the end, it must not be waited for by a member here before it.
        (last + 1 == commands.len() || !self.fds.is_captured(1)).then_some(last)
    }

    /// Whether a command is certainly a program to be started, as far as can be seen without expanding it.
    fn is_program(&self, command: &Command) -> bool {
        match command {
            Command::Simple(SimpleCommand {
                word_or_name: Some(word),
                ..
            }) => self.names_program(&word.value),
            _ => false,
        }
    }

    fn names_program(&self, name: &str) -> bool {
        let literal = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_-+./[".contains(c));
        literal
            && !self.functions.contains_key(name)
            && (builtins::find(name).is_none()
                || builtins::as_applet(name) && applets::is_applet(name))
    }

    /// Starts a member as a child: the program it is, or a shell that runs it.
    fn start_member(mut self, command: &Command) -> Member {
        let started = match command {
            Command::Simple(simple) if self.is_program(command) => self.start_simple(simple),
            _ => self.start_shell(&super::unparse::command(command)),
        };
        match started {
            Ok(running) => Member::Running(running),
            Err(Flow::Exit(status) | Flow::Return(status)) => Member::Ended(status),
            Err(Flow::Break(_) | Flow::Continue(_)) => Member::Ended(0),
        }
    }

    /// Starts a simple command that is a program, without waiting.
    fn start_simple(&mut self, simple: &SimpleCommand) -> Result<Running, Flow> {
        let Prepared {
            args, assignments, ..
        } = self.prepare(simple)?;
        self.redirect(redirects(simple)).map_err(Flow::Exit)?;
        self.trace(&assignments, &args);
        for (name, value) in assignments {
            self.assign(&name, &value)?;
            self.vars.entry(&name).exported = true;
        }
        self.start(&args, self.vars.exported()).map_err(Flow::Exit)
    }

    /// Starts a list in the background.
    pub(crate) fn background(&mut self, list: &AndOrList) -> u8 {
        let mut shell = self.subshell();
        if let Ok(nothing) = Open::default().read().open("/dev/null") {
            // Without job control a background command must not take the script's input.
            shell.fds.set(0, Fd::stream(nothing));
        }
        let member = match list.first.seq.as_slice() {
            [command] if list.additional.is_empty() && !list.first.bang => {
                shell.start_member(command)
            }
            _ => match shell.start_shell(&super::unparse::and_or(list)) {
                Ok(running) => Member::Running(running),
                Err(_) => Member::Ended(2),
            },
        };
        match member {
            Member::Running(running) => {
                self.jobs.add(running.detach());
                0
            }
            Member::Ended(status) => status,
            Member::Here(_) => 0,
        }
    }
}
