//! A pod's place in the network.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::meter::{Meter, Ticket};
use super::outside::Outside;
use super::ports::PortTable;
use super::shape::Bucket;
use super::tcp::{self, Backlog, Connections};
use super::udp::UdpQueue;
use super::wake::lock;
use super::{Datagram, EgressPolicy, NetError, ResolvConf, Switch, TcpStream};
use crate::budget::Memory;
use crate::model::{Namespace, PodName, PodUid};

/// IPv4 or IPv6. A v6 socket is v6 only; a pod's one v6 address is `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

impl Family {
    /// Whether an address is of this family.
    pub(super) fn is(self, address: IpAddr) -> bool {
        address.is_ipv4() == (self == Self::V4)
    }

    /// The address that stands for all of the family.
    pub(super) fn unspecified(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// What the network knows of a pod.
#[derive(Clone, Debug)]
pub struct PodIdentity {
    /// `metadata.uid`
    pub uid: PodUid,
    /// `metadata.name`
    pub name: PodName,
    /// `metadata.namespace`
    pub namespace: Namespace,
    /// The hostname (rule H9).
    pub hostname: String,
    /// The fully qualified name, when `spec.subdomain` is set (rule H9).
    pub fqdn: Option<String>,
    /// `spec.hostAliases`: IP address and names (rule H10).
    pub aliases: Vec<(String, Vec<String>)>,
    /// `kubernetes.io/ingress-bandwidth` (rule O1).
    pub ingress_bits_per_second: Option<u64>,
    /// `kubernetes.io/egress-bandwidth` (rule O1).
    pub egress_bits_per_second: Option<u64>,
    /// What of the real network it may reach.
    pub egress: EgressPolicy,
    /// What its resolver is told, the same as in its `/etc/resolv.conf` (rule H11).
    pub resolv: ResolvConf,
}

/// A pod's network: its loopback, its address, its ports.
pub struct PodNetwork {
    switch: Arc<Switch>,
    identity: PodIdentity,
    ip: Ipv4Addr,
    attached: AtomicBool,
    /// Its sockets and what they hold.
    pub(super) meter: Arc<Meter>,
    /// Who has which TCP port; a port of a listener has its backlog.
    pub(super) tcp: Mutex<PortTable<Option<Arc<Backlog>>>>,
    /// Who has which UDP port.
    pub(super) udp: Mutex<PortTable<Arc<UdpQueue>>>,
    /// Its ends of connections.
    pub(super) connections: Mutex<Connections>,
    /// What leaves the pod (rule O1).
    pub(super) egress: Option<Arc<Bucket>>,
    /// What comes to the pod (rule O1).
    pub(super) ingress: Option<Arc<Bucket>>,
    outside: Outside,
}

impl std::fmt::Debug for PodNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PodNetwork({} {})", self.identity.uid, self.ip)
    }
}

impl PodNetwork {
    /// A pod of this address; [`Switch::attach`] gives them out.
    pub(super) fn new(switch: Arc<Switch>, identity: PodIdentity, ip: Ipv4Addr) -> Self {
        Self {
            ip,
            attached: AtomicBool::new(true),
            meter: Arc::default(),
            tcp: Mutex::new(PortTable::new()),
            udp: Mutex::new(PortTable::new()),
            connections: Mutex::default(),
            egress: identity.egress_bits_per_second.map(Bucket::new),
            ingress: identity.ingress_bits_per_second.map(Bucket::new),
            outside: Outside::default(),
            switch,
            identity,
        }
    }

    /// The pod's address.
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// Who it is.
    pub fn identity(&self) -> &PodIdentity {
        &self.identity
    }

    /// The network it is on.
    pub fn switch(&self) -> &Arc<Switch> {
        &self.switch
    }

    /// How many times it was refused something of the real network.
    pub fn refused(&self) -> u64 {
        self.outside.refused()
    }

    /// What it has open on the machine.
    pub(super) fn outside(&self) -> &Outside {
        &self.outside
    }

    /// Takes the pod off the network, see [`Switch::detach`].
    pub fn release(&self) {
        self.switch.detach(&self.identity.uid);
    }

