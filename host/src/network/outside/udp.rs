//! Datagrams between pods and the real network.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::limits::{FLOW_IDLE, FLOWS_PER_POD, PEERS_PER_FLOW};
use super::tcp::permit;
use super::{net_error, permitted};
use crate::model::{PodUid, Protocol};
use crate::network::dns::{self, DNS_PORT};
use crate::network::ports::{EPHEMERAL_FIRST, EPHEMERAL_LAST};
use crate::network::wake::lock;
use crate::network::{Datagram, NetError, PodNetwork};

/// No datagram is larger.
pub(in crate::network) const DATAGRAM_BYTES_MAX: usize = 65_535;
/// So many are handed over before other tasks have their turn.
const DATAGRAMS_AT_ONCE: usize = 64;

/// The sockets of the machine that a pod's UDP sockets have, by the latter's address and whether the peer is IPv6.
#[derive(Debug, Default)]
pub(super) struct Flows(Mutex<HashMap<(SocketAddr, bool), Arc<Flow>>>);

/// One socket of the machine.
#[derive(Debug)]
struct Flow {
    /// For sending without waiting; the task that receives has another handle to the same socket.
    socket: std::net::UdpSocket,
    state: Mutex<FlowState>,
}

#[derive(Debug)]
struct FlowState {
    used: Instant,
    /// Whom the pod has sent to, by their address on the machine, and what the pod calls them. Nobody else's datagrams come in: on the
    /// machine anyone who guesses the port can send to it.
    peers: HashMap<SocketAddr, SocketAddr>,
}

impl Flows {
    fn lock(&self) -> MutexGuard<'_, HashMap<(SocketAddr, bool), Arc<Flow>>> {
        lock(&self.0)
    }

    pub(super) fn close(&self) {
        self.lock().clear();
    }
}

impl Flow {
    fn lock(&self) -> MutexGuard<'_, FlowState> {
        lock(&self.state)
    }
}

/// Sends a datagram of a pod to the real network. Answers come in through [`PodNetwork::deliver`].
pub(in crate::network) fn send_udp(
    pod: &Arc<PodNetwork>,
    local: SocketAddr,
    remote: SocketAddr,
    data: Bytes,
) -> Result<(), NetError> {
    if remote.ip() == pod.switch().dns_ip() {
        if remote.port() == DNS_PORT {
            dns::datagram(pod, local, &data);
        }
        return Ok(());
    }
    if pod
        .switch()
        .machine()
        .returns()
        .send(pod, local, remote, &data)
    {
        return Ok(());
    }
    if is_late_answer(pod, remote) {
        return Ok(());
    }
    let real = permitted(pod, remote, Protocol::Udp)?;
    let flow = flow(pod, local, real.is_ipv6())?;
    {
        let mut state = flow.lock();
        state.used = Instant::now();
        if state.peers.len() >= PEERS_PER_FLOW && !state.peers.contains_key(&real) {
            let any = state.peers.keys().next().copied();
            any.and_then(|peer| state.peers.remove(&peer));
        }
        state.peers.insert(real, remote);
    }
    sent(flow.socket.send_to(&data, real))
}

/// An answer to a client of a door that is forgotten by now: lost, as anywhere, and nothing that the pod is to be blamed for.
fn is_late_answer(pod: &PodNetwork, remote: SocketAddr) -> bool {
    remote.ip() == pod.switch().node_ip()
        && (EPHEMERAL_FIRST..=EPHEMERAL_LAST).contains(&remote.port())
        && !pod.identity().egress.permits_host(remote.port())
}

/// A full queue of the machine loses a datagram as any network does. So does a refusal of an earlier one, which tells nothing of this.
fn sent(result: io::Result<usize>) -> Result<(), NetError> {
    match result {
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionRefused => Ok(()),
            _ => Err(net_error(&error)),
        },
    }
}

fn flow(pod: &Arc<PodNetwork>, local: SocketAddr, v6: bool) -> Result<Arc<Flow>, NetError> {
    let outside = pod.outside();
    let key = (local, v6);
    let mut flows = outside.flows.lock();
    if let Some(flow) = flows.get(&key) {
        return Ok(Arc::clone(flow));
    }
    if outside.gone.is_cancelled() || flows.len() >= FLOWS_PER_POD {
        return Err(NetError::TooManySockets);
    }
    let sockets = &pod.switch().machine().sockets;
    let permits = [permit(sockets)?, permit(sockets)?];
    let (socket, receiver) = open(v6).map_err(|error| net_error(&error))?;
    let state = FlowState {
        used: Instant::now(),
        peers: HashMap::new(),
    };
    let flow = Arc::new(Flow {
        socket,
        state: Mutex::new(state),
    });
    flows.insert(key, Arc::clone(&flow));
    let gone = outside.gone.clone();
    let task = receive(
        Arc::downgrade(pod),
        key,
        Arc::clone(&flow),
        receiver,
        permits,
    );
    tokio::spawn(gone.run_until_cancelled_owned(task));
    Ok(flow)
}

