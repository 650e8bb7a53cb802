//! `peapod:pod/process`: what a guest asks of its processes and streams.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use wasmtime::component::Resource;

use super::bindings::peapod::pod::process::{
    Command, ErrorCode, Host, HostStream, OpenFlags, ProcessInfo,
};
use super::file_mounts::Access;
use super::guest::Guest;
use super::mounts::normalise;
use super::stdio::Stdio;
use super::stream::{Handle, InVolume, OpenFile, Stream};

/// Open streams of one instance.
const STREAMS_MAX: usize = 1024;

type Answer<T> = wasmtime::Result<Result<T, ErrorCode>>;

impl Guest {
    fn push_stream(&mut self, stream: Stream) -> Answer<Resource<Handle>> {
        if self.streams >= STREAMS_MAX {
            return Ok(Err(ErrorCode::TooManyStreams));
        }
        let resource = self.table.push(Handle(stream))?;
        self.streams += 1;
        Ok(Ok(resource))
    }

    /// A standard stream, which has no error to answer: where there are too many, a closed one.
    fn standard(&mut self, stream: Stream) -> wasmtime::Result<Resource<Handle>> {
        match self.push_stream(stream)? {
            Ok(resource) => Ok(resource),
            Err(_) => Err(wasmtime::format_err!("too many open streams")),
        }
    }

    fn stream(&self, resource: &Resource<Handle>) -> wasmtime::Result<Stream> {
        Ok(self.table.get(resource)?.0.clone())
    }

    fn stdio(
        &self,
        stdin: Option<Resource<Handle>>,
        stdout: Option<Resource<Handle>>,
        stderr: Option<Resource<Handle>>,
    ) -> wasmtime::Result<Stdio> {
        let or = |given: Option<Resource<Handle>>, own: &Stream| match given {
            Some(resource) => self.stream(&resource),
            None => Ok(own.clone()),
        };
        Ok(Stdio {
            stdin: or(stdin, &self.stdio.stdin)?,
            stdout: or(stdout, &self.stdio.stdout)?,
            stderr: or(stderr, &self.stdio.stderr)?,
        })
    }
}

pub(super) fn code(error: &io::Error) -> ErrorCode {
    match error.kind() {
        ErrorKind::NotFound => ErrorCode::NoEntry,
        ErrorKind::IsADirectory => ErrorCode::IsDirectory,
        ErrorKind::NotADirectory => ErrorCode::NotDirectory,
        ErrorKind::AlreadyExists => ErrorCode::Exist,
        ErrorKind::ReadOnlyFilesystem => ErrorCode::ReadOnly,
        // cap-std answers so for a path that leads out of the container.
        ErrorKind::PermissionDenied => ErrorCode::Access,
        ErrorKind::BrokenPipe => ErrorCode::BrokenPipe,
        ErrorKind::InvalidInput => ErrorCode::Invalid,
        _ => ErrorCode::Io,
    }
}

/// A stream that cannot be read or written says so by "permission denied" inside; POSIX's word for it is EBADF.
fn stream_code(error: &io::Error) -> ErrorCode {
    match error.kind() {
        ErrorKind::PermissionDenied => ErrorCode::BadStream,
        _ => code(error),
    }
}

impl HostStream for Guest {
    async fn read(&mut self, stream: Resource<Handle>, len: u32) -> Answer<Vec<u8>> {
        let stream = self.stream(&stream)?;
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let bytes = stream.read(len).await;
        Ok(bytes.map(Vec::from).map_err(|error| stream_code(&error)))
    }

    async fn write(&mut self, stream: Resource<Handle>, bytes: Vec<u8>) -> Answer<()> {
        let stream = self.stream(&stream)?;
        Ok(stream
            .write(&bytes)
            .await
            .map_err(|error| stream_code(&error)))
    }

    fn duplicate(&mut self, stream: Resource<Handle>) -> wasmtime::Result<Resource<Handle>> {
        let stream = self.stream(&stream)?;
        self.standard(stream)
    }

    fn drop(&mut self, stream: Resource<Handle>) -> wasmtime::Result<()> {
        self.table.delete(stream)?;
        self.streams = self.streams.saturating_sub(1);
        Ok(())
    }
}

impl Host for Guest {
    fn pipe(&mut self) -> Answer<(Resource<Handle>, Resource<Handle>)> {
        if self.streams + 2 > STREAMS_MAX {
            return Ok(Err(ErrorCode::TooManyStreams));
        }
        let (reader, writer) = Stream::pipe(&self.process.container.memory);
        let ends = (self.standard(reader)?, self.standard(writer)?);
        Ok(Ok(ends))
    }

