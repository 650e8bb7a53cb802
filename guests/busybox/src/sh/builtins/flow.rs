//! Leaving: `exit`, `return`, `break`, `continue`, and what `trap` does on the way out.

use super::super::state::{Exec, Flow, Shell};
use super::super::text::quote;

/// The status a command names, modulo 256, or the last one.
fn status(shell: &Shell, args: &[String]) -> Result<u8, Flow> {
    match args.get(1).map(|arg| arg.trim().parse::<i64>()) {
        None => Ok(shell.status),
        Some(Ok(number)) => Ok(number.to_le_bytes()[0]),
        Some(Err(_)) => {
            shell.complain(format_args!("{}: Illegal number: {}", args[0], args[1]));
            Err(Flow::Exit(2))
        }
    }
}

pub(super) fn exit(shell: &mut Shell, args: &[String]) -> Exec {
    Err(Flow::Exit(status(shell, args)?))
}

pub(super) fn return_(shell: &mut Shell, args: &[String]) -> Exec {
    Err(Flow::Return(status(shell, args)?))
}

/// How many loops to leave; none outside any loop.
fn count(shell: &Shell, args: &[String]) -> Result<Option<usize>, Flow> {
    let wanted = match args.get(1).map(|arg| arg.parse::<usize>()) {
        None => 1,
        Some(Ok(count)) if count > 0 => count,
        Some(_) => {
            shell.complain(format_args!("{}: Illegal number: {}", args[0], args[1]));
            return Err(Flow::Exit(2));
        }
    };
    Ok((shell.loops > 0).then(|| wanted.min(shell.loops)))
}

pub(super) fn break_(shell: &mut Shell, args: &[String]) -> Exec {
    count(shell, args)?.map_or(Ok(0), |count| Err(Flow::Break(count)))
}

pub(super) fn continue_(shell: &mut Shell, args: &[String]) -> Exec {
    count(shell, args)?.map_or(Ok(0), |count| Err(Flow::Continue(count)))
}

/// `trap ACTION EXIT`. Other conditions are accepted and never arise: this image does not take signals, so TERM ends it.
pub(super) fn trap(shell: &mut Shell, args: &[String]) -> Exec {
    let mut args = args.get(1..).unwrap_or_default();
    if args.first().is_some_and(|arg| arg == "--") {
        args = &args[1..];
    }
    let Some((action, conditions)) = args.split_first() else {
        let line = shell
            .exit_trap
            .as_ref()
            .map(|action| format!("trap -- {} EXIT\n", quote(action)))
            .unwrap_or_default();
        return shell.print(line.as_bytes());
    };
    let is_exit = |condition: &String| matches!(condition.as_str(), "EXIT" | "exit" | "0");
    if conditions.is_empty() {
        // One word alone is a condition to be reset.
        if is_exit(action) {
            shell.exit_trap = None;
        }
    } else if conditions.iter().any(is_exit) {
        shell.exit_trap = (action != "-" && !action.is_empty()).then(|| action.as_str().into());
    }
    Ok(0)
}
