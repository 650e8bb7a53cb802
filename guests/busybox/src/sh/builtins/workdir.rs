//! `cd`, `pwd`, `umask`.

use std::path::Path;

use super::super::state::{Exec, Shell};

/// A path without `.` and `..`, by its text alone, as `cd` and `pwd` without `-P` have it.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

pub(super) fn cd(shell: &mut Shell, args: &[String]) -> Exec {
    let mut rest = args.get(1..).unwrap_or_default();
    let mut physical = false;
    while let Some((option, others)) = rest.split_first()
        && matches!(option.as_str(), "-P" | "-L" | "--")
    {
        physical = option == "-P";
        rest = others;
    }
    let var = |name: &str| shell.vars.get(name).map(ToString::to_string);
    let (target, show) = match rest.first().map(String::as_str) {
        None => (var("HOME"), false),
        Some("-") => (var("OLDPWD"), true),
        Some(path) => (Some(path.to_owned()), false),
    };
    let Some(target) = target else {
        shell.complain("cd: HOME or OLDPWD not set");
        return Ok(1);
    };
    let mut path = normal(&shell.absolute(&target));
    if physical && let Ok(real) = Path::new(&path).canonicalize() {
        path = real.to_string_lossy().into_owned();
    }
    if !Path::new(&path).is_dir() {
        let why = if Path::new(&path).exists() {
            "Not a directory"
        } else {
            "No such file or directory"
        };
        shell.complain(format_args!("cd: can't cd to {target}: {why}"));
        return Ok(1);
    }
    let before = shell.cwd.to_string();
    shell.assign("OLDPWD", &before)?;
    shell.assign("PWD", &path)?;
    shell.cwd = path.into();
    if show {
        shell.print(format!("{}\n", shell.cwd).as_bytes())
    } else {
        Ok(0)
    }
}

pub(super) fn pwd(shell: &mut Shell, args: &[String]) -> Exec {
    let mut path = shell.cwd.to_string();
    if args.get(1).is_some_and(|option| option == "-P")
        && let Ok(real) = Path::new(&path).canonicalize()
    {
        path = real.to_string_lossy().into_owned();
    }
    shell.print(format!("{path}\n").as_bytes())
}

/// Accepted: WASI's files have no modes.
pub(super) fn umask(shell: &mut Shell, args: &[String]) -> Exec {
    if args.len() > 1 {
        Ok(0)
    } else {
        shell.print(b"0022\n")
    }
}
