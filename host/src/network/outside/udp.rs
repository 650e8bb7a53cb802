//! Datagrams between pods and the real network.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use bytes::{Bytes, BytesMut};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::DropGuard;

use super::limits::{FLOW_IDLE, FLOWS_PER_POD, PEERS_PER_FLOW};
use super::tcp::permit;
use super::{any, elsewhere, net_error, permitted};
use crate::model::{PodUid, Protocol};
use crate::network::dns::{self, DNS_PORT};
use crate::network::doors::Opening;
use crate::network::ports::{EPHEMERAL_FIRST, EPHEMERAL_LAST};
use crate::network::udp::UdpQueue;
use crate::network::wake::lock;
use crate::network::{Datagram, Family, NetError, PodNetwork};

/// No datagram is larger.
pub(in crate::network) const DATAGRAM_BYTES_MAX: usize = 65_535;
/// So many are handed over before other tasks have their turn.
const DATAGRAMS_AT_ONCE: usize = 64;

/// The address of a pod's UDP socket, and whether its peer is IPv6.
type Key = (SocketAddr, bool);

/// The sockets of the machine that a pod's UDP sockets have.
#[derive(Debug, Default)]
pub(super) struct Flows(Mutex<HashMap<Key, Held>>);

/// A flow; dropping this ends the task that receives for it.
#[derive(Debug)]
struct Held {
    flow: Arc<Flow>,
    _task: DropGuard,
}

/// One socket of the machine.
#[derive(Debug)]
struct Flow {
    /// For sending without waiting; the task that receives has another handle to the same socket.
    socket: std::net::UdpSocket,
    /// The pod's socket. Found by its port, answers could go to whoever was given that port next.
    queue: Arc<UdpQueue>,
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
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Held>> {
        lock(&self.0)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    pub(super) fn close(&self) {
        let held = std::mem::take(&mut *self.lock());
        drop(held);
    }

    /// Ends those of one socket of the pod.
    pub(super) fn close_socket(&self, family: Family, port: u16) {
        let mut flows = self.lock();
        if flows.is_empty() {
            return;
        }
        let is_of_it = |(local, _): &Key| local.port() == port && family.is(local.ip());
        let ended: Vec<_> = flows.extract_if(|key, _| is_of_it(key)).collect();
        drop(flows);
        drop(ended);
    }
}

impl Flow {
    fn lock(&self) -> MutexGuard<'_, FlowState> {
        lock(&self.state)
    }
}

/// Sends a datagram of a pod to the real network. Answers come to `queue`.
pub(in crate::network) fn send_udp(
    pod: &Arc<PodNetwork>,
    queue: &Arc<UdpQueue>,
    local: SocketAddr,
    remote: SocketAddr,
    data: Bytes,
) -> Result<(), NetError> {
    if remote.ip() == pod.switch().dns_ip() {
        if remote.port() == DNS_PORT {
            dns::datagram(pod, queue, &data);
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
    let flow = flow(pod, queue, (local, real.is_ipv6()))?;
    let is_known = flow.lock().peers.contains_key(&real);
    if !is_known {
        elsewhere(pod, remote, real, Protocol::Udp)?;
    }
    {
        let mut state = flow.lock();
        if state.peers.len() >= PEERS_PER_FLOW && !is_known {
            let one = state.peers.keys().next().copied();
            one.and_then(|peer| state.peers.remove(&peer));
        }
        state.used = Instant::now();
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

fn flow(pod: &Arc<PodNetwork>, queue: &Arc<UdpQueue>, key: Key) -> Result<Arc<Flow>, NetError> {
    let outside = pod.outside();
    // Dropped after the lock.
    let mut gone = Vec::new();
    let mut flows = outside.flows.lock();
    if let Some(held) = flows.get(&key) {
        return Ok(Arc::clone(&held.flow));
    }
    if outside.gone.is_cancelled() {
        return Err(NetError::TooManySockets);
    }
    if flows.len() >= FLOWS_PER_POD {
        // As a router does: whoever was silent longest loses its way back, and gets another when it speaks again.
        let used = |held: &Held| held.flow.lock().used;
        let silent = flows.iter().min_by_key(|(_, held)| used(held));
        let silent = silent.map(|(key, _)| *key);
        gone.extend(silent.and_then(|key| flows.remove(&key)));
    }
    let sockets = &pod.switch().machine().sockets;
    let permits = [permit(sockets)?, permit(sockets)?];
    let (socket, receiver) = open(key.1).map_err(|error| net_error(&error))?;
    let state = FlowState {
        used: Instant::now(),
        peers: HashMap::new(),
    };
    let flow = Arc::new(Flow {
        socket,
        queue: Arc::clone(queue),
        state: Mutex::new(state),
    });
    let ended = outside.gone.child_token();
    let held = Held {
        flow: Arc::clone(&flow),
        _task: ended.clone().drop_guard(),
    };
    flows.insert(key, held);
    let task = receive(
        Arc::downgrade(pod),
        key,
        Arc::clone(&flow),
        receiver,
        permits,
    );
    tokio::spawn(ended.run_until_cancelled_owned(task));
    Ok(flow)
}

fn open(v6: bool) -> io::Result<(std::net::UdpSocket, tokio::net::UdpSocket)> {
    let socket = std::net::UdpSocket::bind(any(v6))?;
    socket.set_nonblocking(true)?;
    let receiver = tokio::net::UdpSocket::from_std(socket.try_clone()?)?;
    Ok((socket, receiver))
}

/// Gives the pod what comes back, until nothing has gone either way for a while.
async fn receive(
    pod: Weak<PodNetwork>,
    key: Key,
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
            Ok(Ok(())) => deliver(&pod, &flow, &receiver),
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
        let own = flows.get(&key);
        let own = own.is_some_and(|own| Arc::ptr_eq(&own.flow, &flow));
        let held = own.then(|| flows.remove(&key));
        drop(flows);
        drop(held);
        return;
    }
}

/// Gives the pod what waits. False if the socket is of no use any more.
fn deliver(pod: &PodNetwork, flow: &Flow, receiver: &tokio::net::UdpSocket) -> bool {
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
                pod.deliver_to(&flow.queue, Datagram { data, from });
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
    pub(in crate::network) socket: Arc<Opening<tokio::net::UdpSocket>>,
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
                let client = entry.client;
                let _ = entry.socket.with(|socket| socket.try_send_to(data, client));
                true
            }
            _ => false,
        }
    }
}