    /// Connects to the pod from outside of all pods (probes, hostPort): it reaches what listens on the pod's address or on all, not
    /// what listens on loopback. `remote` is an address of this pod, `from` the one it sees: [`Switch::node_source`].
    pub async fn dial(
        self: &Arc<Self>,
        remote: SocketAddr,
        from: SocketAddr,
    ) -> Result<TcpStream, NetError> {
        if remote.ip() != IpAddr::V4(self.ip) {
            return Err(NetError::ConnectionRefused);
        }
        tcp::dial(self, remote, from, true).await
    }

    /// Connects to the pod from its own loopback (port-forward).
    pub async fn dial_loopback(self: &Arc<Self>, port: u16) -> Result<TcpStream, NetError> {
        let from = |loopback: IpAddr| SocketAddr::new(loopback, self.switch.node_source().port());
        let v4: IpAddr = Ipv4Addr::LOCALHOST.into();
        let v6: IpAddr = std::net::Ipv6Addr::LOCALHOST.into();
        match tcp::dial(self, SocketAddr::new(v4, port), from(v4), false).await {
            Err(NetError::ConnectionRefused) => {
                tcp::dial(self, SocketAddr::new(v6, port), from(v6), false).await
            }
            answer => answer,
        }
    }

    /// Gives a datagram from outside of all pods to the pod's socket on this port of its address; lost if there is none, or if the
    /// pod's bandwidth is used up.
    pub fn deliver(&self, port: u16, datagram: Datagram) {
        let queue = lock(&self.udp).find(IpAddr::V4(self.ip), port).cloned();
        if let Some(queue) = queue {
            self.deliver_to(&queue, datagram);
        }
    }

    /// Gives a datagram from outside of all pods to the socket that it answers, whoever has the port by now.
    pub(super) fn deliver_to(&self, queue: &UdpQueue, datagram: Datagram) {
        let bytes = datagram.data.len();
        let passes = self
            .ingress
            .as_ref()
            .is_none_or(|bucket| bucket.police(bytes, false));
        if passes {
            queue.push(datagram);
        }
    }

    /// Whether an address is one of this pod's own: what goes there never leaves it.
    pub(super) fn owns(&self, address: IpAddr) -> bool {
        address.is_loopback() || address == IpAddr::V4(self.ip)
    }

    /// Whether a socket may be bound to an address.
    pub(super) fn check_bindable(&self, family: Family, address: IpAddr) -> Result<(), NetError> {
        if family.is(address) {
            if self.owns(address) || address.is_unspecified() {
                Ok(())
            } else {
                Err(NetError::AddressNotBindable)
            }
        } else {
            Err(NetError::InvalidArgument)
        }
    }

    /// One more socket of the pod, opened by that container.
    pub(super) fn ticket(
        self: &Arc<Self>,
        owner: Option<&Arc<Memory>>,
    ) -> Result<Ticket, NetError> {
        if !self.is_attached() {
            return Err(NetError::Unreachable);
        }
        Ticket::take(self, owner)
    }

    /// One more socket of the pod, for a peer that connects to that container.
    pub(super) fn ticket_for_peer(
        self: &Arc<Self>,
        owner: Option<&Arc<Memory>>,
    ) -> Result<Ticket, NetError> {
        if !self.is_attached() {
            return Err(NetError::Unreachable);
        }
        Ticket::take_for_peer(self, owner)
    }

    /// Whether the pod has its address still.
    pub(super) fn is_attached(&self) -> bool {
        self.attached.load(Ordering::Acquire)
    }

    /// Ends everything that is open. The switch calls it once the address is no longer the pod's.
    pub(super) fn cut_off(&self) {
        self.attached.store(false, Ordering::Release);
        self.outside.close();
        let backlogs: Vec<_> = {
            let mut table = lock(&self.tcp);
            table.close();
            table.values().flatten().cloned().collect()
        };
        for backlog in backlogs {
            backlog.close();
        }
        let queues: Vec<_> = {
            let mut table = lock(&self.udp);
            table.close();
            table.values().cloned().collect()
        };
        for queue in queues {
            queue.close();
        }
        let connections = lock(&self.connections).close();
        for (connection, side) in connections {
            if let Some(connection) = connection.upgrade() {
                connection.abort(side);
            }
        }
    }
}
