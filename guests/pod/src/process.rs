//! Processes: children that are further instances in this container, and the streams between them.

use std::io::{self, ErrorKind, Read, Write};

use crate::host::process as host;

/// A process's id, unique within the container.
pub type Pid = u32;

/// An open stream: one end of a pipe, an open file, or a standard stream. Dropping it closes it.
#[derive(Debug)]
pub struct Stream(host::Stream);

impl Stream {
    /// Another handle to the same open stream, as `dup(2)`: a file's position is shared.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self(self.0.duplicate())
    }
}

impl Read for &Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
        let bytes = self.0.read(wanted).map_err(error)?;
        let (head, _) = buffer
            .split_at_mut_checked(bytes.len())
            .ok_or(ErrorKind::InvalidData)?;
        head.copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for &Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(error)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// This process's standard input.
#[must_use]
pub fn stdin() -> Stream {
    Stream(host::stdin())
}

/// This process's standard output.
#[must_use]
pub fn stdout() -> Stream {
    Stream(host::stdout())
}

/// This process's standard error.
#[must_use]
pub fn stderr() -> Stream {
    Stream(host::stderr())
}

/// A pipe: its reading and its writing end. It holds 64 KiB.
pub fn pipe() -> io::Result<(Stream, Stream)> {
    let (reader, writer) = host::pipe().map_err(error)?;
    Ok((Stream(reader), Stream(writer)))
}

/// How to open a file, in the manner of `std::fs::OpenOptions`.
#[derive(Clone, Copy, Debug)]
pub struct Open(host::OpenFlags);

impl Default for Open {
    fn default() -> Self {
        Self(host::OpenFlags::empty())
    }
}

impl Open {
    /// For reading.
    #[must_use]
    pub fn read(self) -> Self {
        Self(self.0 | host::OpenFlags::READ)
    }

    /// For writing.
    #[must_use]
    pub fn write(self) -> Self {
        Self(self.0 | host::OpenFlags::WRITE)
    }

    /// Make it if it is not there.
    #[must_use]
    pub fn create(self) -> Self {
        Self(self.0 | host::OpenFlags::CREATE)
    }

    /// Empty it first.
    #[must_use]
    pub fn truncate(self) -> Self {
        Self(self.0 | host::OpenFlags::TRUNCATE)
    }

    /// Every write goes to the end.
    #[must_use]
    pub fn append(self) -> Self {
        Self(self.0 | host::OpenFlags::APPEND)
    }

    /// With `create`: it must not be there yet.
    #[must_use]
    pub fn exclusive(self) -> Self {
        Self(self.0 | host::OpenFlags::EXCLUSIVE)
    }

    /// Opens the file at the absolute `path`.
    pub fn open(self, path: &str) -> io::Result<Stream> {
        host::open(path, self.0).map(Stream).map_err(error)
    }
}

/// A process to be.
#[derive(Debug)]
pub struct Command<'a> {
    command: host::Command,
    stdin: Option<&'a Stream>,
    stdout: Option<&'a Stream>,
    stderr: Option<&'a Stream>,
}

impl<'a> Command<'a> {
    /// This very component again, under another `arguments[0]`.
    pub fn this<S: Into<String>>(arguments: impl IntoIterator<Item = S>) -> Self {
        Self::new(host::Program::This, arguments)
    }

    /// The component, module or `#!` script at the absolute `path`.
    pub fn file<S: Into<String>>(
        path: impl Into<String>,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        Self::new(host::Program::File(path.into()), arguments)
    }

    fn new<S: Into<String>>(
        program: host::Program,
        arguments: impl IntoIterator<Item = S>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        let command = host::Command {
            program,
            arguments,
            environment: Vec::new(),
            directory: String::from("/"),
        };
        Self {
            command,
            stdin: None,
            stdout: None,
            stderr: None,
        }
    }

    /// The child's whole environment; empty by default.
    #[must_use]
    pub fn environment(mut self, variables: Vec<(String, String)>) -> Self {
        self.command.environment = variables;
        self
    }

