//! A shell's state as source, for a subshell that is a process of its own.
//!
//! It travels in an environment variable, which the child takes away before anything else runs: `ps` shows `sh -c 'the commands'`.

use std::rc::Rc;

use peapod_guest::process::Command;

use super::external::Running;
use super::state::{Exec, Flow, Shell};
use super::text::quote;
use super::unparse;

/// The environment variable. Its first line is `pid status last-background-pid`, the rest is source.
const VARIABLE: &str = "PEAPOD_SH_STATE";

impl Shell {
    /// Starts a child shell that runs `text` with this shell's state.
    pub(crate) fn start_shell(&self, text: &str) -> Result<Running, Flow> {
        let mut environment = self.vars.exported();
        environment.push((VARIABLE.to_owned(), self.state_as_source()));
        let head = ["sh", "-c", text, &self.name].map(str::to_owned);
        let command = Command::this(head.into_iter().chain(self.args.iter().cloned()))
            .environment(environment);
        self.launch(command).map_err(|e| {
            self.complain(format_args!(
                "cannot start a subshell: {}",
                super::text::reason(&e)
            ));
            Flow::Exit(2)
        })
    }

    fn state_as_source(&self) -> String {
        let last = self
            .jobs
            .last()
            .map(|pid| pid.to_string())
            .unwrap_or_default();
        let mut source = format!("{} {} {last}\n", self.pid(), self.status);
        for (name, var) in self.vars.iter() {
            if let Some(value) = &var.value
                && !var.exported
            {
                source += &format!("{name}={}\n", quote(value));
            }
            if var.exported && var.value.is_none() {
                source += &format!("export {name}\n");
            }
            if var.readonly {
                source += &format!("readonly {name}\n");
            }
        }
        for function in self.functions.values() {
            source += &unparse::function(function);
            source.push('\n');
        }
        let flags = self.options.flags();
        if !flags.is_empty() {
            source += &format!("set -{flags}\n");
        }
        source
    }
}

/// Takes over the state that the parent shell left in the environment, if this shell is a subshell.
pub(crate) fn adopt(shell: &mut Shell) -> Exec {
    let Some(source) = shell.vars.get(VARIABLE).cloned() else {
        return Ok(0);
    };
    if shell.vars.unset(VARIABLE).is_err() {
        return Ok(0);
    }
    let (head, source) = source.split_once('\n').unwrap_or((&source, ""));
    let mut head = head.split(' ');
    shell.pid = head.next().and_then(|pid| pid.parse().ok());
    let status = head
        .next()
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    let last = head.next().and_then(|pid| pid.parse().ok());
    let (name, args) = (Rc::clone(&shell.name), Rc::clone(&shell.args));
    shell.eval(source)?;
    (shell.name, shell.args) = (name, args);
    shell.jobs.set_last(last);
    shell.status = status;
    Ok(status)
}
