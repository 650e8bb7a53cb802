//! What a shell is: everything that a subshell gets a copy of. Cheap to clone: the big parts are shared until written to.

use std::collections::BTreeMap;
use std::rc::Rc;

use brush_parser::ast::FunctionDefinition;
use peapod_guest::process::{self, Pid};

use super::fd::Fds;
use super::jobs::Jobs;
use super::vars::Vars;

/// Why a command did not simply end with a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Leave so many loops.
    Break(usize),
    /// Leave all but the last of so many loops, and go on with that one.
    Continue(usize),
    /// Leave the function or the sourced file.
    Return(u8),
    /// Leave the shell.
    Exit(u8),
}

/// How a command ended: with a status, or by leaving what is around it.
pub(crate) type Exec = Result<u8, Flow>;

/// What `set` sets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    /// `-e`: leave when a command fails.
    pub(crate) errexit: bool,
    /// `-u`: an unset variable is an error.
    pub(crate) nounset: bool,
    /// `-x`: show commands as they run.
    pub(crate) xtrace: bool,
    /// `-n`: read commands, run none.
    pub(crate) noexec: bool,
    /// `-f`: no pathname expansion.
    pub(crate) noglob: bool,
    /// `-a`: export what is assigned to.
    pub(crate) allexport: bool,
    /// `-C`: `>` does not overwrite.
    pub(crate) noclobber: bool,
    /// `-v`: show the input as it is read.
    pub(crate) verbose: bool,
}

impl Options {
    /// The options by letter, in the order of `$-`.
    pub(crate) const LETTERS: [(char, &'static str); 8] = [
        ('e', "errexit"),
        ('u', "nounset"),
        ('x', "xtrace"),
        ('n', "noexec"),
        ('f', "noglob"),
        ('a', "allexport"),
        ('C', "noclobber"),
        ('v', "verbose"),
    ];

    /// The option of this letter.
    pub(crate) fn letter(&mut self, letter: char) -> Option<&mut bool> {
        Some(match letter {
            'e' => &mut self.errexit,
            'u' => &mut self.nounset,
            'x' => &mut self.xtrace,
            'n' => &mut self.noexec,
            'f' => &mut self.noglob,
            'a' => &mut self.allexport,
            'C' => &mut self.noclobber,
            'v' => &mut self.verbose,
            _ => return None,
        })
    }

    /// `$-`.
    pub(crate) fn flags(mut self) -> String {
        Self::LETTERS
            .iter()
            .map(|(letter, _)| *letter)
            .filter(|&letter| self.letter(letter).is_some_and(|on| *on))
            .collect()
    }
}

/// A shell.
#[derive(Clone)]
pub(crate) struct Shell {
    /// `$0`.
    pub(crate) name: Rc<str>,
    /// `$1` and on.
    pub(crate) args: Rc<Vec<String>>,
    pub(crate) vars: Vars,
    pub(crate) functions: Rc<BTreeMap<String, Rc<FunctionDefinition>>>,
    pub(crate) options: Options,
    /// The working directory. The process's own never changes: clones of one process would fight over it.
    pub(crate) cwd: Rc<str>,
    pub(crate) fds: Fds,
    /// `$?`.
    pub(crate) status: u8,
    /// `$$`, of the outermost shell.
    pub(crate) pid: Option<Pid>,
    pub(crate) jobs: Jobs,
    /// `trap … EXIT`.
    pub(crate) exit_trap: Option<Rc<str>>,
    /// Whether this is its process's outermost shell, no clone in it: only then may it become another program.
    pub(crate) is_process: bool,
    /// How many loops, functions, and places where failure is no reason to leave (`-e`) are around the current command.
    pub(crate) loops: usize,
    pub(crate) calls: usize,
    pub(crate) tested: usize,
}

impl Shell {
    /// A shell with the process's environment and streams, in `cwd`.
    pub(crate) fn new(
        name: &str,
        environment: impl Iterator<Item = (String, String)>,
        cwd: &str,
    ) -> Self {
        let mut shell = Self {
            name: name.into(),
            args: Rc::default(),
            vars: Vars::from_environment(environment),
            functions: Rc::default(),
            options: Options::default(),
            cwd: cwd.into(),
            fds: Fds::standard(),
            status: 0,
            pid: None,
            jobs: Jobs::default(),
            exit_trap: None,
            is_process: true,
            loops: 0,
            calls: 0,
            tested: 0,
        };
        shell.vars.init("IFS", " \t\n");
        shell.vars.init(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        shell.vars.set_unchecked("PWD", cwd);
        shell
    }

    /// `$$`.
    pub(crate) fn pid(&self) -> Pid {
        self.pid.unwrap_or_else(process::id)
    }

    /// A subshell in this process. It has no children yet and no trap.
    pub(crate) fn subshell(&self) -> Self {
        let mut clone = self.clone();
        clone.pid = Some(self.pid());
        clone.jobs.forget();
        clone.exit_trap = None;
        clone.is_process = false;
        clone.loops = 0;
        clone
    }

    /// One line on standard error, headed by the shell's name.
    pub(crate) fn complain(&self, text: impl std::fmt::Display) {
        let line = format!("{}: {text}\n", self.name);
        // Nobody is left to tell where standard error itself fails.
        let _ = self.fds.write(2, line.as_bytes());
    }

    /// Bytes on standard output. A reader that has gone ends the shell as SIGPIPE would: `while :; do echo y; done | head -n 1` must end.
    pub(crate) fn print(&self, bytes: &[u8]) -> Exec {
        match self.fds.write(1, bytes) {
            Ok(()) => Ok(0),
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Err(Flow::Exit(128 + 13)),
            Err(e) => {
                self.complain(format_args!("write error: {}", super::text::reason(&e)));
                Ok(1)
            }
        }
    }

    /// The absolute path of a path as the user writes it.
    pub(crate) fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') {
            path.to_owned()
        } else if self.cwd.ends_with('/') {
            format!("{}{path}", self.cwd)
        } else {
            format!("{}/{path}", self.cwd)
        }
    }
}
