//! UDP sockets.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::meter::{Holder, Lease, Ticket};
use super::route::{Route, check_remote, route};
use super::shape::Lane;
use super::tcp::source_for;
use super::wake::{Waiters, lock};
use super::{Family, NetError, PodNetwork, outside};
use crate::budget::Memory;
use crate::model::Protocol;

/// The most that a UDP datagram carries over IPv4.
const DATAGRAM_BYTES_MAX: usize = 65_507;
/// What may wait at one socket.
const QUEUED_BYTES_MAX: usize = 256 * 1024;
/// How many may wait at one socket: empty datagrams cost memory, too.
const QUEUED_DATAGRAMS_MAX: usize = 4096;
/// What may wait at one socket of a pod whose budget is used up.
const QUEUED_BYTES_SHRUNK: usize = 4 * 1024;
/// What a datagram costs beside its bytes.
const DATAGRAM_OVERHEAD_BYTES: usize = 64;
/// Linux' `nf_conntrack_udp_timeout_stream`.
const FLOW_TIMEOUT: Duration = Duration::from_secs(120);
/// How many Services one socket talks to at once; one more and the flow that was silent longest is forgotten.
const FLOWS_MAX: usize = 64;

/// What UDP carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Its payload.
    pub data: Bytes,
    /// Who sent it.
    pub from: SocketAddr,
}

/// What came to a socket and was not read yet.
pub(super) struct UdpQueue {
    state: Mutex<State>,
    meter: Holder,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Datagram>,
    bytes: usize,
    /// The only peer.
    remote: Option<SocketAddr>,
    /// What the network said of an earlier datagram.
    error: Option<NetError>,
    flows: Vec<Flow>,
    closed: bool,
    receivers: Waiters,
}

/// Datagrams to a Service go to one pod while they flow, and its answers come from the Service.
struct Flow {
    service: SocketAddr,
    endpoint: SocketAddr,
    used: Instant,
}

impl std::fmt::Debug for UdpQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UdpQueue")
    }
}

impl UdpQueue {
    /// A datagram arrives. It is lost when there is no room, or when it is not from the only peer.
    pub(super) fn push(&self, mut datagram: Datagram) {
        let mut state = lock(&self.state);
        if !state.flows.is_empty() {
            state.translate(&mut datagram.from);
        }
        let cost = datagram.data.len() + DATAGRAM_OVERHEAD_BYTES;
        let room = if self.meter.is_exhausted() {
            QUEUED_BYTES_SHRUNK
        } else {
            QUEUED_BYTES_MAX
        };
        let wanted = state.remote.is_none_or(|remote| remote == datagram.from);
        let fits = state.bytes + cost <= room && state.queue.len() < QUEUED_DATAGRAMS_MAX;
        if state.closed || !wanted || !fits {
            return;
        }
        state.bytes += cost;
        self.meter.add(cost);
        state.queue.push_back(datagram);
        let receivers = state.receivers.take();
        drop(state);
        receivers.wake();
    }

    /// Nothing answered a datagram of this socket (ICMP port unreachable): the next operation of a connected one says so.
    fn unreachable(&self) {
        let mut state = lock(&self.state);
        if state.remote.is_none() {
            return;
        }
        state.error = Some(NetError::ConnectionRefused);
        let receivers = state.receivers.take();
        drop(state);
        receivers.wake();
    }

    /// Nobody reads any more.
    pub(super) fn close(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let queue = std::mem::take(&mut state.queue);
        let bytes = std::mem::take(&mut state.bytes);
        let receivers = state.receivers.take();
        drop(state);
        self.meter.subtract(bytes);
        drop(queue);
        receivers.wake();
    }

    fn next(&self, state: &mut State) -> Option<Result<Datagram, NetError>> {
        if let Some(error) = state.error.take() {
            return Some(Err(error));
        }
        let Some(datagram) = state.queue.pop_front() else {
            return state.closed.then_some(Err(NetError::ConnectionAborted));
        };
        let cost = datagram.data.len() + DATAGRAM_OVERHEAD_BYTES;
        state.bytes -= cost;
        self.meter.subtract(cost);
        if state.queue.is_empty() && state.queue.capacity() > 16 {
            state.queue = VecDeque::new();
        }
        Some(Ok(datagram))
    }
}

