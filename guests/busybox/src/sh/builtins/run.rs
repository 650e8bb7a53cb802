//! Running text and programs: `eval`, `.`, `exec`, `times`.

use std::path::Path;

use super::super::state::{Exec, Flow, Shell};
use super::super::text::reason;

pub(super) fn eval(shell: &mut Shell, args: &[String]) -> Exec {
    let text = args.get(1..).unwrap_or_default().join(" ");
    // `eval ""` succeeds, whatever came before.
    shell.status = 0;
    shell.eval(&text)
}

/// `. FILE`: a name without a slash is looked for in PATH.
pub(super) fn dot(shell: &mut Shell, args: &[String]) -> Exec {
    let Some(name) = args.get(1) else {
        shell.complain(".: a file name is missing");
        return Err(Flow::Exit(2));
    };
    let found = if name.contains('/') {
        Some(shell.absolute(name))
    } else {
        let path = shell.vars.get("PATH").cloned().unwrap_or_default();
        path.split(':')
            .map(|folder| format!("{}/{name}", folder.trim_end_matches('/')))
            .find(|file| Path::new(file).is_file())
    };
    let text = found
        .ok_or(std::io::ErrorKind::NotFound.into())
        .and_then(std::fs::read);
    match text {
        Ok(bytes) => match shell.eval(&String::from_utf8_lossy(&bytes)) {
            Err(Flow::Return(status)) => Ok(status),
            end => end,
        },
        Err(e) => {
            shell.complain(format_args!(".: can't open '{name}': {}", reason(&e)));
            Err(Flow::Exit(2))
        }
    }
}

/// `exec COMMAND`: this shell becomes the command, or ends as it does. Its redirections have been made already, for good.
pub(super) fn exec(shell: &mut Shell, args: &[String]) -> Exec {
    let Some(command) = args.get(1..).filter(|command| !command.is_empty()) else {
        return Ok(0);
    };
    match shell.become_program(command, shell.vars.exported()) {
        Ok(status) => {
            // The shell that `exec` would have replaced does not get to run its trap.
            shell.exit_trap = None;
            Err(Flow::Exit(status))
        }
        Err(status) => Err(Flow::Exit(status)),
    }
}

/// WASI has no processor times.
pub(super) fn times(shell: &mut Shell, _: &[String]) -> Exec {
    shell.print(b"0m0.00s 0m0.00s\n0m0.00s 0m0.00s\n")
}
