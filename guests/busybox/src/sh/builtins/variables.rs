//! `export`, `readonly`, `local`, `unset`.

use std::rc::Rc;

use super::super::state::{Exec, Flow, Shell};
use super::super::text::{is_name, quote};
use super::super::vars::Var;

/// `NAME` or `NAME=VALUE`.
fn parts<'a>(
    shell: &Shell,
    command: &str,
    arg: &'a str,
) -> Result<(&'a str, Option<&'a str>), Flow> {
    let (name, value) = arg
        .split_once('=')
        .map_or((arg, None), |(name, value)| (name, Some(value)));
    if is_name(name) {
        return Ok((name, value));
    }
    shell.complain(format_args!("{command}: {name}: bad variable name"));
    Err(Flow::Exit(2))
}

/// Lists the variables with an attribute as commands that set it.
fn show(shell: &Shell, command: &str, has: fn(&Var) -> bool) -> Exec {
    let mut text = String::new();
    for (name, var) in shell.vars.iter().filter(|(_, var)| has(var)) {
        let value = var
            .value
            .as_ref()
            .map(|value| format!("={}", quote(value)))
            .unwrap_or_default();
        text += &format!("{command} {name}{value}\n");
    }
    shell.print(text.as_bytes())
}

pub(super) fn export(shell: &mut Shell, args: &[String]) -> Exec {
    match args.get(1).map(String::as_str) {
        None | Some("-p") => return show(shell, "export", |var| var.exported),
        Some("-n") => {
            for name in &args[2..] {
                shell.vars.entry(name).exported = false;
            }
            return Ok(0);
        }
        Some(_) => {}
    }
    for arg in &args[1..] {
        let (name, value) = parts(shell, "export", arg)?;
        if let Some(value) = value {
            shell.assign(name, value)?;
        }
        shell.vars.entry(name).exported = true;
    }
    Ok(0)
}

pub(super) fn readonly(shell: &mut Shell, args: &[String]) -> Exec {
    if matches!(args.get(1).map(String::as_str), None | Some("-p")) {
        return show(shell, "readonly", |var| var.readonly);
    }
    for arg in &args[1..] {
        let (name, value) = parts(shell, "readonly", arg)?;
        if let Some(value) = value {
            shell.assign(name, value)?;
        }
        shell.vars.entry(name).readonly = true;
    }
    Ok(0)
}

pub(super) fn local(shell: &mut Shell, args: &[String]) -> Exec {
    for arg in args.get(1..).unwrap_or_default() {
        let (name, value) = parts(shell, "local", arg)?;
        if !shell.vars.make_local(name) {
            shell.complain("local: not in a function");
            return Err(Flow::Exit(2));
        }
        if let Some(value) = value {
            shell.assign(name, value)?;
        }
    }
    Ok(0)
}

pub(super) fn unset(shell: &mut Shell, args: &[String]) -> Exec {
    let mut names = args.get(1..).unwrap_or_default();
    let mut functions = false;
    if let Some((first, rest)) = names.split_first()
        && first.starts_with('-')
    {
        functions = first == "-f";
        names = rest;
    }
    for name in names {
        if functions {
            Rc::make_mut(&mut shell.functions).remove(name);
        } else if let Err(e) = shell.vars.unset(name) {
            shell.complain(format_args!("unset: {e}"));
            return Err(Flow::Exit(2));
        }
    }
    Ok(0)
}
