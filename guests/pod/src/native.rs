//! The same interface on an ordinary POSIX machine, by its own processes, so that guests can be tested where they are built.
//! It has the bindings' names and shapes; `process::list` knows only this process.

#![allow(unreachable_pub, reason = "it stands in for generated code, which is public throughout")]
#![allow(clippy::missing_errors_doc, reason = "the interface is documented in guests/wit")]

/// See `guests/wit/process.wit`.
pub mod process {
    use std::collections::HashMap;
    use std::fs::File;
    use std::io::{self, ErrorKind, Read, Write};
    use std::ops::BitOr;
    use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
    use std::os::unix::fs::OpenOptionsExt;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Stdio;
    use std::sync::{Mutex, OnceLock};

    #[derive(Clone, Copy, Debug)]
    #[allow(dead_code, reason = "a POSIX machine gives all of them, not all are told apart here")]
    pub enum ErrorCode {
        NoEntry,
        Access,
        IsDirectory,
        NotDirectory,
        Exist,
        ReadOnly,
        NotExecutable,
        TooManyProcesses,
        TooManyStreams,
        BrokenPipe,
        BadStream,
        NoChild,
        NoProcess,
        TooBig,
        Invalid,
        Io,
    }

    #[derive(Debug)]
    pub struct Stream(File);

    impl Stream {
        pub fn read(&self, len: u32) -> Result<Vec<u8>, ErrorCode> {
            let mut buffer = vec![0; usize::try_from(len).map_err(|_| ErrorCode::Invalid)?];
            let count = (&self.0).read(&mut buffer).map_err(code)?;
            buffer.truncate(count);
            Ok(buffer)
        }

        pub fn write(&self, bytes: &[u8]) -> Result<(), ErrorCode> {
            (&self.0).write_all(bytes).map_err(code)
        }

        pub fn duplicate(&self) -> Self {
            self.0.try_clone().map(Self).unwrap_or_else(|_| std::process::abort())
        }

        fn of(fd: BorrowedFd<'_>) -> Self {
            fd.try_clone_to_owned().map(File::from).map(Self).unwrap_or_else(|_| std::process::abort())
        }
    }

    #[derive(Clone, Copy, Debug)]
    pub struct OpenFlags(u8);

    impl OpenFlags {
        pub const READ: Self = Self(1);
        pub const WRITE: Self = Self(2);
        pub const CREATE: Self = Self(4);
        pub const TRUNCATE: Self = Self(8);
        pub const APPEND: Self = Self(16);
        pub const EXCLUSIVE: Self = Self(32);

        pub fn empty() -> Self {
            Self(0)
        }

        fn has(self, flag: Self) -> bool {
            self.0 & flag.0 != 0
        }
    }

    impl BitOr for OpenFlags {
        type Output = Self;
        fn bitor(self, other: Self) -> Self {
            Self(self.0 | other.0)
        }
    }

    #[derive(Clone, Debug)]
    pub enum Program {
        This,
        File(String),
    }

    #[derive(Clone, Debug)]
    pub struct Command {
        pub program: Program,
        pub arguments: Vec<String>,
        pub environment: Vec<(String, String)>,
        pub directory: String,
    }

    #[derive(Clone, Debug)]
    pub struct ProcessInfo {
        pub pid: u32,
        pub parent: u32,
        pub arguments: Vec<String>,
        pub age_ms: u64,
    }

    pub fn pipe() -> Result<(Stream, Stream), ErrorCode> {
        let (reader, writer) = io::pipe().map_err(code)?;
        Ok((Stream(File::from(OwnedFd::from(reader))), Stream(File::from(OwnedFd::from(writer)))))
    }

    pub fn open(path: &str, how: OpenFlags) -> Result<Stream, ErrorCode> {
        let mut options = File::options();
        options.read(how.has(OpenFlags::READ)).mode(0o666);
        options.append(how.has(OpenFlags::APPEND)).write(how.has(OpenFlags::WRITE) && !how.has(OpenFlags::APPEND));
        options.create(how.has(OpenFlags::CREATE)).truncate(how.has(OpenFlags::TRUNCATE));
        options.create_new(how.has(OpenFlags::EXCLUSIVE));
        options.open(path).map(Stream).map_err(code)
    }

    pub fn stdin() -> Stream {
        Stream::of(io::stdin().as_fd())
    }

