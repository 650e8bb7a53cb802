//! The switch: pods' addresses and the table of Services.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use ipnet::Ipv4Net;
use tokio::sync::broadcast;

use super::addresses::AddressPool;
use super::balance::{Balanced, ServiceTable};
use super::outside::Machine;
use super::ports::{EPHEMERAL_FIRST, EPHEMERAL_LAST};
use super::wake::lock;
use super::{NetError, PodIdentity, PodNetwork, Refusal, Service, TcpStream};
use crate::model::{PodUid, Protocol};

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
    node_ip: Ipv4Addr,
    dns_ip: Ipv4Addr,
    addresses: Mutex<Addresses>,
    /// Read by every connection that leaves its pod.
    pods: RwLock<HashMap<Ipv4Addr, Arc<PodNetwork>>>,
    services: RwLock<Arc<ServiceTable>>,
    node_port: AtomicU32,
    machine: Machine,
}

#[derive(Debug)]
struct Addresses {
    pool: AddressPool,
    by_uid: HashMap<PodUid, Arc<PodNetwork>>,
    /// Every pod that something still refers to, detached ones too: what they hold counts as a leak.
    seen: Vec<Weak<PodNetwork>>,
}

/// The `offset`th address of a network.
fn nth(net: Ipv4Net, offset: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(net.network()).saturating_add(offset))
}

impl Switch {
    /// A network without pods.
    pub fn new(settings: NetworkSettings) -> Result<Arc<Self>, SettingsError> {
        let (pods, services) = (settings.pod_cidr, settings.service_cidr);
        if pods.prefix_len() > 30 {
            return Err(SettingsError::PodCidrTooSmall(pods));
        }
        if services.prefix_len() > 28 {
            return Err(SettingsError::ServiceCidrTooSmall(services));
        }
        if pods.contains(&services.network()) || services.contains(&pods.network()) {
            return Err(SettingsError::Overlap(pods, services));
        }
        Ok(Arc::new(Self {
            node_ip: nth(pods, 1),
            dns_ip: nth(services, 10),
            addresses: Mutex::new(Addresses {
                pool: AddressPool::new(pods),
                by_uid: HashMap::new(),
                seen: Vec::new(),
            }),
            pods: RwLock::default(),
            services: RwLock::default(),
            node_port: AtomicU32::new(0),
            machine: Machine::default(),
            settings,
        }))
    }

    /// What it was made with.
    pub fn settings(&self) -> &NetworkSettings {
        &self.settings
    }

    /// The node's address: where probes, hostPort and port-forward come from.
    pub fn node_ip(&self) -> Ipv4Addr {
        self.node_ip
    }

    /// The node's address with the next of its ephemeral ports, for [`PodNetwork::dial`] and [`Switch::dial_service`].
    pub fn node_source(&self) -> SocketAddr {
        let ports = u32::from(EPHEMERAL_LAST - EPHEMERAL_FIRST) + 1;
        let turn = self.node_port.fetch_add(1, Ordering::Relaxed) % ports;
        let port = u16::try_from(turn).unwrap_or(0) + EPHEMERAL_FIRST;
        SocketAddr::from((self.node_ip, port))
    }

    /// The DNS server's address.
    pub fn dns_ip(&self) -> Ipv4Addr {
        self.dns_ip
    }

    /// Gives a pod an address; the same UID keeps the one it has.
    pub fn attach(self: &Arc<Self>, identity: PodIdentity) -> Result<Arc<PodNetwork>, AttachError> {
        let mut addresses = lock(&self.addresses);
        if let Some(pod) = addresses.by_uid.get(&identity.uid) {
            return Ok(Arc::clone(pod));
        }
        let ip = addresses
            .pool
            .take()
            .ok_or(AttachError::Exhausted(self.settings.pod_cidr))?;
        let uid = identity.uid.clone();
        let pod = Arc::new(PodNetwork::new(Arc::clone(self), identity, ip));
        addresses.by_uid.insert(uid, Arc::clone(&pod));
        if addresses.seen.len() > 64 + 2 * addresses.by_uid.len() {
            addresses.seen.retain(|pod| pod.strong_count() > 0);
        }
        addresses.seen.push(Arc::downgrade(&pod));
        let mut pods = self.pods.write().unwrap_or_else(PoisonError::into_inner);
        pods.insert(ip, Arc::clone(&pod));
        Ok(pod)
    }

