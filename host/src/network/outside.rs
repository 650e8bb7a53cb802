//! The way out of the virtual network, to addresses that are no pod, Service or loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{NetError, PodNetwork, TcpStream};

/// Opens a connection to the real network for a pod. The stream it answers with is the guest's side of [`super::tcp::pair`].
pub(super) fn connect(
    _pod: &Arc<PodNetwork>,
    _remote: SocketAddr,
) -> Result<oneshot::Receiver<Result<TcpStream, NetError>>, NetError> {
    Err(NetError::AccessDenied)
}

/// Sends a datagram of a pod to the real network. Answers come in through [`PodNetwork::deliver`].
pub(super) fn send_udp(
    _pod: &Arc<PodNetwork>,
    _local: SocketAddr,
    _remote: SocketAddr,
    _data: Bytes,
) -> Result<(), NetError> {
    Err(NetError::AccessDenied)
}
