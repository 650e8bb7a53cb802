//! Files of volumes in memory: whoever writes to one is charged for it, so these writes do not go through wasmtime-wasi's streams.
//! A write is a copy from memory to memory, and done on the guest's own thread.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Access, FutureReader, Linker, Resource, Source, StreamConsumer, StreamReader, StreamResult,
};
use wasmtime_wasi::filesystem::{Descriptor, OpenMode, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    ErrorCode as P2Code, HostDescriptor as P2Files,
};
use wasmtime_wasi::p2::{
    DynOutputStream, FsError, FsResult, OutputStream, Pollable, StreamError,
    StreamResult as P2Result,
};
use wasmtime_wasi::p3::bindings::filesystem::types::{
    ErrorCode as P3Code, HostDescriptorWithStore as P3Files,
};

use super::guest::Guest;
use crate::budget::Memory;
use crate::ports::MemoryVolume;

/// One write moves at most this much.
const CHUNK_BYTES: usize = 64 * 1024;

type Fd = Resource<Descriptor>;
type Store<'a> = StoreContextMut<'a, Guest>;
type Ended = Result<(), P3Code>;

/// The volumes that open files and directories of one instance belong to, by handle. What is closed stays until its handle is used again.
#[derive(Default)]
pub(super) struct InMemory(HashMap<u32, Arc<dyn MemoryVolume>>);

impl InMemory {
    /// A handle of that volume, or of none.
    pub(super) fn set(&mut self, handle: u32, volume: Option<&Arc<dyn MemoryVolume>>) {
        match volume {
            Some(volume) => self.0.insert(handle, Arc::clone(volume)),
            None => self.0.remove(&handle),
        };
    }

    pub(super) fn of(&self, handle: u32) -> Option<&Arc<dyn MemoryVolume>> {
        self.0.get(&handle)
    }

    /// Whether both are of one volume, or of none.
    pub(super) fn are_together(&self, one: &Fd, other: &Fd) -> bool {
        match (self.of(one.rep()), self.of(other.rep())) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

/// What writes to one file.
struct Writer {
    volume: Arc<dyn MemoryVolume>,
    memory: Arc<Memory>,
    file: Arc<std::fs::File>,
    /// None is the end.
    at: Option<u64>,
}

impl Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = &bytes[..bytes.len().min(CHUNK_BYTES)];
        let wrote = self
            .volume
            .write(&self.memory, &self.file, self.at, bytes)?;
        self.at = self.at.map(|at| at.saturating_add(wrote as u64));
        Ok(wrote)
    }
}

impl Guest {
    /// A file or directory was opened in that directory, or is this mounted one.
    pub(super) fn opened(
        &mut self,
        fd: &Fd,
        volume: Option<&Arc<dyn MemoryVolume>>,
    ) -> wasmtime::Result<()> {
        self.in_memory.set(fd.rep(), volume);
        if let Some(volume) = volume
            && let Descriptor::File(file) = self.table.get(fd)?
            && file.open_mode.contains(OpenMode::WRITE)
        {
            volume.opened(&file.file);
        }
        Ok(())
    }

    /// What is to write to the file, if it is one of a volume in memory that may be written to.
    fn writer(&self, fd: &Fd, at: Option<u64>) -> wasmtime::Result<Option<Writer>> {
        let Some(volume) = self.in_memory.of(fd.rep()) else {
            return Ok(None);
        };
        Ok(match self.table.get(fd)? {
            Descriptor::File(file) if !file.perms.write_not_permitted() => Some(Writer {
                volume: Arc::clone(volume),
                memory: Arc::clone(&self.process.container.memory),
                file: Arc::clone(&file.file),
                at,
            }),
            Descriptor::File(_) | Descriptor::Dir(_) => None,
        })
    }
}

