//! `set` and `shift`.

use std::rc::Rc;

use super::super::state::{Exec, Flow, Options, Shell};
use super::super::text::quote;

impl Shell {
    /// `-o NAME`; none where there is no such option.
    pub(crate) fn set_named_option(&mut self, name: &str, on: bool) -> Option<()> {
        // Accepted and without effect: what is interactive, and what is so here anyway.
        if matches!(
            name,
            "posix" | "monitor" | "notify" | "nolog" | "pipefail" | "vi" | "emacs" | "ignoreeof"
        ) {
            return (name != "pipefail" || !on).then_some(());
        }
        let (letter, _) = Options::LETTERS
            .into_iter()
            .find(|(_, long)| *long == name)?;
        *self.options.letter(letter)? = on;
        Some(())
    }
}

pub(super) fn set(shell: &mut Shell, args: &[String]) -> Exec {
    let mut words = args.get(1..).unwrap_or_default();
    if words.is_empty() {
        let value = |value: &Option<Rc<str>>| value.as_ref().map(|value| quote(value));
        let lines: String = shell
            .vars
            .iter()
            .filter_map(|(name, var)| Some(format!("{name}={}\n", value(&var.value)?)))
            .collect();
        return shell.print(lines.as_bytes());
    }
    let mut replaces = false;
    while let Some((word, rest)) = words.split_first() {
        let on = word.starts_with('-');
        match word.as_str() {
            "--" => {
                words = rest;
                replaces = true;
                break;
            }
            "-" => {
                shell.options.xtrace = false;
                shell.options.verbose = false;
                words = rest;
                replaces = !rest.is_empty();
                break;
            }
            "-o" | "+o" if rest.is_empty() => {
                show(shell, on)?;
                words = rest;
            }
            _ if word.len() > 1 && word.starts_with(['-', '+']) => {
                words = rest;
                for letter in word.chars().skip(1) {
                    let known = match (letter, words.split_first()) {
                        ('o', Some((name, rest))) => {
                            words = rest;
                            shell.set_named_option(name, on).is_some()
                        }
                        ('m' | 'b' | 'h', _) => true,
                        (letter, _) => shell
                            .options
                            .letter(letter)
                            .map(|option| *option = on)
                            .is_some(),
                    };
                    if !known {
                        shell.complain(format_args!("set: illegal option {word}"));
                        return Err(Flow::Exit(2));
                    }
                }
            }
            _ => {
                replaces = true;
                break;
            }
        }
    }
    if replaces {
        shell.args = Rc::new(words.to_vec());
    }
    Ok(0)
}

/// `set -o` for people, `set +o` as commands.
fn show(shell: &mut Shell, for_people: bool) -> Exec {
    let mut text = String::new();
    for (letter, name) in Options::LETTERS {
        let on = shell.options.letter(letter).is_some_and(|on| *on);
        text += &match (for_people, on) {
            (true, true) => format!("{name:<16}on\n"),
            (true, false) => format!("{name:<16}off\n"),
            (false, true) => format!("set -o {name}\n"),
            (false, false) => format!("set +o {name}\n"),
        };
    }
    shell.print(text.as_bytes())
}

pub(super) fn shift(shell: &mut Shell, args: &[String]) -> Exec {
    let count = args.get(1).map_or(Ok(1), |count| count.parse::<usize>());
    match count {
        Ok(count) if count <= shell.args.len() => {
            Rc::make_mut(&mut shell.args).drain(..count);
            Ok(0)
        }
        Ok(_) => {
            shell.complain("shift: can't shift that many");
            Err(Flow::Exit(2))
        }
        Err(_) => {
            shell.complain(format_args!("shift: Illegal number: {}", args[1]));
            Err(Flow::Exit(2))
        }
    }
}
