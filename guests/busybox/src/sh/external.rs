//! Programs: finding them, starting them as child instances, and waiting for them.

use std::convert::Infallible;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::rc::Rc;

use peapod_guest::process::{self, Command, Open, Pid, Stream};

use super::capture::Capture;
use super::fd::{Fd, Fds};
use super::state::Shell;
use super::text::reason;
use crate::applets;

/// What a command name stands for, outside the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// A command of this image.
    Applet,
    /// A file, by its absolute path.
    File(String),
}

/// A pipe holds this much before its writer waits.
const PIPE_CAPACITY: usize = 64 * 1024;

/// The parent's ends of a child's pipes.
#[derive(Default)]
struct Ends {
    /// What the child prints into a `$( … )`.
    drains: Vec<(Stream, Rc<Capture>)>,
    /// A here-document that no pipe holds as a whole, where there is no place for a file either.
    feed: Option<(Stream, Vec<u8>)>,
}

impl Ends {
    /// Whether the child needs nothing of its parent any more.
    fn are_none(&self) -> bool {
        self.drains.is_empty() && self.feed.is_none()
    }
}

/// What a program gets as its descriptors 0 to 2.
struct Streams {
    stdin: Rc<Stream>,
    stdout: Rc<Stream>,
    stderr: Rc<Stream>,
}

impl Streams {
    fn give<'a>(&'a self, command: Command<'a>) -> Command<'a> {
        command
            .stdin(&self.stdin)
            .stdout(&self.stdout)
            .stderr(&self.stderr)
    }
}

/// What it takes to run a command line.
struct Wanted {
    program: Program,
    streams: Streams,
    ends: Ends,
}

/// A started child.
pub(crate) struct Running {
    pid: Pid,
    ends: Ends,
}

impl Running {
    /// Feeds its here-document, reads what it prints into a substitution, and waits for its end.
    pub(crate) fn finish(mut self) -> u8 {
        self.feed();
        for (reader, capture) in self.ends.drains {
            capture.drain(reader);
        }
        wait(self.pid)
    }

    /// Writes its here-document, so that a pipeline's next member gets to see something.
    pub(crate) fn feed(&mut self) {
        if let Some((mut writer, text)) = self.ends.feed.take() {
            // A child that does not care to read all of its here-document is no error.
            let _ = writer.write_all(&text);
        }
    }

    /// Lets it run in the background.
    pub(crate) fn detach(mut self) -> Pid {
        self.feed();
        for (reader, capture) in self.ends.drains {
            capture.leave(reader);
        }
        self.pid
    }
}

/// Waits for a child: its status, 127 where it is not (or no longer) a child.
pub(crate) fn wait(pid: Pid) -> u8 {
    process::wait(pid).map_or(127, |status| u8::try_from(status).unwrap_or(u8::MAX))
}

impl Shell {
    /// What a command name stands for: the image's own command first, as in busybox, so that `grep` costs no search of the disk;
    /// then PATH. A path that is no file, but whose last segment is a command of the image (`/bin/echo`), is that command.
    pub(crate) fn find_program(&self, name: &str) -> Option<Program> {
        if name.contains('/') {
            let path = self.absolute(name);
            if Path::new(&path).exists() {
                return Some(Program::File(path));
            }
            let last = path.rsplit('/').next().unwrap_or_default();
            return applets::is_applet(last).then_some(Program::Applet);
        }
        if applets::is_applet(name) {
            return Some(Program::Applet);
        }
        let path = self.vars.get("PATH")?;
        let file = |folder: &str| {
            format!(
                "{}/{name}",
                if folder.is_empty() { &self.cwd } else { folder }.trim_end_matches('/')
            )
        };
        path.split(':')
            .map(file)
            .find(|file| Path::new(file).is_file())
            .map(Program::File)
    }

    /// Starts a program on this shell's descriptors; the status where that fails.
    pub(crate) fn start(
        &self,
        args: &[String],
        environment: Vec<(String, String)>,
    ) -> Result<Running, u8> {
        let wanted = self.wanted(args)?;
        self.spawn(args, environment, wanted)
    }

    /// Becomes a program, on this shell's descriptors; the status where that fails. Where this shell has to outlive the program, it is
    /// started and waited for instead, and its status is the good result.
    pub(crate) fn become_program(
        &self,
        args: &[String],
        environment: Vec<(String, String)>,
    ) -> Result<u8, u8> {
        let wanted = self.wanted(args)?;
        // A subshell in this process would take the shells around it along.
        if !self.is_process || !wanted.ends.are_none() {
            return self.spawn(args, environment, wanted).map(Running::finish);
        }
        let exec = |command| Err::<Infallible, _>(wanted.streams.give(command).exec());
        match self.attempt(args, environment, &wanted.program, exec)? {}
    }

    /// Spawns, and drops the child's ends of its pipes: a reader of what it prints would else never see the end.
    fn spawn(
        &self,
        args: &[String],
        environment: Vec<(String, String)>,
        wanted: Wanted,
    ) -> Result<Running, u8> {
        let spawn = |command| wanted.streams.give(command).spawn();
        let child = self.attempt(args, environment, &wanted.program, spawn)?;
        Ok(Running {
            pid: child.id(),
            ends: wanted.ends,
        })
    }

