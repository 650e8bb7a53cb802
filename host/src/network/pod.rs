//! A pod's place in the network.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::outside::Outside;
use super::{Datagram, EgressPolicy, NetError, ResolvConf, Switch, TcpStream};
use crate::model::{Namespace, PodName, PodUid};

/// IPv4 or IPv6. A v6 socket is v6 only; a pod's one v6 address is `::1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
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
#[derive(Debug)]
pub struct PodNetwork {
    switch: Arc<Switch>,
    identity: PodIdentity,
    ip: Ipv4Addr,
    outside: Outside,
}

impl PodNetwork {
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
        _remote: SocketAddr,
        _from: SocketAddr,
    ) -> Result<TcpStream, NetError> {
        Err(NetError::ConnectionRefused)
    }

    /// Connects to the pod from its own loopback (port-forward).
    pub async fn dial_loopback(self: &Arc<Self>, _port: u16) -> Result<TcpStream, NetError> {
        Err(NetError::ConnectionRefused)
    }

    /// Gives a datagram from outside of all pods to the pod's socket on this port of its address; lost if there is none.
    pub fn deliver(&self, _port: u16, _datagram: Datagram) {}
}
