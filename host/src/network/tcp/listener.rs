//! Listening sockets and their backlog.

use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::TcpStream;
use crate::network::NetError;

/// A listening socket. Dropping it frees the port and resets what nobody accepted.
#[derive(Debug)]
pub struct TcpListener {
    local: SocketAddr,
}

impl TcpListener {
    /// The next connection.
    pub fn poll_accept(&self, _cx: &mut Context<'_>) -> Poll<Result<TcpStream, NetError>> {
        Poll::Pending
    }

    /// Ready when [`Self::poll_accept`] has something.
    pub fn poll_acceptable(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// The next connection, if one waits.
    pub fn try_accept(&self) -> Option<Result<TcpStream, NetError>> {
        None
    }

    /// The next connection.
    pub async fn accept(&self) -> Result<TcpStream, NetError> {
        std::future::poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// How many connections may wait to be accepted, clamped to 1 … 4096.
    pub fn set_backlog(&self, _backlog: usize) {}
}