    /// Finds the program and its descriptors; the status where that fails.
    fn wanted(&self, args: &[String]) -> Result<Wanted, u8> {
        let name = args.first().map_or("", String::as_str);
        let Some(program) = self.find_program(name) else {
            self.complain(format_args!("{name}: not found"));
            return Err(127);
        };
        let (streams, ends) = self.streams().map_err(|e| self.cannot_start(name, &e))?;
        Ok(Wanted {
            program,
            streams,
            ends,
        })
    }

    /// Runs a program by way of `run`; the status where that fails.
    fn attempt<'a, T>(
        &self,
        args: &[String],
        environment: Vec<(String, String)>,
        program: &Program,
        run: impl Fn(Command<'a>) -> io::Result<T>,
    ) -> Result<T, u8> {
        let name = args.first().map_or("", String::as_str);
        let run = |command: Command<'a>, environment| {
            run(command
                .environment(environment)
                .directory(self.cwd.to_string()))
        };
        let rest = args.iter().skip(1).cloned();
        let ran = match program {
            Program::Applet => {
                let last = name.rsplit('/').next().unwrap_or_default().to_owned();
                run(
                    Command::this(std::iter::once(last).chain(rest)),
                    environment,
                )
            }
            Program::File(path) => {
                let file = Command::file(path, args.iter().cloned());
                match run(file, environment.clone()) {
                    // ENOEXEC: a script without `#!` is for the shell that finds it.
                    Err(e) if e.kind() == ErrorKind::Unsupported && Path::new(path).is_file() => {
                        let script = ["sh".to_owned(), path.clone()].into_iter().chain(rest);
                        run(Command::this(script), environment)
                    }
                    ran => ran,
                }
            }
        };
        ran.map_err(|e| self.cannot_start(name, &e))
    }

    fn cannot_start(&self, name: &str, e: &io::Error) -> u8 {
        let missing = e.kind() == ErrorKind::NotFound;
        match e.kind() {
            ErrorKind::NotFound => self.complain(format_args!("{name}: not found")),
            _ => self.complain(format_args!("{name}: {}", reason(e))),
        }
        if missing { 127 } else { 126 }
    }

    /// Starts a command with this shell's descriptors 0 to 2 and working directory.
    pub(crate) fn launch(&self, command: Command<'_>) -> io::Result<Running> {
        let (streams, ends) = self.streams()?;
        let command = streams.give(command.directory(self.cwd.to_string()));
        let pid = command.spawn()?.id();
        Ok(Running { pid, ends })
    }

    /// This shell's descriptors 0 to 2, for a program.
    fn streams(&self) -> io::Result<(Streams, Ends)> {
        let mut ends = Ends::default();
        let stdin = input(&self.fds, &mut ends)?;
        let stdout = output(&self.fds, 1, &mut ends)?;
        let stderr = match (self.fds.get(1), self.fds.get(2)) {
            // One pipe for both keeps their order.
            (Some(Fd::Capture(one)), Some(Fd::Capture(two))) if Rc::ptr_eq(one, two) => {
                Rc::clone(&stdout)
            }
            _ => output(&self.fds, 2, &mut ends)?,
        };
        let streams = Streams {
            stdin,
            stdout,
            stderr,
        };
        Ok((streams, ends))
    }
}

/// A child's standard input.
fn input(fds: &Fds, ends: &mut Ends) -> io::Result<Rc<Stream>> {
    match fds.get(0) {
        Some(Fd::Stream(stream)) => Ok(Rc::clone(stream)),
        Some(Fd::Text(text)) => {
            let mut text = text.borrow_mut();
            let rest = text.rest().to_vec();
            text.position += rest.len();
            if rest.len() > PIPE_CAPACITY
                && let Ok(stream) = spooled(&rest)
            {
                return Ok(Rc::new(stream));
            }
            let (reader, mut writer) = process::pipe()?;
            if rest.len() <= PIPE_CAPACITY {
                writer.write_all(&rest)?;
            } else {
                ends.feed = Some((writer, rest));
            }
            Ok(Rc::new(reader))
        }
        Some(Fd::Capture(_)) | None => Open::default().read().open("/dev/null").map(Rc::new),
    }
}

/// A here-document that no pipe holds, as a file that is gone by its name at once. Written into a pipe, it could wait for ever for a child
/// that waits for its own output to be read.
fn spooled(text: &[u8]) -> io::Result<Stream> {
    let path = format!("/tmp/.here-document-{}", process::id());
    Open::default()
        .write()
        .create()
        .exclusive()
        .open(&path)?
        .write_all(text)?;
    let stream = Open::default().read().open(&path);
    std::fs::remove_file(&path)?;
    stream
}

/// A child's standard output or error.
fn output(fds: &Fds, number: i32, ends: &mut Ends) -> io::Result<Rc<Stream>> {
    match fds.get(number) {
        Some(Fd::Stream(stream)) => Ok(Rc::clone(stream)),
        Some(Fd::Capture(capture)) => {
            let (reader, writer) = process::pipe()?;
            ends.drains.push((reader, Rc::clone(capture)));
            Ok(Rc::new(writer))
        }
        // There is no closed descriptor to hand on: what a child writes to one is lost.
        Some(Fd::Text(_)) | None => Open::default().write().open("/dev/null").map(Rc::new),
    }
}