    /// Takes a pod off the network: everything it has open is reset, then its address is free. Twice is once.
    pub fn detach(&self, uid: &PodUid) {
        let Some(pod) = lock(&self.addresses).by_uid.remove(uid) else {
            return;
        };
        let entry = self
            .pods
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&pod.ip());
        drop(entry);
        pod.cut_off();
        lock(&self.addresses).pool.give_back(pod.ip());
    }

    /// Replaces the table of Services.
    pub fn set_services(&self, services: Vec<Service>) {
        let mut table = self
            .services
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *table = Arc::new(ServiceTable::new(services, &table));
    }

    /// The Services as they are now.
    pub fn services(&self) -> Arc<Vec<Arc<Service>>> {
        Arc::clone(self.table().list())
    }

    /// A Service by its namespace and name, in lower case.
    pub fn service(&self, namespace: &str, name: &str) -> Option<Arc<Service>> {
        let table = self.table();
        let balanced = table.by_name(namespace, name)?;
        Some(Arc::clone(balanced.service()))
    }

    /// The Service of a virtual address.
    pub(super) fn balanced(&self, ip: Ipv4Addr) -> Option<Arc<Balanced>> {
        self.table().by_ip(ip).cloned()
    }

    fn table(&self) -> Arc<ServiceTable> {
        let table = self.services.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&table)
    }

    /// The pod of an address.
    pub fn pod(&self, ip: Ipv4Addr) -> Option<Arc<PodNetwork>> {
        let pods = self.pods.read().unwrap_or_else(PoisonError::into_inner);
        pods.get(&ip).cloned()
    }

    /// What pods are refused of the real network from now on; of more than 256 that nobody read in time the oldest are lost.
    pub fn refusals(&self) -> broadcast::Receiver<Refusal> {
        self.machine.refusals()
    }

    /// What pods share of the machine.
    pub(super) fn machine(&self) -> &Machine {
        &self.machine
    }

    /// What the network holds.
    pub fn stats(&self) -> NetworkStats {
        let (attached, seen): (usize, Vec<_>) = {
            let addresses = lock(&self.addresses);
            let seen = addresses.seen.iter().filter_map(Weak::upgrade);
            (addresses.by_uid.len(), seen.collect())
        };
        let mut stats = NetworkStats {
            pods: attached,
            ..NetworkStats::default()
        };
        for pod in seen {
            stats.sockets += pod.meter.sockets();
            stats.buffered_bytes += pod.meter.buffered();
            stats.connections += lock(&pod.connections).len();
            let tcp = lock(&pod.tcp);
            stats.listeners += tcp.values().flatten().count();
            stats.ports += tcp.len();
            drop(tcp);
            stats.ports += lock(&pod.udp).len();
        }
        stats
    }

    /// Connects to a Service's port from outside of all pods (NodePort, rule N11): for a client of the machine, whom the pod sees as `from`.
    pub async fn dial_service(
        &self,
        service: (&str, &str),
        port_index: usize,
        from: SocketAddr,
        client: IpAddr,
    ) -> Result<TcpStream, NetError> {
        let (pod, endpoint) = self
            .endpoint(service, port_index, Protocol::Tcp, client)
            .ok_or(NetError::ConnectionRefused)?;
        pod.dial(endpoint, from).await
    }

    /// A ready pod for a client of a Service's port, and the address there.
    pub(super) fn endpoint(
        &self,
        (namespace, name): (&str, &str),
        port_index: usize,
        protocol: Protocol,
        client: IpAddr,
    ) -> Option<(Arc<PodNetwork>, SocketAddr)> {
        let balanced = self.table().by_name(namespace, name).cloned()?;
        if balanced.protocol(port_index) != Some(protocol) {
            return None;
        }
        let endpoint = balanced.pick(port_index, client)?;
        let IpAddr::V4(ip) = endpoint.ip() else {
            return None;
        };
        Some((self.pod(ip)?, endpoint))
    }

    /// Whether a Service's port leads there still.
    pub(super) fn is_endpoint(
        &self,
        (namespace, name): (&str, &str),
        port_index: usize,
        endpoint: SocketAddr,
    ) -> bool {
        let table = self.table();
        table
            .by_name(namespace, name)
            .is_some_and(|balanced| balanced.is_ready(port_index, endpoint))
    }
}
