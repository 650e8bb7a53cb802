//! A socket before it listens or is connected.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{TcpListener, TcpStream};
use crate::network::{Family, NetError, PodNetwork};

/// A socket that neither listens nor is connected. Dropping it frees its port.
#[derive(Debug)]
pub struct TcpSocket {
    net: Arc<PodNetwork>,
    family: Family,
}

impl TcpSocket {
    /// An unbound socket.
    pub fn new(net: &Arc<PodNetwork>, family: Family) -> Result<Self, NetError> {
        Ok(Self {
            net: Arc::clone(net),
            family,
        })
    }

    /// The socket's family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The pod's network.
    pub fn network(&self) -> &Arc<PodNetwork> {
        &self.net
    }

    /// Binds; port 0 is an ephemeral one.
    pub fn bind(&mut self, _local: SocketAddr) -> Result<(), NetError> {
        Err(NetError::Other)
    }

    /// Listens, on an ephemeral port if it is not bound. The socket is spent: its port is the listener's.
    pub fn listen(&mut self, _backlog: usize) -> Result<TcpListener, NetError> {
        Err(NetError::Other)
    }

    /// Connects. An error here is the caller's mistake; what the network says comes from [`Connecting`]. The socket is spent.
    pub fn connect(&mut self, _remote: SocketAddr) -> Result<Connecting, NetError> {
        Err(NetError::Other)
    }

    /// Where it is bound.
    pub fn local_address(&self) -> Option<SocketAddr> {
        None
    }
}

/// A connection under way; dropping it gives it up.
#[derive(Debug)]
pub struct Connecting {
    local: SocketAddr,
}

impl Connecting {
    /// The connection, or why there is none.
    pub fn poll(&mut self, _cx: &mut Context<'_>) -> Poll<Result<TcpStream, NetError>> {
        Poll::Pending
    }

    /// This side's address.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }
}

impl Future for Connecting {
    type Output = Result<TcpStream, NetError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().poll(cx)
    }
}