fn open(v6: bool) -> io::Result<(std::net::UdpSocket, tokio::net::UdpSocket)> {
    let any = if v6 {
        SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
    } else {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
    };
    let socket = std::net::UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    let receiver = tokio::net::UdpSocket::from_std(socket.try_clone()?)?;
    Ok((socket, receiver))
}

/// Gives the pod what comes back, until nothing has gone either way for a while.
async fn receive(
    pod: Weak<PodNetwork>,
    key: (SocketAddr, bool),
    flow: Arc<Flow>,
    receiver: tokio::net::UdpSocket,
    _permits: [OwnedSemaphorePermit; 2],
) {
    loop {
        let idle = flow.lock().used + FLOW_IDLE;
        let waited = tokio::time::timeout_at(idle, receiver.readable()).await;
        let Some(pod) = pod.upgrade() else {
            return;
        };
        let goes_on = match waited {
            Ok(Ok(())) => deliver(&pod, key.0, &flow, &receiver),
            Ok(Err(_)) => false,
            Err(_) => flow.lock().used + FLOW_IDLE > Instant::now(),
        };
        if goes_on {
            continue;
        }
        let mut flows = pod.outside().flows.lock();
        // Once more under the lock: what was sent just now has its answer yet to come.
        if waited.is_err() && flow.lock().used + FLOW_IDLE > Instant::now() {
            continue;
        }
        if flows.get(&key).is_some_and(|own| Arc::ptr_eq(own, &flow)) {
            flows.remove(&key);
        }
        return;
    }
}

/// Gives the pod what waits. False if the socket is of no use any more.
fn deliver(
    pod: &PodNetwork,
    local: SocketAddr,
    flow: &Flow,
    receiver: &tokio::net::UdpSocket,
) -> bool {
    let mut buffer = BytesMut::with_capacity(DATAGRAM_BYTES_MAX);
    for _ in 0..DATAGRAMS_AT_ONCE {
        buffer.clear();
        match receiver.try_recv_buf_from(&mut buffer) {
            Ok((_, from)) => {
                let mut state = flow.lock();
                let Some(from) = state.peers.get(&from).copied() else {
                    continue;
                };
                state.used = Instant::now();
                drop(state);
                let data = Bytes::copy_from_slice(&buffer);
                pod.deliver(local.port(), Datagram { data, from });
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => return true,
                // An earlier datagram met nobody; the next one may be fine.
                io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => {}
                _ => return false,
            },
        }
    }
    true
}

/// Where pods' answers to clients of the machine's UDP doors go: by the address the pod sees.
#[derive(Debug, Default)]
pub(in crate::network) struct Returns(Mutex<HashMap<SocketAddr, Return>>);

/// One client of one door.
#[derive(Debug)]
pub(in crate::network) struct Return {
    /// Who may answer,
    pub(in crate::network) pod: PodUid,
    /// from which of its ports,
    pub(in crate::network) port: u16,
    /// through which door,
    pub(in crate::network) socket: Arc<tokio::net::UdpSocket>,
    /// to whom.
    pub(in crate::network) client: SocketAddr,
    /// When something went either way.
    pub(in crate::network) used: Instant,
}

impl Returns {
    fn lock(&self) -> MutexGuard<'_, HashMap<SocketAddr, Return>> {
        lock(&self.0)
    }

    /// Enters a client under an address that is not in use.
    pub(in crate::network) fn enter(
        &self,
        mut address: impl FnMut() -> SocketAddr,
        entry: Return,
    ) -> Option<SocketAddr> {
        /// Ports that are in use follow one another, but not for ever.
        const TRIES: usize = 64;
        let mut entries = self.lock();
        let free = (0..TRIES)
            .map(|_| address())
            .find(|address| !entries.contains_key(address))?;
        entries.insert(free, entry);
        Some(free)
    }

    /// Something went to the pod.
    pub(in crate::network) fn touch(&self, address: SocketAddr) {
        if let Some(entry) = self.lock().get_mut(&address) {
            entry.used = Instant::now();
        }
    }

    /// When something went either way.
    pub(in crate::network) fn used(&self, address: SocketAddr) -> Option<Instant> {
        self.lock().get(&address).map(|entry| entry.used)
    }

    /// Takes a client out.
    pub(in crate::network) fn leave(&self, address: SocketAddr) {
        self.lock().remove(&address);
    }

    /// Whether this was a pod's answer to a client; sent, then.
    fn send(&self, pod: &PodNetwork, local: SocketAddr, remote: SocketAddr, data: &Bytes) -> bool {
        let mut entries = self.lock();
        match entries.get_mut(&remote) {
            Some(entry) if entry.pod == pod.identity().uid && entry.port == local.port() => {
                entry.used = Instant::now();
                // Lost, as on any network, if the machine has no room for it.
                let _ = entry.socket.try_send_to(data, entry.client);
                true
            }
            _ => false,
        }
    }
}
