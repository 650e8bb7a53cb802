//! Children: `wait`, `jobs`, `kill`.

use super::super::state::{Exec, Shell};

pub(super) fn wait(shell: &mut Shell, args: &[String]) -> Exec {
    let names = args.get(1..).unwrap_or_default();
    if names.is_empty() {
        shell.jobs.wait_all();
        return Ok(0);
    }
    let mut status = 0;
    for name in names {
        status = match shell.jobs.named(name) {
            Some(pid) => shell.jobs.wait(pid),
            None => {
                shell.complain(format_args!("wait: no such job: {name}"));
                127
            }
        };
    }
    Ok(status)
}

/// `jobs [-p]`: those that run.
pub(super) fn jobs(shell: &mut Shell, args: &[String]) -> Exec {
    let pids_only = args.get(1).is_some_and(|option| option == "-p");
    let line = |(number, pid)| {
        if pids_only {
            format!("{pid}\n")
        } else {
            format!("[{number}] {pid} Running\n")
        }
    };
    let lines: String = shell.jobs.running().into_iter().map(line).collect();
    shell.print(lines.as_bytes())
}

/// The applet's `kill`, which here also knows `%n`.
pub(super) fn kill(shell: &mut Shell, args: &[String]) -> Exec {
    let resolved: Vec<String> = args
        .iter()
        .map(|arg| match shell.jobs.named(arg) {
            Some(pid) if arg.starts_with('%') => pid.to_string(),
            _ => arg.clone(),
        })
        .collect();
    let done = super::kill::kill(&resolved);
    shell.print(done.output.as_bytes())?;
    done.complaints
        .iter()
        .for_each(|why| shell.complain(format_args!("kill: {why}")));
    Ok(u8::from(!done.complaints.is_empty()))
}
