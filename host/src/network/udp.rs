//! UDP sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::{Family, NetError, PodNetwork};

/// What UDP carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its payload.
    pub data: Bytes,
    /// Who sent it.
    pub from: SocketAddr,
}

/// A UDP socket; dropping it frees its port.
#[derive(Debug)]
pub struct UdpSocket {
    net: Arc<PodNetwork>,
    family: Family,
}

impl UdpSocket {
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

    /// Sets or clears the only peer.
    pub fn connect(&mut self, _remote: Option<SocketAddr>) -> Result<(), NetError> {
        Err(NetError::Other)
    }

    /// Where it is bound.
    pub fn local_address(&self) -> Option<SocketAddr> {
        None
    }

    /// Its only peer.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        None
    }

    /// The next datagram.
    pub fn poll_receive(&self, _cx: &mut Context<'_>) -> Poll<Result<Datagram, NetError>> {
        Poll::Pending
    }

    /// Ready when [`Self::try_receive`] has something.
    pub fn poll_receivable(&self, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }

    /// The next datagram, if there is one.
    pub fn try_receive(&self) -> Option<Result<Datagram, NetError>> {
        None
    }

    /// Waits until the pod's bandwidth lets another datagram out.
    pub fn poll_sendable(&self, _cx: &mut Context<'_>) -> Poll<Result<(), NetError>> {
        Poll::Pending
    }

    /// Sends; `None` is the only peer's address. What finds no room at the receiver is lost.
    pub fn send(&self, _data: Bytes, _to: Option<SocketAddr>) -> Result<(), NetError> {
        Err(NetError::Other)
    }
}
