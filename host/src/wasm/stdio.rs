//! A [`Stream`] as a guest's standard stream: WASI 0.2's streams directly, WASI 0.3's through `AsyncRead` and `AsyncWrite`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::ReusableBoxFuture;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::stream::Stream;

/// The three standard streams of a process.
#[derive(Clone)]
pub(super) struct Stdio {
    pub(super) stdin: Stream,
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
}

/// One of them, for wasmtime-wasi.
pub(super) struct Standard(pub(super) Stream);

impl IsTerminal for Standard {
    fn is_terminal(&self) -> bool {
        matches!(self.0, Stream::Terminal(_))
    }
}

impl StdinStream for Standard {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(Polled::new(self.0.clone()))
    }
    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(Standard(self.0.clone()))
    }
}

impl StdoutStream for Standard {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(Polled::new(self.0.clone()))
    }
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(Output {
            stream: self.0.clone(),
            permit: 0,
        })
    }
}

#[async_trait::async_trait]
impl Pollable for Standard {
    async fn ready(&mut self) {
        self.0.readable().await;
    }
}

impl InputStream for Standard {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.0.read_now(size) {
            Ok(Some(bytes)) if bytes.is_empty() && size > 0 => Err(StreamError::Closed),
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Ok(Bytes::new()),
            Err(error) => Err(failed(error)),
        }
    }
}

struct Output {
    stream: Stream,
    /// What the last `check-write` allowed. Held to it, or a guest that never asks would fill the host's memory.
    permit: usize,
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {
        self.stream.writable().await;
    }
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let Some(left) = self.permit.checked_sub(bytes.len()) else {
            return Err(StreamError::trap("write beyond what check-write allowed"));
        };
        self.permit = left;
        self.stream.write_now(&bytes).map_err(failed)
    }
    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }
    fn check_write(&mut self) -> StreamResult<usize> {
        self.permit = self.stream.room_now().map_err(failed)?;
        Ok(self.permit)
    }
}

fn failed(error: io::Error) -> StreamError {
    // wasi-libc recovers EPIPE from a closed stream; from any other failure it makes EIO.
    if error.kind() == io::ErrorKind::BrokenPipe {
        StreamError::Closed
    } else {
        StreamError::LastOperationFailed(error.into())
    }
}

/// Adapts waiting by futures to waiting by polls.
struct Polled {
    stream: Stream,
    waiting: Option<ReusableBoxFuture<'static, ()>>,
}

impl Polled {
    fn new(stream: Stream) -> Self {
        Self {
            stream,
            waiting: None,
        }
    }

    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(waiting) = &mut self.waiting {
            ready!(waiting.poll(cx));
            self.waiting = None;
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Polled {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            ready!(this.poll_waiting(cx));
            if let Some(bytes) = this.stream.read_now(buffer.remaining())? {
                buffer.put_slice(&bytes);
                return Poll::Ready(Ok(()));
            }
            let stream = this.stream.clone();
            this.waiting = Some(ReusableBoxFuture::new(
                async move { stream.readable().await },
            ));
        }
    }
}

impl AsyncWrite for Polled {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            ready!(this.poll_waiting(cx));
            let room = this.stream.room_now()?;
            if room > 0 || bytes.is_empty() {
                let len = room.min(bytes.len());
                this.stream.write_now(&bytes[..len])?;
                return Poll::Ready(Ok(len));
            }
            let stream = this.stream.clone();
            this.waiting = Some(ReusableBoxFuture::new(
                async move { stream.writable().await },
            ));
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
