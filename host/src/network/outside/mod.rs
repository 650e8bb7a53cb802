//! The way out of the virtual network, to addresses that are no pod, Service or loopback.

mod limits;
mod lookup;
mod refusals;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

pub use refusals::{Refusal, Refused};
pub(super) use tcp::connect;
pub(super) use udp::{DATAGRAM_BYTES_MAX, Return, Returns, send_udp};

use super::{Family, NetError, PodNetwork};
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

    /// For sockets of the machine.
    pub(super) fn sockets(&self) -> &Arc<Semaphore> {
        &self.sockets
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
    lookups_pending: Arc<Semaphore>,
    lookups: Arc<Semaphore>,
    queries: Arc<Semaphore>,
    dns_connections: Arc<Semaphore>,
    flows: udp::Flows,
    seen: Seen,
    refused: AtomicU64,
    turn: AtomicUsize,
    /// Ends what runs for the pod.
    gone: CancellationToken,
}

impl Default for Outside {
    fn default() -> Self {
        Self {
            connections: Arc::new(Semaphore::new(CONNECTIONS_PER_POD)),
            lookups_pending: Arc::new(Semaphore::new(LOOKUPS_PENDING_PER_POD)),
            lookups: Arc::new(Semaphore::new(LOOKUPS_PER_POD)),
            queries: Arc::new(Semaphore::new(QUERIES_PER_POD)),
            dns_connections: Arc::new(Semaphore::new(DNS_CONNECTIONS_PER_POD)),
            flows: udp::Flows::default(),
            seen: Seen::default(),
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

    /// A UDP socket of the pod is closed: so is what it had on the machine.
    pub(super) fn close_udp(&self, family: Family, address: IpAddr, port: u16) {
        // Nothing leaves from loopback, and whoever has the port on another address goes on.
        if !address.is_loopback() {
            self.flows.close_socket(family, port);
        }
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

/// Refuses a place that is the machine itself by an address of its interfaces, where a pod may not go to the machine: whoever writes `all`
/// or the range of the local network does not mean its databases, which trust whoever is local.
fn elsewhere(
    pod: &PodNetwork,
    remote: SocketAddr,
    real: SocketAddr,
    protocol: Protocol,
) -> Result<(), NetError> {
    if real.ip().is_loopback() || pod.identity().egress.permits_host(real.port()) {
        return Ok(());
    }
    if leads_here(real).map_err(|error| net_error(&error))? {
        refuse(pod, Refused::Address(remote, protocol));
        return Err(NetError::AccessDenied);
    }
    Ok(())
}

/// Whether an address is the machine's own: a socket may have it then. Nothing is sent to find out.
fn leads_here(mut address: SocketAddr) -> io::Result<bool> {
    address.set_port(0);
    match UdpSocket::bind(address) {
        Ok(_) => Ok(!anything_can_be_bound(address.is_ipv6()) || sends_from(address)?),
        Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether the machine lets its sockets have addresses that are not its own (`ip_nonlocal_bind`, for failover): it says so of an address
/// that nobody has (RFC 5737, RFC 3849).
fn anything_can_be_bound(v6: bool) -> bool {
    let nobody: IpAddr = if v6 {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()
    } else {
        Ipv4Addr::new(198, 51, 100, 1).into()
    };
    UdpSocket::bind((nobody, 0)).is_ok()
}

/// Whether what goes to that address comes from it. It is not so of an interface's second address, but nearly always of its first.
fn sends_from(mut address: SocketAddr) -> io::Result<bool> {
    let probe = UdpSocket::bind(any(address.is_ipv6()))?;
    // A UDP connect looks for the way and sends nothing. Why there is none, whoever really goes there is told.
    address.set_port(9);
    let local = probe.connect(address).and_then(|()| probe.local_addr());
    Ok(local.is_ok_and(|local| local.ip() == address.ip()))
}

/// Any address of a family, with any port.
fn any(v6: bool) -> SocketAddr {
    if v6 {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    }
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