impl State {
    /// Makes an answer of a Service's pod come from the Service.
    fn translate(&mut self, from: &mut SocketAddr) {
        let now = Instant::now();
        let mut flows = self.flows.iter_mut();
        if let Some(flow) = flows.find(|flow| flow.endpoint == *from && flow.is_live(now)) {
            flow.used = now;
            *from = flow.service;
        }
    }

    /// The pod that a flow to a Service has.
    fn endpoint(&self, service: SocketAddr) -> Option<SocketAddr> {
        let now = Instant::now();
        let mut flows = self.flows.iter();
        let flow = flows.find(|flow| flow.service == service && flow.is_live(now))?;
        Some(flow.endpoint)
    }

    /// Remembers the pod that a flow to a Service has.
    fn flows_to(&mut self, service: SocketAddr, endpoint: SocketAddr) {
        let used = Instant::now();
        self.flows.retain(|flow| flow.service != service);
        if self.flows.len() >= FLOWS_MAX {
            self.flows.remove(0);
        }
        self.flows.push(Flow {
            service,
            endpoint,
            used,
        });
    }
}

impl Flow {
    fn is_live(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) < FLOW_TIMEOUT
    }
}

/// A UDP socket; dropping it frees its port.
pub struct UdpSocket {
    net: Arc<PodNetwork>,
    family: Family,
    queue: Arc<UdpQueue>,
    lease: Mutex<Option<Lease>>,
    /// Only of a socket that sends through limited bandwidth: towards the last receiver.
    lane: Mutex<Option<Arc<Lane>>>,
    shaped: AtomicBool,
    _ticket: Ticket,
}

impl UdpSocket {
    /// An unbound socket. Of a container's, what waits at it counts as that
    /// container's memory; what the node itself opens has no owner.
    pub fn new(
        net: &Arc<PodNetwork>,
        family: Family,
        owner: Option<&Arc<Memory>>,
    ) -> Result<Self, NetError> {
        let ticket = net.ticket(owner)?;
        Ok(Self {
            queue: Arc::new(UdpQueue {
                state: Mutex::default(),
                meter: ticket.holder(),
            }),
            _ticket: ticket,
            net: Arc::clone(net),
            family,
            lease: Mutex::default(),
            lane: Mutex::default(),
            shaped: AtomicBool::new(false),
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
    pub fn bind(&self, local: SocketAddr) -> Result<(), NetError> {
        self.net.check_bindable(self.family, local.ip())?;
        let mut lease = lock(&self.lease);
        if lease.is_some() {
            return Err(NetError::InvalidState);
        }
        *lease = Some(Lease::udp(
            &self.net,
            local.ip(),
            local.port(),
            &self.queue,
        )?);
        Ok(())
    }

    /// Sets or clears the only peer. A socket that is not bound is bound to an ephemeral port first.
    pub fn connect(&self, remote: Option<SocketAddr>) -> Result<(), NetError> {
        if let Some(remote) = remote {
            check_remote(self.family, remote)?;
            self.bound()?;
        }
        let mut state = lock(&self.queue.state);
        state.remote = remote;
        state.error = None;
        Ok(())
    }

    /// Where it is bound; of a connected one, the address that its peer sees.
    pub fn local_address(&self) -> Option<SocketAddr> {
        let (address, port) = {
            let lease = lock(&self.lease);
            let lease = lease.as_ref()?;
            (lease.address(), lease.port())
        };
        let address = match self.remote_address() {
            Some(remote) if address.is_unspecified() => source_for(&self.net, remote.ip()),
            _ => address,
        };
        Some(SocketAddr::new(address, port))
    }

    /// Its only peer.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        lock(&self.queue.state).remote
    }

    /// The next datagram.
    pub fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Result<Datagram, NetError>> {
        let mut state = lock(&self.queue.state);
        match self.queue.next(&mut state) {
            Some(answer) => Poll::Ready(answer),
            None => {
                let asked = state.receivers.add(cx.waker());
                drop(state);
                asked.wake();
                Poll::Pending
            }
        }
    }

    /// Ready when [`Self::try_receive`] has something.
    pub fn poll_receivable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.queue.state);
        if state.error.is_some() || state.closed || !state.queue.is_empty() {
            return Poll::Ready(());
        }
        let asked = state.receivers.add(cx.waker());
        drop(state);
        asked.wake();
        Poll::Pending
    }

    /// The next datagram, if there is one.
    pub fn try_receive(&self) -> Option<Result<Datagram, NetError>> {
        self.queue.next(&mut lock(&self.queue.state))
    }

