//! Commands that the shell itself carries out.
//!
//! `echo`, `printf`, `test` and the like are here for speed: a loop that prints must not start a child per line. Each is an applet, too.

pub(crate) mod echo;
mod flow;
mod getopts;
mod job;
pub(crate) mod kill;
mod lookup;
mod options;
pub(crate) mod printf;
mod read;
mod run;
pub(crate) mod test;
mod variables;
mod workdir;

use super::state::{Exec, Shell};

/// A builtin.
#[derive(Clone, Copy)]
pub(crate) struct Builtin {
    /// Of POSIX's special ones: assignments before it stay, no function hides it.
    pub(crate) special: bool,
    pub(crate) run: fn(&mut Shell, &[String]) -> Exec,
}

/// The builtin of this name.
pub(crate) fn find(name: &str) -> Option<Builtin> {
    let special = |run| Some(Builtin { special: true, run });
    let regular = |run| {
        Some(Builtin {
            special: false,
            run,
        })
    };
    match name {
        ":" => special(|_, _| Ok(0)),
        "." => special(run::dot),
        "break" => special(flow::break_),
        "continue" => special(flow::continue_),
        "eval" => special(run::eval),
        "exec" => special(run::exec),
        "exit" => special(flow::exit),
        "export" => special(variables::export),
        "readonly" => special(variables::readonly),
        "return" => special(flow::return_),
        "set" => special(options::set),
        "shift" => special(options::shift),
        "times" => special(run::times),
        "trap" => special(flow::trap),
        "unset" => special(variables::unset),
        "[" | "test" => regular(|shell, args| {
            let base = shell.cwd.clone();
            match test::test(args, &base) {
                Ok(is) => Ok(u8::from(!is)),
                Err(why) => {
                    shell.complain(why);
                    Ok(2)
                }
            }
        }),
        "cd" => regular(workdir::cd),
        "command" => regular(lookup::command),
        "echo" => regular(|shell, args| shell.print(&echo::echo(args))),
        "false" => regular(|_, _| Ok(1)),
        "getopts" => regular(getopts::getopts),
        "hash" => regular(|_, _| Ok(0)),
        "jobs" => regular(job::jobs),
        "kill" => regular(job::kill),
        "local" => regular(variables::local),
        "printf" => regular(|shell, args| {
            let printed = printf::printf(args);
            let end = shell.print(&printed.bytes)?;
            printed
                .complaints
                .iter()
                .for_each(|why| shell.complain(format_args!("printf: {why}")));
            Ok(end.max(u8::from(!printed.complaints.is_empty())))
        }),
        "pwd" => regular(workdir::pwd),
        "read" => regular(read::read),
        "true" => regular(|_, _| Ok(0)),
        "type" => regular(lookup::type_),
        "umask" => regular(workdir::umask),
        "wait" => regular(job::wait),
        _ => None,
    }
}

/// Whether a child that is to run this builtin and nothing else can just as well be the applet.
pub(crate) fn as_applet(name: &str) -> bool {
    matches!(name, "[" | "test" | "echo" | "false" | "printf" | "true")
}
