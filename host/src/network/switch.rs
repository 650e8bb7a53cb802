//! The switch: pods' addresses and the table of Services.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ipnet::Ipv4Net;

use tokio::sync::broadcast;

use super::outside::Machine;
use super::{NetError, PodIdentity, PodNetwork, Refusal, Service, TcpStream};
use crate::model::PodUid;

/// Which addresses the virtual network gives out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSettings {
    /// Where pods' addresses come from; its first host address is the node.
    pub pod_cidr: Ipv4Net,
    /// Where Services' virtual addresses come from; its tenth is the DNS server.
    pub service_cidr: Ipv4Net,
    /// The zone of Services' names.
    pub zone: String,
}

impl Default for NetworkSettings {
    fn default() -> Self {
        Self {
            pod_cidr: Ipv4Net::new_assert(Ipv4Addr::new(10, 88, 0, 0), 16),
            service_cidr: Ipv4Net::new_assert(Ipv4Addr::new(10, 89, 0, 0), 16),
            zone: "cluster.local".into(),
        }
    }
}

/// Why a network of these settings cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// There is no room for the node and one pod.
    #[error("pod network {0} is too small: it needs a prefix of 30 bits or fewer")]
    PodCidrTooSmall(Ipv4Net),
    /// There is no room for the DNS server's address.
    #[error("service network {0} is too small: it needs a prefix of 28 bits or fewer")]
    ServiceCidrTooSmall(Ipv4Net),
    /// An address would be a pod's and a Service's.
    #[error("pod network {0} and service network {1} overlap")]
    Overlap(Ipv4Net, Ipv4Net),
}

/// Why a pod gets no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// Every address of the pod network belongs to a living pod.
    #[error("no address left in pod network {0}")]
    Exhausted(Ipv4Net),
}

/// What the network holds, for tests that nothing leaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkStats {
    /// Attached pods.
    pub pods: usize,
    /// Open sockets of every kind, connections that wait in a backlog included.
    pub sockets: usize,
    /// Listening sockets.
    pub listeners: usize,
    /// Pods' ends of connections.
    pub connections: usize,
    /// Bytes in all receive buffers.
    pub buffered_bytes: usize,
    /// Entries in all port tables.
    pub ports: usize,
}

/// One virtual network: pods, Services and what is between them.
#[derive(Debug)]
pub struct Switch {
    settings: NetworkSettings,
    machine: Machine,
}

impl Switch {
    /// A network without pods.
    pub fn new(settings: NetworkSettings) -> Result<Arc<Self>, SettingsError> {
        Ok(Arc::new(Self {
            settings,
            machine: Machine::default(),
        }))
    }

    /// What it was made with.
    pub fn settings(&self) -> &NetworkSettings {
        &self.settings
    }

    /// The node's address: where probes, hostPort and port-forward come from.
    pub fn node_ip(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 88, 0, 1)
    }

    /// The node's address with the next port of its ephemeral ones, for [`PodNetwork::dial`] and [`Switch::dial_service`].
    pub fn node_source(&self) -> SocketAddr {
        SocketAddr::from((self.node_ip(), 32_768))
    }

    /// The DNS server's address.
    pub fn dns_ip(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 89, 0, 10)
    }

    /// Gives a pod an address; the same UID keeps the one it has.
    pub fn attach(
        self: &Arc<Self>,
        _identity: PodIdentity,
    ) -> Result<Arc<PodNetwork>, AttachError> {
        Err(AttachError::Exhausted(self.settings.pod_cidr))
    }

    /// Takes a pod off the network: its address is free, everything it has open is reset. Twice is once.
    pub fn detach(&self, _uid: &PodUid) {}

    /// Replaces the table of Services.
    pub fn set_services(&self, _services: Vec<Service>) {}

    /// The Services as they are now.
    pub fn services(&self) -> Arc<Vec<Arc<Service>>> {
        Arc::default()
    }

    /// The pod of an address.
    pub fn pod(&self, _ip: Ipv4Addr) -> Option<Arc<PodNetwork>> {
        None
    }

    /// What pods are refused of the real network from now on; one of 256 that nobody read in time is lost.
    pub fn refusals(&self) -> broadcast::Receiver<Refusal> {
        self.machine.refusals()
    }

    /// What pods share of the machine.
    pub(super) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What the network holds.
    pub fn stats(&self) -> NetworkStats {
        NetworkStats::default()
    }

    /// Connects to a Service's port from outside of all pods (NodePort, rule N11).
    pub async fn dial_service(
        &self,
        _namespace: &str,
        _name: &str,
        _port_index: usize,
        _from: SocketAddr,
    ) -> Result<TcpStream, NetError> {
        Err(NetError::ConnectionRefused)
    }
}
