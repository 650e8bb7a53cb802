//! The two streams of a TCP connection as `wasi:io` streams.

use std::future::poll_fn;

use bytes::Bytes;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::network::{NetError, TcpStream};

/// One read gives at most this much, however much the guest asks for: it becomes memory of the host first.
const READ_MAX: usize = 64 * 1024;

pub(super) struct Input {
    stream: TcpStream,
    ended: bool,
}

impl Input {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            ended: false,
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        if !self.ended {
            poll_fn(|cx| self.stream.poll_readable(cx)).await;
        }
    }
}

#[async_trait::async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if self.ended {
            return Err(StreamError::Closed);
        }
        if size == 0 {
            return Ok(Bytes::new());
        }
        match self.stream.try_read(size.min(READ_MAX)) {
            None => Ok(Bytes::new()),
            Some(Ok(bytes)) if bytes.is_empty() => {
                self.ended = true;
                Err(StreamError::Closed)
            }
            Some(Ok(bytes)) => Ok(bytes),
            Some(Err(error)) => {
                self.ended = true;
                Err(failed(error))
            }
        }
    }
}

pub(super) struct Output {
    stream: TcpStream,
    /// What the last `check-write` allowed and was not used yet.
    permit: usize,
}

impl Output {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self { stream, permit: 0 }
    }
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        // An error makes it ready too; `check-write` tells which.
        let _ready = poll_fn(|cx| self.stream.poll_writable(cx)).await;
    }
}

#[async_trait::async_trait]
impl OutputStream for Output {
    fn check_write(&mut self) -> StreamResult<usize> {
        self.permit = self.stream.writable_now().map_err(failed)?;
        Ok(self.permit)
    }

    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let Some(left) = self.permit.checked_sub(bytes.len()) else {
            let error = wasmtime::format_err!("not permitted to write {} bytes", bytes.len());
            return Err(StreamError::Trap(error));
        };
        self.permit = left;
        if bytes.is_empty() {
            return Ok(());
        }
        self.stream.write(bytes).map_err(failed)
    }

    /// Every byte is where the peer reads it as soon as it is written.
    fn flush(&mut self) -> StreamResult<()> {
        self.stream.writable_now().map(drop).map_err(failed)
    }
}

fn failed(error: NetError) -> StreamError {
    match error {
        // Its own shutdown: the stream is closed, nothing failed.
        NetError::BrokenPipe => StreamError::Closed,
        // `network-error-code` finds it in there.
        _ => StreamError::LastOperationFailed(error.into()),
    }
}
