//! What a pod's sockets cost, and the limits.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::wake::lock;
use super::{NetError, PodNetwork};
use crate::budget::{Held, Memory};
use crate::model::Protocol;

/// Sockets of one pod, those included that wait in a backlog.
pub const SOCKETS_MAX: usize = 32_768;
/// What one pod's receive buffers may hold before every connection's window shrinks.
pub(super) const BUFFERED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The least that a writer may be permitted at once however many sockets the pod has. A guest can ask all its sockets for permits
/// before it uses the first, so this times [`SOCKETS_MAX`] is how far above the budget it can come.
const PERMIT_BYTES_MIN: usize = 8 * 1024;

/// Counters of one pod.
#[derive(Debug, Default)]
pub(super) struct Meter {
    sockets: AtomicUsize,
    buffered: AtomicUsize,
}

impl Meter {
    /// Bytes came into a receive buffer.
    pub(super) fn add(&self, bytes: usize) {
        self.buffered.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes left a receive buffer.
    pub(super) fn subtract(&self, bytes: usize) {
        self.buffered.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes in all receive buffers.
    pub(super) fn buffered(&self) -> usize {
        self.buffered.load(Ordering::Relaxed)
    }

    /// Open sockets.
    pub(super) fn sockets(&self) -> usize {
        self.sockets.load(Ordering::Relaxed)
    }

    /// Whether the budget is used up.
    pub(super) fn is_exhausted(&self) -> bool {
        self.buffered() >= BUFFERED_BYTES_MAX
    }

    /// The most that one writer may be permitted at once.
    pub(super) fn permit_bytes_max(&self) -> usize {
        let share = 4 * BUFFERED_BYTES_MAX / self.sockets().max(1);
        share.max(PERMIT_BYTES_MIN)
    }
}

/// What a socket costs beside its bytes: its state, two queues, the places in tables.
const SOCKET_BYTES: u64 = 1024;

/// Who holds the bytes that wait at a socket: its pod, and the container that opened it, if one did.
#[derive(Default)]
pub(super) struct Holder {
    pub(super) pod: Arc<Meter>,
    pub(super) container: Option<Arc<Memory>>,
}

impl Holder {
    /// Bytes came into a receive buffer.
    pub(super) fn add(&self, bytes: usize) {
        self.pod.add(bytes);
        if let Some(memory) = &self.container {
            memory.charge(bytes as u64);
        }
    }

    /// Bytes left a receive buffer.
    pub(super) fn subtract(&self, bytes: usize) {
        self.pod.subtract(bytes);
        if let Some(memory) = &self.container {
            memory.give_back(bytes as u64);
        }
    }

    /// Whether buffers are to stay small: the pod's budget is used up, or so little is left of the container's memory that a peer who
    /// sends much would be what ends it.
    pub(super) fn is_exhausted(&self) -> bool {
        self.pod.is_exhausted() || self.container.as_ref().is_some_and(|m| m.is_tight())
    }

    /// The most that one writer may be permitted at once.
    pub(super) fn permit_bytes_max(&self) -> usize {
        self.pod.permit_bytes_max()
    }
}

/// One socket of a pod, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    net: Arc<PodNetwork>,
    owner: Option<Arc<Memory>>,
    _held: Option<Held>,
}

impl Ticket {
    /// Counts a socket that a container opened, unless the pod has too many. It is memory like any other: past the limit the container
    /// ends.
    pub(super) fn take(
        net: &Arc<PodNetwork>,
        owner: Option<&Arc<Memory>>,
    ) -> Result<Self, NetError> {
        let held = owner.map(|memory| Held::charge(memory, SOCKET_BYTES));
        Self::count(net, owner, held)
    }

    /// Counts a socket that a peer caused, unless the pod has too many or the container no memory for it: no peer may end it so.
    pub(super) fn take_for_peer(
        net: &Arc<PodNetwork>,
        owner: Option<&Arc<Memory>>,
    ) -> Result<Self, NetError> {
        match owner.map(|memory| Held::take(memory, SOCKET_BYTES)) {
            Some(None) => Err(NetError::TooManySockets),
            held => Self::count(net, owner, held.flatten()),
        }
    }

    fn count(
        net: &Arc<PodNetwork>,
        owner: Option<&Arc<Memory>>,
        held: Option<Held>,
    ) -> Result<Self, NetError> {
        let before = net.meter.sockets.fetch_add(1, Ordering::Relaxed);
        let ticket = Self {
            net: Arc::clone(net),
            owner: owner.cloned(),
            _held: held,
        };
        if before >= SOCKETS_MAX {
            return Err(NetError::TooManySockets);
        }
        Ok(ticket)
    }

    /// Whose socket it is.
    pub(super) fn net(&self) -> &Arc<PodNetwork> {
        &self.net
    }

    /// The memory of the container that opened it.
    pub(super) fn owner(&self) -> Option<&Arc<Memory>> {
        self.owner.as_ref()
    }

    /// Who holds what waits at the socket.
    pub(super) fn holder(&self) -> Holder {
        Holder {
            pod: Arc::clone(&self.net.meter),
            container: self.owner.clone(),
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.net.meter.sockets.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A port of a pod, held until it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    net: Arc<PodNetwork>,
    protocol: Protocol,
    address: IpAddr,
    port: u16,
}

impl Lease {
    /// Takes a TCP port; 0 is an ephemeral one.
    pub(super) fn tcp(net: &Arc<PodNetwork>, address: IpAddr, port: u16) -> Result<Self, NetError> {
        let port = lock(&net.tcp).claim(address, port, None)?;
        Ok(Self {
            net: Arc::clone(net),
            protocol: Protocol::Tcp,
            address,
            port,
        })
    }

    /// Takes a UDP port for a queue; 0 is an ephemeral one.
    pub(super) fn udp(
        net: &Arc<PodNetwork>,
        address: IpAddr,
        port: u16,
        queue: &Arc<super::udp::UdpQueue>,
    ) -> Result<Self, NetError> {
        let port = lock(&net.udp).claim(address, port, Arc::clone(queue))?;
        Ok(Self {
            net: Arc::clone(net),
            protocol: Protocol::Udp,
            address,
            port,
        })
    }

    /// The address it was bound to.
    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// The port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // What held the port is dropped after the lock: it may be the last owner of sockets with ports of their own.
        match self.protocol {
            Protocol::Tcp => {
                let held = lock(&self.net.tcp).release(self.address, self.port);
                drop(held);
            }
            Protocol::Udp => {
                let held = lock(&self.net.udp).release(self.address, self.port);
                drop(held);
            }
        }
    }
}
