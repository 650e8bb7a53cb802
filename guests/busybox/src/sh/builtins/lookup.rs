//! What a name stands for: `type`, `command`.

use super::super::external::Program;
use super::super::state::{Exec, Shell};
use super::super::text::quote_if_needed;

/// Words that the grammar takes.
const RESERVED: [&str; 16] = [
    "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in", "then",
    "until", "while",
];

pub(super) fn type_(shell: &mut Shell, args: &[String]) -> Exec {
    let mut status = 0;
    for name in args.get(1..).unwrap_or_default() {
        match describe(shell, name) {
            Some((_, what)) => {
                shell.print(format!("{name} is {what}\n").as_bytes())?;
            }
            None => {
                shell.print(format!("{name}: not found\n").as_bytes())?;
                status = 127;
            }
        }
    }
    Ok(status)
}

/// What `command -v` and what `type` say.
fn describe(shell: &Shell, name: &str) -> Option<(String, String)> {
    let own = |what: &str| Some((name.to_owned(), what.to_owned()));
    if RESERVED.contains(&name) {
        return own("a shell keyword");
    }
    let builtin = super::find(name);
    if builtin.is_some_and(|builtin| builtin.special) {
        return own("a special shell builtin");
    }
    if shell.functions.contains_key(name) {
        return own("a function");
    }
    if builtin.is_some() {
        return own("a shell builtin");
    }
    match shell.find_program(name)? {
        Program::Applet => Some((
            name.to_owned(),
            format!(
                "a command of this image: {}",
                name.rsplit('/').next().unwrap_or(name)
            ),
        )),
        Program::File(path) => Some((path.clone(), path)),
    }
}

/// `command [-pvV] NAME …`: without regard to functions.
pub(super) fn command(shell: &mut Shell, args: &[String]) -> Exec {
    let mut rest = args.get(1..).unwrap_or_default();
    let (mut brief, mut long) = (false, false);
    while let Some((option, others)) = rest.split_first()
        && matches!(option.as_str(), "-p" | "-v" | "-V" | "--")
    {
        brief |= option == "-v";
        long |= option == "-V";
        rest = others;
    }
    let Some(name) = rest.first() else {
        return Ok(0);
    };
    if brief || long {
        return match describe(shell, name) {
            Some((_, what)) if long => shell.print(format!("{name} is {what}\n").as_bytes()),
            Some((word, _)) => shell.print(format!("{}\n", quote_if_needed(&word)).as_bytes()),
            None if long => {
                shell.complain(format_args!("{name}: not found"));
                Ok(127)
            }
            None => Ok(127),
        };
    }
    match super::find(name) {
        Some(builtin) => (builtin.run)(shell, rest),
        None => Ok(match shell.start(rest, shell.vars.exported()) {
            Ok(running) => running.finish(),
            Err(status) => status,
        }),
    }
}