/// Replaces the functions of WASI 0.2 that write.
pub(super) fn add_p2(linker: &mut Linker<Guest>, types: &str) -> wasmtime::Result<()> {
    let mut types = linker.instance(types)?;
    types.func_wrap_async(
        "[method]descriptor.write",
        |mut store: Store<'_>, (fd, bytes, at): (Fd, Vec<u8>, u64)| {
            Box::new(async move {
                let guest = store.data_mut();
                if let Some(mut writer) = guest.writer(&fd, Some(at))? {
                    let wrote = writer.write(&bytes);
                    return Ok((wrote.map(|wrote| wrote as u64).map_err(P2Code::from),));
                }
                p2_answer(P2Files::write(&mut guest.filesystem(), fd, bytes, at).await)
            })
        },
    )?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: Store<'_>, (fd, at): (Fd, u64)| {
            let guest = store.data_mut();
            match guest.writer(&fd, Some(at))? {
                Some(writer) => Ok((Ok(guest.table.push(stream(writer))?),)),
                None => p2_answer(P2Files::write_via_stream(&mut guest.filesystem(), fd, at)),
            }
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut store: Store<'_>, (fd,): (Fd,)| {
            let guest = store.data_mut();
            match guest.writer(&fd, None)? {
                Some(writer) => Ok((Ok(guest.table.push(stream(writer))?),)),
                None => p2_answer(P2Files::append_via_stream(&mut guest.filesystem(), fd)),
            }
        },
    )
}

fn p2_answer<T>(result: FsResult<T>) -> wasmtime::Result<(Result<T, P2Code>,)> {
    Ok((match result {
        Ok(value) => Ok(value),
        Err(error) => Err(FsError::downcast(error)?),
    },))
}

fn stream(writer: Writer) -> DynOutputStream {
    Box::new(Output {
        writer,
        failed: false,
    })
}

/// An output stream of WASI 0.2.
struct Output {
    writer: Writer,
    failed: bool,
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> P2Result<()> {
        if bytes.len() > CHUNK_BYTES {
            return Err(StreamError::trap("write beyond what check-write allowed"));
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            match self.writer.write(rest) {
                Ok(0) => return Err(self.fail(io::ErrorKind::WriteZero.into())),
                Ok(wrote) => rest = &rest[wrote..],
                Err(error) => return Err(self.fail(error)),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> P2Result<()> {
        match self.failed {
            true => Err(StreamError::Closed),
            false => Ok(()),
        }
    }

    fn check_write(&mut self) -> P2Result<usize> {
        self.flush().map(|()| CHUNK_BYTES)
    }
}

impl Output {
    fn fail(&mut self, error: io::Error) -> StreamError {
        self.failed = true;
        StreamError::LastOperationFailed(error.into())
    }
}

/// Replaces the functions of WASI 0.3 that write.
pub(super) fn add_p3(linker: &mut Linker<Guest>, types: &str) -> wasmtime::Result<()> {
    let mut types = linker.instance(types)?;
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: Store<'_>, (fd, data, at): (Fd, StreamReader<u8>, u64)| {
            Ok((match store.data().writer(&fd, Some(at))? {
                Some(writer) => consume(store, data, writer)?,
                None => WasiFilesystem::write_via_stream(files(&mut store), fd, data, at)?,
            },))
        },
    )?;
    types.func_wrap(
        "[method]descriptor.append-via-stream",
        |mut store: Store<'_>, (fd, data): (Fd, StreamReader<u8>)| {
            Ok((match store.data().writer(&fd, None)? {
                Some(writer) => consume(store, data, writer)?,
                None => WasiFilesystem::append_via_stream(files(&mut store), fd, data)?,
            },))
        },
    )
}

fn files<'a>(store: &'a mut Store<'_>) -> Access<'a, Guest, WasiFilesystem> {
    let store = wasmtime::AsContextMut::as_context_mut(store);
    Access::<Guest, WasiFilesystem>::new(store, Guest::filesystem)
}

fn consume(
    mut store: Store<'_>,
    data: StreamReader<u8>,
    writer: Writer,
) -> wasmtime::Result<FutureReader<Ended>> {
    let (sender, ended) = oneshot::channel();
    let input = Input {
        writer,
        ended: Some(sender),
    };
    data.pipe(&mut store, input)?;
    FutureReader::new(&mut store, ended)
}

/// What a guest of WASI 0.3 has written into a file.
struct Input {
    writer: Writer,
    ended: Option<oneshot::Sender<Ended>>,
}

impl Input {
    fn end(&mut self, ended: Ended) {
        if let Some(sender) = self.ended.take() {
            // The guest may have dropped the future.
            let _ignored = sender.send(ended);
        }
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.end(Ok(()));
    }
}

impl<T> StreamConsumer<T> for Input {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        from: Source<'_, Self::Item>,
        _finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut from = from.as_direct(store);
        match self.writer.write(from.remaining()) {
            Ok(wrote) => {
                from.mark_read(wrote);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Err(error) => {
                self.end(Err(P3Code::from(error)));
                Poll::Ready(Ok(StreamResult::Dropped))
            }
        }
    }
}
