//! `kill [-SIGNAL] PID …`, `kill -l`.

use std::time::Duration;

use peapod_guest::process;

use super::super::text::reason;

/// Signals by name, in the order of their numbers from 1.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) output: String,
    pub(crate) complaints: Vec<String>,
}

/// A signal's number, from a number or a name with or without SIG.
fn number(text: &str) -> Option<u32> {
    if let Ok(number) = text.parse::<u32>() {
        return (number < 65).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    NAMES
        .iter()
        .position(|known| *known == name)
        .and_then(|index| u32::try_from(index + 1).ok())
}

/// Carries it out; `args` begin with the command's name.
pub(crate) fn kill(args: &[String]) -> Done {
    let mut done = Done::default();
    let mut signal = 15;
    let mut rest = args.get(1..).unwrap_or_default();
    if let Some((first, others)) = rest.split_first()
        && let Some(option) = first.strip_prefix('-')
    {
        rest = others;
        match option {
            "l" => {
                list(rest, &mut done);
                return done;
            }
            "-" => {}
            _ => {
                let (name, others) = if option == "s" {
                    rest.split_first()
                        .map_or(("", rest), |(name, others)| (name.as_str(), others))
                } else {
                    (option, rest)
                };
                rest = others;
                let Some(number) = number(name) else {
                    done.complaints.push(format!("bad signal name '{name}'"));
                    return done;
                };
                signal = number;
            }
        }
    }
    if rest.is_empty() {
        done.complaints
            .push("you need to specify whom to kill".to_owned());
    }
    for pid in rest.iter().filter(|arg| *arg != "--") {
        match pid.parse() {
            Ok(pid) => {
                let sent = process::signal(pid, signal);
                if sent.is_ok() && pid == process::id() && matches!(signal, 9 | 15) {
                    // It ends this process where it next waits; nothing may happen until then.
                    std::thread::sleep(Duration::from_secs(1));
                }
                if let Err(e) = sent {
                    let why = if e.kind() == std::io::ErrorKind::NotFound {
                        "No such process".to_owned()
                    } else {
                        reason(&e)
                    };
                    done.complaints.push(format!("can't kill pid {pid}: {why}"));
                }
            }
            Err(_) => done.complaints.push(format!("invalid number '{pid}'")),
        }
    }
    done
}

/// `kill -l [STATUS …]`.
fn list(wanted: &[String], done: &mut Done) {
    if wanted.is_empty() {
        done.output = NAMES.join(" ") + "\n";
    }
    for text in wanted {
        // A status over 128 is that of a process that died by a signal.
        let known = text.parse::<usize>().ok().and_then(|number| {
            NAMES
                .get((number % 128).checked_sub(1)?)
                .map(|name| (*name).to_owned())
        });
        match known.or_else(|| number(text).map(|number| number.to_string())) {
            Some(answer) => done.output += &format!("{answer}\n"),
            None => done.complaints.push(format!("unknown signal '{text}'")),
        }
    }
}
