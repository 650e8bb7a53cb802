//! Listening sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::TcpStream;
use super::backlog::Backlog;
use crate::network::NetError;
use crate::network::meter::{Lease, Ticket};

/// A listening socket. Dropping it frees the port, resets what nobody accepted and refuses what found no room.
pub struct TcpListener {
    backlog: Arc<Backlog>,
    local: SocketAddr,
    _lease: Lease,
    _ticket: Ticket,
}

impl TcpListener {
    pub(super) fn new(backlog: Arc<Backlog>, lease: Lease, ticket: Ticket) -> Self {
        Self {
            backlog,
            local: SocketAddr::new(lease.address(), lease.port()),
            _lease: lease,
            _ticket: ticket,
        }
    }

    /// The next connection; an error is the end of the listener: its pod is gone.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<Result<TcpStream, NetError>> {
        self.backlog.poll_accept(cx)
    }

    /// Ready when [`Self::poll_accept`] has something.
    pub fn poll_acceptable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.backlog.poll_acceptable(cx)
    }

    /// The next connection, if one waits.
    pub fn try_accept(&self) -> Option<Result<TcpStream, NetError>> {
        self.backlog.accept()
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
    pub fn set_backlog(&self, backlog: usize) {
        self.backlog.set_limit(backlog);
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.backlog.close();
    }
}

impl std::fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TcpListener({})", self.local)
    }
}
