//! `env [-i] [-u NAME] [NAME=VALUE …] [COMMAND …]`.

use std::io::ErrorKind;

use super::io::{complain, cwd, print, reason};
use super::xargs;

pub(super) fn env(args: &[String]) -> i32 {
    let strings = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let mut variables: Vec<(String, String)> = std::env::vars_os().filter_map(strings).collect();
    let mut rest = args.get(1..).unwrap_or_default();
    while let Some((first, others)) = rest.split_first() {
        match first.as_str() {
            "-i" | "-" | "--ignore-environment" => variables.clear(),
            "-u" | "--unset" => {
                variables.retain(|(name, _)| Some(name) != others.first());
                rest = others.get(1..).unwrap_or_default();
                continue;
            }
            "--" => {
                rest = others;
                break;
            }
            other if other.starts_with('-') => {
                complain("env", format_args!("invalid option '{other}'"));
                return 125;
            }
            _ => break,
        }
        rest = others;
    }
    while let Some((first, others)) = rest.split_first()
        && let Some((name, value)) = first.split_once('=')
    {
        variables.retain(|(known, _)| known != name);
        variables.push((name.to_owned(), value.to_owned()));
        rest = others;
    }
    if rest.is_empty() {
        let lines: String = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}\n"))
            .collect();
        return print(lines.as_bytes());
    }
    match xargs::command(rest, &variables, &cwd()).and_then(|command| command.spawn()?.wait()) {
        Ok(status) => i32::try_from(status).unwrap_or(255),
        Err(e) => {
            complain(
                "env",
                format_args!("can't execute '{}': {}", rest[0], reason(&e)),
            );
            if e.kind() == ErrorKind::NotFound {
                127
            } else {
                126
            }
        }
    }
}