    /// Waits until the bandwidth towards the last receiver lets another datagram pass (rule O1).
    pub fn poll_sendable(&self, cx: &mut Context<'_>) -> Poll<Result<(), NetError>> {
        if self.shaped.load(Ordering::Relaxed) {
            let lane = lock(&self.lane).clone();
            if let Some(lane) = lane {
                return lane.poll_available(cx).map(|_| Ok(()));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends; `None` is the only peer's address. What finds no room at the receiver is lost, and what is sent without waiting for
    /// [`Self::poll_sendable`] when the bandwidth is used up. A socket that is not bound is bound to an ephemeral port first.
    pub fn send(&self, data: Bytes, to: Option<SocketAddr>) -> Result<(), NetError> {
        if data.len() > DATAGRAM_BYTES_MAX {
            return Err(NetError::DatagramTooLarge);
        }
        let remote = {
            let mut state = lock(&self.queue.state);
            if let Some(error) = state.error.take() {
                return Err(error);
            }
            match (state.remote, to) {
                (Some(remote), Some(to)) if remote != to => Err(NetError::InvalidArgument),
                (Some(remote), _) | (None, Some(remote)) => Ok(remote),
                (None, None) => Err(NetError::InvalidArgument),
            }
        }?;
        check_remote(self.family, remote)?;
        let (address, port) = self.bound()?;
        let source = if address.is_unspecified() {
            source_for(&self.net, remote.ip())
        } else if address.is_loopback() && !self.net.owns(remote.ip()) {
            return Err(NetError::InvalidArgument);
        } else {
            address
        };
        self.pass_on(SocketAddr::new(source, port), remote, data)
    }

    fn pass_on(&self, from: SocketAddr, remote: SocketAddr, data: Bytes) -> Result<(), NetError> {
        let flow = |service: &super::balance::Balanced, port| {
            let endpoint = lock(&self.queue.state).endpoint(remote);
            endpoint.filter(|endpoint| service.is_ready(port, *endpoint))
        };
        match route(&self.net, Protocol::Udp, remote, flow) {
            Route::Pod {
                net,
                address,
                service,
            } => {
                if service.is_some() {
                    lock(&self.queue.state).flows_to(remote, address);
                }
                let crossing = !Arc::ptr_eq(&net, &self.net);
                if crossing && !self.passes(net.ingress.as_ref(), data.len()) {
                    return Ok(());
                }
                let queue = lock(&net.udp).find(address.ip(), address.port()).cloned();
                match queue {
                    Some(queue) => queue.push(Datagram { data, from }),
                    None => self.queue.unreachable(),
                }
                Ok(())
            }
            Route::Nowhere(NetError::ConnectionRefused) => {
                self.queue.unreachable();
                Ok(())
            }
            Route::Nowhere(error) => Err(error),
            Route::Outside => {
                if self.passes(None, data.len()) {
                    outside::send_udp(&self.net, &self.queue, from, remote, data)
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Counts a datagram that leaves the pod; false means that it is lost.
    fn passes(&self, ingress: Option<&Arc<super::shape::Bucket>>, bytes: usize) -> bool {
        if self.net.egress.is_none() && ingress.is_none() {
            return true;
        }
        let mut lane = lock(&self.lane);
        if lane.as_ref().is_none_or(|lane| !lane.leads_to(ingress)) {
            *lane = Lane::new(self.net.egress.as_ref(), ingress);
        }
        self.shaped.store(true, Ordering::Relaxed);
        lane.as_ref().is_none_or(|lane| lane.police(bytes))
    }

    /// Its address and port, bound now if it was not.
    fn bound(&self) -> Result<(IpAddr, u16), NetError> {
        let mut lease = lock(&self.lease);
        let lease = match &mut *lease {
            Some(lease) => lease,
            none => none.insert(Lease::udp(
                &self.net,
                self.family.unspecified(),
                0,
                &self.queue,
            )?),
        };
        if !self.net.is_attached() {
            return Err(NetError::Unreachable);
        }
        Ok((lease.address(), lease.port()))
    }
}

impl Drop for UdpSocket {
    fn drop(&mut self) {
        self.queue.close();
        let lease = lock(&self.lease);
        if let Some(lease) = &*lease {
            self.net
                .outside()
                .close_udp(self.family, lease.address(), lease.port());
        }
    }
}

impl std::fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let local = lock(&self.lease)
            .as_ref()
            .map(|lease| (lease.address(), lease.port()));
        write!(f, "UdpSocket({local:?})")
    }
}
