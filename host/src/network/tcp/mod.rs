//! TCP: sockets, listeners, connections.

mod io;
mod listener;
mod socket;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

pub use io::TcpIo;
pub use listener::TcpListener;
pub use socket::{Connecting, TcpSocket};
pub use stream::{Shutdown, TcpStream};

use super::{NetError, PodNetwork};

/// A connection between a pod and something that is no pod: the guest's side, and the far side. It is shaped and counted like any
/// that crosses the pod's boundary. `local` is the pod's address, `peer` the far one.
pub fn pair(
    _net: &Arc<PodNetwork>,
    _local: SocketAddr,
    _peer: SocketAddr,
) -> Result<(TcpStream, TcpStream), NetError> {
    Err(NetError::Other)
}