    pub fn stdout() -> Stream {
        Stream::of(io::stdout().as_fd())
    }

    pub fn stderr() -> Stream {
        Stream::of(io::stderr().as_fd())
    }

    fn children() -> &'static Mutex<HashMap<u32, std::process::Child>> {
        static CHILDREN: OnceLock<Mutex<HashMap<u32, std::process::Child>>> = OnceLock::new();
        CHILDREN.get_or_init(Mutex::default)
    }

    pub fn spawn(command: &Command, stdin: Option<&Stream>, stdout: Option<&Stream>, stderr: Option<&Stream>) -> Result<u32, ErrorCode> {
        let program = match &command.program {
            Program::This => std::env::current_exe().map_err(code)?,
            Program::File(path) => path.into(),
        };
        let mut child = std::process::Command::new(program);
        let (name, arguments) = command.arguments.split_first().ok_or(ErrorCode::Invalid)?;
        child.arg0(name).args(arguments).env_clear().envs(command.environment.iter().cloned()).current_dir(&command.directory);
        let stdio = |stream: &Stream| Stdio::from(stream.duplicate().0);
        if let Some(stream) = stdin {
            child.stdin(stdio(stream));
        }
        if let Some(stream) = stdout {
            child.stdout(stdio(stream));
        }
        if let Some(stream) = stderr {
            child.stderr(stdio(stream));
        }
        let child = child.spawn().map_err(code)?;
        let pid = child.id();
        children().lock().map_err(|_| ErrorCode::Io)?.insert(pid, child);
        Ok(pid)
    }

    pub fn wait(pid: u32) -> Result<u32, ErrorCode> {
        let mut child = children().lock().map_err(|_| ErrorCode::Io)?.remove(&pid).ok_or(ErrorCode::NoChild)?;
        child.wait().map(status).map_err(code)
    }

    pub fn try_wait(pid: u32) -> Result<Option<u32>, ErrorCode> {
        let mut children = children().lock().map_err(|_| ErrorCode::Io)?;
        let ended = children.get_mut(&pid).ok_or(ErrorCode::NoChild)?.try_wait().map_err(code)?;
        if ended.is_some() {
            children.remove(&pid);
        }
        Ok(ended.map(status))
    }

    fn status(status: std::process::ExitStatus) -> u32 {
        let number = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(255);
        u32::try_from(number).unwrap_or(255)
    }

    pub fn signal(pid: u32, number: u32) -> Result<(), ErrorCode> {
        let done = std::process::Command::new("/bin/kill").arg(format!("-{number}")).arg(pid.to_string()).stderr(Stdio::null()).status();
        if done.is_ok_and(|status| status.success()) { Ok(()) } else { Err(ErrorCode::NoProcess) }
    }

    pub fn list() -> Vec<ProcessInfo> {
        vec![ProcessInfo { pid: id(), parent: parent(), arguments: std::env::args().collect(), age_ms: 0 }]
    }

    pub fn id() -> u32 {
        std::process::id()
    }

    pub fn parent() -> u32 {
        std::os::unix::process::parent_id()
    }

    fn code(e: io::Error) -> ErrorCode {
        match e.kind() {
            ErrorKind::NotFound => ErrorCode::NoEntry,
            ErrorKind::PermissionDenied => ErrorCode::Access,
            ErrorKind::IsADirectory => ErrorCode::IsDirectory,
            ErrorKind::NotADirectory => ErrorCode::NotDirectory,
            ErrorKind::AlreadyExists => ErrorCode::Exist,
            ErrorKind::ReadOnlyFilesystem => ErrorCode::ReadOnly,
            ErrorKind::BrokenPipe => ErrorCode::BrokenPipe,
            ErrorKind::ArgumentListTooLong => ErrorCode::TooBig,
            ErrorKind::InvalidInput => ErrorCode::Invalid,
            _ if e.raw_os_error() == Some(8) => ErrorCode::NotExecutable,
            _ if e.raw_os_error() == Some(9) => ErrorCode::BadStream,
            _ => ErrorCode::Io,
        }
    }
}

/// No signals arrive.
pub mod signals {
    pub fn take() -> Option<u32> {
        None
    }

    pub fn wait() -> u32 {
        loop {
            std::thread::park();
        }
    }
}