    fn open(&mut self, path: String, how: OpenFlags) -> Answer<Resource<Handle>> {
        let known = match normalise(&path).as_str() {
            "/dev/null" => Some(Stream::Null),
            "/dev/stdin" => Some(self.stdio.stdin.clone()),
            "/dev/stdout" => Some(self.stdio.stdout.clone()),
            "/dev/stderr" => Some(self.stdio.stderr.clone()),
            _ => None,
        };
        if let Some(stream) = known {
            return self.push_stream(stream);
        }
        if !path.starts_with('/') {
            return Ok(Err(ErrorCode::Invalid));
        }
        let append = how.contains(OpenFlags::APPEND);
        let writes = how.contains(OpenFlags::WRITE) || append;
        let access = Access {
            read: how.contains(OpenFlags::READ),
            write: writes,
            append,
            truncate: how.contains(OpenFlags::TRUNCATE),
            create: how.contains(OpenFlags::CREATE),
            exclusive: how.contains(OpenFlags::EXCLUSIVE),
        };
        let mounts = &self.process.container.mounts;
        match mounts.open(&path, access) {
            Ok(file) => {
                let memory = mounts.memory_at(&path).map(|volume| InVolume {
                    volume,
                    container: Arc::clone(&self.process.container.memory),
                    append,
                });
                let reads = how.contains(OpenFlags::READ);
                let file = OpenFile::new(file, reads, writes, memory);
                self.push_stream(Stream::File(Arc::new(file)))
            }
            Err(error) => Ok(Err(code(&error))),
        }
    }

    fn stdin(&mut self) -> wasmtime::Result<Resource<Handle>> {
        self.standard(self.stdio.stdin.clone())
    }

    fn stdout(&mut self) -> wasmtime::Result<Resource<Handle>> {
        self.standard(self.stdio.stdout.clone())
    }

    fn stderr(&mut self) -> wasmtime::Result<Resource<Handle>> {
        self.standard(self.stdio.stderr.clone())
    }

    async fn spawn(
        &mut self,
        command: Command,
        stdin: Option<Resource<Handle>>,
        stdout: Option<Resource<Handle>>,
        stderr: Option<Resource<Handle>>,
    ) -> Answer<u32> {
        let stdio = self.stdio(stdin, stdout, stderr)?;
        let container = Arc::clone(&self.process.container);
        let caller = self.process.program();
        let launch = Arc::clone(&container).launch(command, stdio, caller);
        let launch = match launch.await {
            Ok(launch) => launch,
            Err(error) => return Ok(Err(error)),
        };
        Ok(match container.start(self.process.pid, launch) {
            Ok(child) => Ok(child.pid),
            Err(_) => Err(ErrorCode::TooManyProcesses),
        })
    }

    async fn exec(
        &mut self,
        command: Command,
        stdin: Option<Resource<Handle>>,
        stdout: Option<Resource<Handle>>,
        stderr: Option<Resource<Handle>>,
    ) -> wasmtime::Result<ErrorCode> {
        if self.process.serves() {
            // One request cannot make another program of the server that handles the others.
            return Ok(ErrorCode::Invalid);
        }
        let stdio = self.stdio(stdin, stdout, stderr)?;
        let container = Arc::clone(&self.process.container);
        let caller = self.process.program();
        match container.launch(command, stdio, caller).await {
            Ok(launch) => {
                self.becomes = Some(launch);
                // Unwinds this instance; whoever runs the process sees `becomes` first.
                Err(wasmtime::format_err!("the process became another program"))
            }
            Err(error) => Ok(error),
        }
    }

    async fn wait(&mut self, child: u32) -> Answer<u32> {
        let Some(process) = self.child(child) else {
            return Ok(Err(ErrorCode::NoChild));
        };
        let status = process.status().await;
        self.process.container.reap(child);
        Ok(Ok(status))
    }

    fn try_wait(&mut self, child: u32) -> Answer<Option<u32>> {
        let Some(process) = self.child(child) else {
            return Ok(Err(ErrorCode::NoChild));
        };
        let status = process.status_now();
        if status.is_some() {
            self.process.container.reap(child);
        }
        Ok(Ok(status))
    }

    fn signal(&mut self, process: u32, number: u32) -> Answer<()> {
        if number > 64 {
            return Ok(Err(ErrorCode::Invalid));
        }
        let Some(process) = self.process.container.process(process) else {
            return Ok(Err(ErrorCode::NoProcess));
        };
        if number != 0 {
            process.signal(number);
        }
        // One that ends itself does not come back from the call: it could run to its own end before anybody looks.
        match self.process.dies() {
            Some(signal) => Err(wasmtime::format_err!("killed by signal {signal}")),
            None => Ok(Ok(())),
        }
    }

    fn list(&mut self) -> wasmtime::Result<Vec<ProcessInfo>> {
        let processes = self.process.container.processes();
        Ok(processes
            .into_iter()
            .filter(|process| process.status_now().is_none())
            .map(|process| ProcessInfo {
                pid: process.pid,
                parent: process.parent(),
                arguments: process.args(),
                age_ms: process.age_ms(),
            })
            .collect())
    }

    fn id(&mut self) -> wasmtime::Result<u32> {
        Ok(self.process.pid)
    }

    fn parent(&mut self) -> wasmtime::Result<u32> {
        Ok(self.process.parent())
    }
}

impl Guest {
    fn child(&self, pid: u32) -> Option<Arc<super::process::Process>> {
        let process = self.process.container.process(pid)?;
        (process.parent() == self.process.pid && pid != self.process.pid).then_some(process)
    }
}
