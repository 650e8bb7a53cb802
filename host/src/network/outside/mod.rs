//! The way out of the virtual network, to addresses that are no pod, Service or loopback.

mod limits;
mod lookup;
mod refusals;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

pub use refusals::{Refusal, Refused};
pub(super) use tcp::connect;
pub(super) use udp::{DATAGRAM_BYTES_MAX, Return, Returns, send_udp};

use super::{NetError, PodNetwork};
use crate::model::Protocol;
use limits::{
    CONNECTIONS_PER_POD, DNS_CONNECTIONS_PER_POD, LOOKUPS, LOOKUPS_PENDING_PER_POD,
    LOOKUPS_PER_POD, QUERIES_PER_POD, sockets_of_the_machine,
};
use refusals::{REFUSALS_WAITING, Seen};

/// What all pods of a switch share of the machine.
#[derive(Debug)]
pub(super) struct Machine {
    /// Open sockets of the machine, of all pods.
    sockets: Arc<Semaphore>,
    /// Look-ups under way, of all pods.
    lookups: Arc<Semaphore>,
    refusals: broadcast::Sender<Refusal>,
    returns: Returns,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            sockets: Arc::new(Semaphore::new(sockets_of_the_machine())),
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
            refusals: broadcast::Sender::new(REFUSALS_WAITING),
            returns: Returns::default(),
        }
    }
}

impl Machine {
    /// What is refused from now on.
    pub(super) fn refusals(&self) -> broadcast::Receiver<Refusal> {
        self.refusals.subscribe()
    }

    /// Where pods' answers to the machine's UDP doors go.
    pub(super) fn returns(&self) -> &Returns {
        &self.returns
    }
}

/// What one pod has open on the machine.
#[derive(Debug)]
pub(super) struct Outside {
    connections: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    queries: Arc<Semaphore>,
    dns_connections: Arc<Semaphore>,
    flows: udp::Flows,
    seen: Seen,
    lookups_pending: Arc<Semaphore>,
    refused: AtomicU64,
    turn: AtomicUsize,
    /// Ends what runs for the pod.
    gone: CancellationToken,
}

impl Default for Outside {
    fn default() -> Self {
        Self {
            connections: Arc::new(Semaphore::new(CONNECTIONS_PER_POD)),
            lookups: Arc::new(Semaphore::new(LOOKUPS_PER_POD)),
            queries: Arc::new(Semaphore::new(QUERIES_PER_POD)),
            dns_connections: Arc::new(Semaphore::new(DNS_CONNECTIONS_PER_POD)),
            flows: udp::Flows::default(),
            seen: Seen::default(),
            lookups_pending: Arc::new(Semaphore::new(LOOKUPS_PENDING_PER_POD)),
            refused: AtomicU64::new(0),
            turn: AtomicUsize::new(0),
            gone: CancellationToken::new(),
        }
    }
}

impl Outside {
    /// Ends everything the pod has open on the machine: it is off the network.
    pub(super) fn close(&self) {
        self.gone.cancel();
        self.flows.close();
    }

    /// For DNS queries that wait for the machine.
    pub(super) fn queries(&self) -> &Arc<Semaphore> {
        &self.queries
    }

    /// For connections to the name server.
    pub(super) fn dns_connections(&self) -> &Arc<Semaphore> {
        &self.dns_connections
    }

    /// Ends when the pod is off the network.
    pub(super) fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// How many times the pod was refused something.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// Where an address of the virtual network is on the machine, if the pod may go there.
fn permitted(
    pod: &PodNetwork,
    remote: SocketAddr,
    protocol: Protocol,
) -> Result<SocketAddr, NetError> {
    let egress = &pod.identity().egress;
    let host = remote.ip().to_canonical() == pod.switch().node_ip();
    if host && egress.permits_host(remote.port()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, remote.port())));
    }
    if !host && egress.permits(remote) {
        return Ok(remote);
    }
    refuse(pod, Refused::Address(remote, protocol));
    Err(NetError::AccessDenied)
}

/// Counts a refusal, and tells it unless the same was told within the last minute.
fn refuse(pod: &PodNetwork, what: Refused) {
    let outside = pod.outside();
    outside.refused.fetch_add(1, Ordering::Relaxed);
    if outside.seen.is_new(&what) {
        // Nobody listens: then nobody wants to know.
        let _ = pod.switch().machine().refusals.send(Refusal {
            pod: pod.identity().uid.clone(),
            what,
        });
    }
}

/// What the machine's network says, in a pod's words.
pub(super) fn net_error(error: &io::Error) -> NetError {
    use io::ErrorKind;
    /// EMFILE, ENFILE: `ErrorKind` has no name for them.
    const TOO_MANY_FILES: [i32; 2] = [24, 23];
    /// EMSGSIZE on Linux.
    const MESSAGE_SIZE: i32 = 90;
    match error.kind() {
        ErrorKind::ConnectionRefused => NetError::ConnectionRefused,
        ErrorKind::ConnectionReset => NetError::ConnectionReset,
        ErrorKind::ConnectionAborted => NetError::ConnectionAborted,
        ErrorKind::TimedOut => NetError::TimedOut,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::NetworkDown => {
            NetError::Unreachable
        }
        // The machine has no address of that family: nothing of the pod's making.
        ErrorKind::AddrNotAvailable => NetError::Unreachable,
        ErrorKind::PermissionDenied => NetError::AccessDenied,
        ErrorKind::InvalidInput => NetError::InvalidArgument,
        _ => match error.raw_os_error() {
            Some(code) if TOO_MANY_FILES.contains(&code) => NetError::TooManySockets,
            Some(MESSAGE_SIZE) => NetError::DatagramTooLarge,
            _ => NetError::Other,
        },
    }
}
