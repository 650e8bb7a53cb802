//! An open stream of a process: what POSIX calls an open file description.

use std::io::{self, Read, Seek, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::pipe::{self, PipeReader, PipeWriter};
use super::terminal::Terminal;
use crate::budget::Memory;
use crate::ports::{LogSink, LogStream, MemoryVolume};

/// One read or write of a file moves at most this much, so that a guest's buffer size never becomes the host's memory.
const CHUNK_BYTES: usize = 64 * 1024;

/// Cheap to clone: a clone is another handle to the same stream.
#[derive(Clone)]
pub(super) enum Stream {
    /// Reads as ended, swallows what is written.
    Null,
    /// The reading end of a pipe.
    Reader(PipeReader),
    /// The writing end of a pipe.
    Writer(PipeWriter),
    /// A file; the position is shared by all handles.
    File(Arc<OpenFile>),
    /// The container's log.
    Log(Arc<dyn LogSink>, LogStream),
    /// A terminal, both ways.
    Terminal(Arc<Terminal>),
}

/// A stream in a guest's handle table.
#[expect(
    unreachable_pub,
    reason = "generated bindings re-export the type of a resource"
)]
pub struct Handle(pub(super) Stream);

/// A file opened through the container's mounts.
pub(super) struct OpenFile {
    file: Mutex<Arc<std::fs::File>>,
    readable: bool,
    writable: bool,
    memory: Option<InVolume>,
}

/// Its volume, if that is one in memory, and who writes.
pub(super) struct InVolume {
    pub(super) volume: Arc<dyn MemoryVolume>,
    pub(super) container: Arc<Memory>,
    /// Writes go to the end.
    pub(super) append: bool,
}

impl OpenFile {
    pub(super) fn new(
        file: std::fs::File,
        readable: bool,
        writable: bool,
        memory: Option<InVolume>,
    ) -> Self {
        let file = Arc::new(file);
        if let Some(memory) = memory.as_ref().filter(|_| writable) {
            memory.volume.opened(&file);
        }
        Self {
            file: Mutex::new(file),
            readable,
            writable,
            memory,
        }
    }

    // Regular files answer from the page cache; handing each access to another thread costs more than the access.
    fn read(&self, max: usize) -> io::Result<Bytes> {
        if !self.readable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut buffer = vec![0; max.min(CHUNK_BYTES)];
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let len = (&**file).read(&mut buffer)?;
        buffer.truncate(len);
        Ok(buffer.into())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(memory) = &self.memory else {
            return (&**file).write_all(bytes);
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let at = match memory.append {
                true => None,
                false => Some((&**file).stream_position()?),
            };
            let (volume, container) = (&memory.volume, &memory.container);
            let wrote = volume.write(container, &file, at, rest)?;
            rest = &rest[wrote..];
            if let Some(at) = at {
                (&**file).seek(io::SeekFrom::Start(at + wrote as u64))?;
            }
        }
        Ok(())
    }
}

impl Stream {
    /// A new pipe.
    pub(super) fn pipe(memory: &Arc<Memory>) -> (Self, Self) {
        let (reader, writer) = pipe::pipe(memory);
        (Self::Reader(reader), Self::Writer(writer))
    }

    /// What is there. `Ok(None)`: nothing yet. `Ok(Some)` of nothing: the end.
    pub(super) fn read_now(&self, max: usize) -> io::Result<Option<Bytes>> {
        match self {
            Self::Null => Ok(Some(Bytes::new())),
            Self::Reader(reader) => Ok(reader.read_now(max.min(CHUNK_BYTES))),
            Self::File(file) => file.read(max).map(Some),
            Self::Terminal(terminal) => Ok(terminal.read_now(max.min(CHUNK_BYTES))),
            Self::Writer(_) | Self::Log(..) => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// Waits until `read_now` gives something.
    pub(super) async fn readable(&self) {
        match self {
            Self::Reader(reader) => reader.readable().await,
            Self::Terminal(terminal) => terminal.readable().await,
            Self::Null | Self::Writer(_) | Self::File(_) | Self::Log(..) => {}
        }
    }

    /// Reads at most `max` bytes, waiting for the first; nothing at the end.
    pub(super) async fn read(&self, max: usize) -> io::Result<Bytes> {
        if max == 0 {
            return Ok(Bytes::new());
        }
        loop {
            if let Some(bytes) = self.read_now(max)? {
                return Ok(bytes);
            }
            self.readable().await;
        }
    }

    /// How much would be taken now; zero: wait for [`Self::writable`].
    pub(super) fn room_now(&self) -> io::Result<usize> {
        match self {
            Self::Null => Ok(CHUNK_BYTES),
            Self::Writer(writer) => writer.room_now().ok_or(io::ErrorKind::BrokenPipe.into()),
            Self::File(file) if file.writable => Ok(CHUNK_BYTES),
            Self::Log(sink, _) => Ok(if sink.has_room() { CHUNK_BYTES } else { 0 }),
            Self::Terminal(terminal) => Ok(if terminal.has_room() { CHUNK_BYTES } else { 0 }),
            Self::File(_) | Self::Reader(_) => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// Waits until something would be taken.
    pub(super) async fn writable(&self) {
        match self {
            Self::Writer(writer) => writer.writable().await,
            Self::Log(sink, _) => sink.room().await,
            Self::Terminal(terminal) => terminal.room().await,
            Self::Null | Self::File(_) | Self::Reader(_) => {}
        }
    }

    /// Takes the bytes at once; to be called with what [`Self::room_now`] allowed.
    pub(super) fn write_now(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Null => Ok(()),
            Self::Writer(writer) if writer.write_now(bytes) => Ok(()),
            Self::Writer(_) => Err(io::ErrorKind::BrokenPipe.into()),
            Self::File(file) => file.write(bytes),
            Self::Log(sink, stream) => {
                sink.write(*stream, bytes);
                Ok(())
            }
            Self::Terminal(terminal) => {
                terminal.write(bytes);
                Ok(())
            }
            Self::Reader(_) => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    /// Takes all the bytes, waiting for room as often as it needs.
    pub(super) async fn write(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = self.room_now()?;
            if room == 0 {
                self.writable().await;
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.write_now(now)?;
            bytes = later;
        }
        Ok(())
    }
}