    /// Where it starts, absolute; `/` by default.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<String>) -> Self {
        self.command.directory = directory.into();
        self
    }

    /// Its standard input; this process's own by default.
    #[must_use]
    pub fn stdin(mut self, stream: &'a Stream) -> Self {
        self.stdin = Some(stream);
        self
    }

    /// Its standard output; this process's own by default.
    #[must_use]
    pub fn stdout(mut self, stream: &'a Stream) -> Self {
        self.stdout = Some(stream);
        self
    }

    /// Its standard error; this process's own by default.
    #[must_use]
    pub fn stderr(mut self, stream: &'a Stream) -> Self {
        self.stderr = Some(stream);
        self
    }

    /// Starts it.
    pub fn spawn(&self) -> io::Result<Child> {
        let stream = |stream: Option<&'a Stream>| stream.map(|stream| &stream.0);
        host::spawn(
            &self.command,
            stream(self.stdin),
            stream(self.stdout),
            stream(self.stderr),
        )
        .map(|pid| Child { pid })
        .map_err(error)
    }

    /// Becomes it, as `execve(2)`: the pid, the parent and the children stay. Returns only the error where that fails.
    #[must_use = "where it returns, it has failed"]
    pub fn exec(self) -> io::Error {
        let stream = |stream: Option<&'a Stream>| stream.map(|stream| &stream.0);
        error(host::exec(
            &self.command,
            stream(self.stdin),
            stream(self.stdout),
            stream(self.stderr),
        ))
    }
}

/// A child, to be waited for. Dropping it lets it run on.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
}

impl Child {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> Pid {
        self.pid
    }

    /// Waits for its end: its exit status, or 128 + the signal it died by.
    pub fn wait(&mut self) -> io::Result<u32> {
        wait(self.pid)
    }
}

/// Waits for the child `pid`: its exit status, or 128 + the signal it died by. A child is waited for once.
pub fn wait(pid: Pid) -> io::Result<u32> {
    host::wait(pid).map_err(error)
}

/// As [`wait`], without waiting: none while it runs.
pub fn try_wait(pid: Pid) -> io::Result<Option<u32>> {
    host::try_wait(pid).map_err(error)
}

/// Sends a signal by its POSIX number; 0 only asks whether the process is there.
pub fn signal(pid: Pid, number: u32) -> io::Result<()> {
    host::signal(pid, number).map_err(error)
}

/// A process of this container.
#[derive(Clone, Debug)]
pub struct Info {
    /// Its id.
    pub pid: Pid,
    /// Its parent's id, 0 for the container's first process.
    pub parent: Pid,
    /// What it was started as.
    pub arguments: Vec<String>,
    /// Milliseconds since it started.
    pub age_ms: u64,
}

/// The processes of this container.
#[must_use]
pub fn list() -> Vec<Info> {
    let own = |p: host::ProcessInfo| Info {
        pid: p.pid,
        parent: p.parent,
        arguments: p.arguments,
        age_ms: p.age_ms,
    };
    host::list().into_iter().map(own).collect()
}

/// This process's id.
#[must_use]
pub fn id() -> Pid {
    host::id()
}

/// Its parent's id, 0 for the container's first process.
#[must_use]
pub fn parent() -> Pid {
    host::parent()
}

/// The host's refusal as the error that std would give on a POSIX system, in the words of `strerror`.
fn error(code: host::ErrorCode) -> io::Error {
    use host::ErrorCode as Code;
    let (kind, text) = match code {
        Code::NoEntry => (ErrorKind::NotFound, "No such file or directory"),
        Code::Access => (ErrorKind::PermissionDenied, "Permission denied"),
        Code::IsDirectory => (ErrorKind::IsADirectory, "Is a directory"),
        Code::NotDirectory => (ErrorKind::NotADirectory, "Not a directory"),
        Code::Exist => (ErrorKind::AlreadyExists, "File exists"),
        Code::ReadOnly => (ErrorKind::ReadOnlyFilesystem, "Read-only file system"),
        Code::NotExecutable => (ErrorKind::Unsupported, "Exec format error"),
        Code::TooManyProcesses => (ErrorKind::WouldBlock, "Resource temporarily unavailable"),
        Code::TooManyStreams => (ErrorKind::QuotaExceeded, "Too many open files"),
        Code::BrokenPipe => (ErrorKind::BrokenPipe, "Broken pipe"),
        Code::BadStream => (ErrorKind::InvalidInput, "Bad file descriptor"),
        Code::NoChild => (ErrorKind::NotFound, "No child processes"),
        Code::NoProcess => (ErrorKind::NotFound, "No such process"),
        Code::TooBig => (ErrorKind::ArgumentListTooLong, "Argument list too long"),
        Code::Invalid => (ErrorKind::InvalidInput, "Invalid argument"),
        Code::Io => (ErrorKind::Other, "Input/output error"),
    };
    io::Error::new(kind, text)
}
