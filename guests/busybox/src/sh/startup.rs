//! The way in: `sh [-eux…] [-c TEXT [NAME]] [FILE] [ARGUMENT…]`.

use std::io::IsTerminal as _;
use std::rc::Rc;

use super::snapshot;
use super::state::{Exec, Flow, Shell};
use super::text::reason;

/// Where the commands come from.
enum Source {
    Text(String),
    File(String),
    Input,
}

/// Runs a shell and returns its exit status.
pub(crate) fn main(args: &[String]) -> u8 {
    let environment = || {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
    };
    let cwd = std::env::current_dir()
        .ok()
        .and_then(|cwd| cwd.into_os_string().into_string().ok())
        .unwrap_or_else(|| "/".to_owned());
    let name = args
        .first()
        .map_or("sh", String::as_str)
        .trim_start_matches('-');
    let mut shell = Shell::new(name.rsplit('/').next().unwrap_or(name), environment(), &cwd);
    let source = match options(&mut shell, args.get(1..).unwrap_or_default()) {
        Ok(source) => source,
        Err(why) => {
            shell.complain(why);
            return 2;
        }
    };
    shell.run_to_end(|shell| {
        snapshot::adopt(shell)?;
        run(shell, source)
    })
}

fn run(shell: &mut Shell, source: Source) -> Exec {
    match source {
        Source::Text(text) => shell.eval_to_end(&text),
        Source::File(path) => match std::fs::read(shell.absolute(&path)) {
            Ok(bytes) => shell.eval(&String::from_utf8_lossy(&bytes)),
            Err(e) => {
                shell.complain(format_args!("can't open '{path}': {}", reason(&e)));
                Err(Flow::Exit(if e.kind() == std::io::ErrorKind::NotFound {
                    127
                } else {
                    126
                }))
            }
        },
        Source::Input => {
            // Not from the shell's descriptor table: `exec <file` is about the commands' input, which here is the script's as well.
            let input = shell.fds.clone();
            let typed = std::io::stdin().is_terminal();
            shell.run_lines(typed, |begun| {
                if typed {
                    let prompt: &[u8] = if begun.is_empty() { b"# " } else { b"> " };
                    // Who cannot be prompted types all the same.
                    let _ = input.write(2, prompt);
                }
                let mut line = Vec::new();
                while let Some(byte) = input.read_byte(0)? {
                    line.push(byte);
                    if byte == b'\n' {
                        break;
                    }
                }
                Ok((!line.is_empty()).then(|| String::from_utf8_lossy(&line).into_owned()))
            })
        }
    }
}

/// Reads the options and sets `$0` and the arguments.
fn options(shell: &mut Shell, args: &[String]) -> Result<Source, String> {
    let mut args = args.iter().cloned().peekable();
    let (mut text, mut input) = (false, false);
    while let Some(arg) = args.next_if(|arg| arg.len() > 1 && arg.starts_with(['-', '+'])) {
        if arg == "--" {
            break;
        }
        // bash's: of what is never read here, or is so anyway.
        if matches!(
            arg.as_str(),
            "--login" | "--noprofile" | "--norc" | "--posix"
        ) {
            continue;
        }
        let on = arg.starts_with('-');
        for letter in arg.chars().skip(1) {
            match letter {
                'c' => text = true,
                's' => input = true,
                // A shell is interactive where its input is a terminal; a login shell is like any other.
                'i' | 'l' => {}
                'o' => {
                    let name = args.next().ok_or("-o: an option's name is missing")?;
                    shell
                        .set_named_option(&name, on)
                        .ok_or_else(|| format!("-o: illegal option {name}"))?;
                }
                letter => {
                    *shell
                        .options
                        .letter(letter)
                        .ok_or_else(|| format!("illegal option -{letter}"))? = on
                }
            }
        }
    }
    let source = if text {
        let text = args.next().ok_or("-c requires an argument")?;
        if let Some(name) = args.next() {
            shell.name = name.into();
        }
        Source::Text(text)
    } else if input {
        Source::Input
    } else {
        match args.next() {
            None => Source::Input,
            Some(path) => {
                shell.name = path.as_str().into();
                Source::File(path)
            }
        }
    };
    shell.args = Rc::new(args.collect());
    Ok(source)
}
