//! tokio's traits over a connection, for hyper and for pumps.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Shutdown, TcpStream};
use crate::network::NetError;

/// A [`TcpStream`] with tokio's `AsyncRead` and `AsyncWrite`.
#[derive(Clone, Debug)]
pub struct TcpIo {
    stream: TcpStream,
}

/// The most that one write copies.
const WRITE_BYTES_MAX: usize = 64 * 1024;

impl TcpIo {
    /// Wraps a stream.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream }
    }

    /// The stream itself.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl From<NetError> for io::Error {
    fn from(error: NetError) -> Self {
        let kind = match error {
            NetError::InvalidArgument | NetError::InvalidState => io::ErrorKind::InvalidInput,
            NetError::AddressInUse => io::ErrorKind::AddrInUse,
            NetError::AddressNotBindable => io::ErrorKind::AddrNotAvailable,
            NetError::ConnectionRefused => io::ErrorKind::ConnectionRefused,
            NetError::ConnectionReset => io::ErrorKind::ConnectionReset,
            NetError::ConnectionAborted => io::ErrorKind::ConnectionAborted,
            NetError::BrokenPipe => io::ErrorKind::BrokenPipe,
            NetError::TimedOut => io::ErrorKind::TimedOut,
            NetError::Unreachable => io::ErrorKind::HostUnreachable,
            NetError::AccessDenied => io::ErrorKind::PermissionDenied,
            NetError::NameUnresolvable => io::ErrorKind::NotFound,
            NetError::TooManySockets
            | NetError::DatagramTooLarge
            | NetError::NameServerFailed
            | NetError::Other => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl AsyncRead for TcpIo {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        if room > 0 {
            let bytes = ready!(self.stream.poll_read(cx, room))?;
            buffer.put_slice(&bytes);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TcpIo {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        if data.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let permit = ready!(self.stream.poll_writable(cx))?;
        let some = data.get(..permit.min(WRITE_BYTES_MAX)).unwrap_or(data);
        self.stream.write(Bytes::copy_from_slice(some))?;
        Poll::Ready(Ok(some.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A connection that is gone is shut down already: hyper would log an error for every client that hung up first.
        let _ = self.stream.shutdown(Shutdown::Write);
        Poll::Ready(Ok(()))
    }
}
