//! One side of a connection.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::TcpIo;
use crate::network::NetError;

/// Which direction to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// No more reading: what came and comes is thrown away.
    Read,
    /// No more writing: the peer reads the end after what was written.
    Write,
    /// Both.
    Both,
}

/// One side of a connection. The connection is closed when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct TcpStream {
    local: SocketAddr,
    peer: SocketAddr,
}

impl TcpStream {
    /// Up to `max` bytes; empty is the end.
    pub fn poll_read(&self, _cx: &mut Context<'_>, _max: usize) -> Poll<Result<Bytes, NetError>> {
        Poll::Pending
    }

    /// Up to `max` bytes if there are any (empty is the end), `None` when a read would wait.
    pub fn try_read(&self, _max: usize) -> Option<Result<Bytes, NetError>> {
        None
    }

    /// Ready when [`Self::try_read`] has something: bytes, the end or an error.
    pub fn poll_readable(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// How many bytes may be written now; never 0.
    pub fn poll_writable(&self, _cx: &mut Context<'_>) -> Poll<Result<usize, NetError>> {
        Poll::Pending
    }

    /// How many bytes may be written now; 0 when a write would wait.
    pub fn writable_now(&self) -> Result<usize, NetError> {
        Ok(0)
    }

    /// Writes; not more than the last permit ([`Self::poll_writable`], [`Self::writable_now`]) said.
    pub fn write(&self, _bytes: Bytes) -> Result<(), NetError> {
        Err(NetError::Other)
    }

    /// Ends one direction or both.
    pub fn shutdown(&self, _how: Shutdown) -> Result<(), NetError> {
        Ok(())
    }

    /// Ends the connection without manners: the peer reads what came, then a reset.
    pub fn reset(&self) {}

    /// This side's address.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// The other side's address; of a Service's port it is the Service's.
    pub fn peer_address(&self) -> SocketAddr {
        self.peer
    }

    /// How many bytes may wait here to be read (`SO_RCVBUF`), clamped to 4 KiB … 4 MiB.
    pub fn set_receive_capacity(&self, _bytes: usize) {}

    /// For everything that wants tokio's traits.
    pub fn into_io(self) -> TcpIo {
        TcpIo::new(self)
    }
}
