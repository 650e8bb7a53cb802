//! TCP: sockets, listeners, connections.

mod backlog;
mod connecting;
mod connection;
mod io;
mod listener;
mod pipe;
mod socket;
mod stream;

use std::net::SocketAddr;
use std::sync::Arc;

pub(super) use backlog::Backlog;
pub use connecting::Connecting;
pub(super) use connection::Connections;
pub use io::TcpIo;
pub use listener::TcpListener;
pub use socket::TcpSocket;
pub(super) use socket::source_for;
pub use stream::{Shutdown, TcpStream};

use self::backlog::{Offer, Request};
use self::stream::{Party, join};
use super::wake::lock;
use super::{NetError, PodNetwork};

/// A connection between a pod and something that is no pod: the guest's side, and the far side. It is shaped and counted like any
/// that crosses the pod's boundary. `local` is the pod's address, `peer` the far one.
pub fn pair(
    net: &Arc<PodNetwork>,
    local: SocketAddr,
    peer: SocketAddr,
) -> Result<(TcpStream, TcpStream), NetError> {
    let guest = Party {
        ticket: Some(net.ticket(None)?),
        lease: None,
        local,
        peer,
    };
    let far = Party {
        ticket: None,
        lease: None,
        local: peer,
        peer: local,
    };
    join(guest, far, true)
}

/// Connects to a pod from something that is no pod, or from the pod itself when it does not cross the boundary.
pub(super) fn dial(
    net: &Arc<PodNetwork>,
    remote: SocketAddr,
    from: SocketAddr,
    crossing: bool,
) -> Connecting {
    let client = Party {
        ticket: None,
        lease: None,
        local: from,
        peer: remote,
    };
    start(Request {
        client,
        server_net: Arc::clone(net),
        address: remote,
        crossing,
    })
}

/// Knocks at whoever listens.
fn start(request: Request) -> Connecting {
    let local = request.client.local;
    let entry = lock(&request.server_net.tcp)
        .find(request.address.ip(), request.address.port())
        .cloned();
    let Some(backlog) = entry.flatten() else {
        return Connecting::over(local, Err(NetError::ConnectionRefused));
    };
    match backlog.offer(request) {
        Offer::Over(outcome) => Connecting::over(local, outcome),
        Offer::Waits(waiting, number) => Connecting::waits(local, backlog, waiting, number),
    }
}
