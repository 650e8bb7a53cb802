//! Which pod answers for a Service.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use super::wake::lock;
use super::{Service, services::ServicePort};
use crate::model::Protocol;

/// How many clients a Service remembers; one more makes it forget one.
const CLIENTS_MAX: usize = 16_384;

/// Clients with the pod they have, and since when they were last seen.
type Clients = HashMap<IpAddr, (Ipv4Addr, Instant)>;

/// A Service with whose turn it is.
#[derive(Debug)]
pub(super) struct Balanced {
    service: Arc<Service>,
    /// For each port, the ready endpoints.
    ready: Vec<Vec<SocketAddrV4>>,
    turn: AtomicUsize,
    clients: Arc<Mutex<Clients>>,
}

impl Balanced {
    fn new(service: Service, before: Option<&Self>) -> Self {
        let ready = (0..service.ports.len())
            .map(|port| {
                let ready = service.endpoints.iter().filter(|endpoint| endpoint.ready);
                ready
                    .filter_map(|endpoint| {
                        let target = endpoint.targets.get(port).copied().flatten()?;
                        Some(SocketAddrV4::new(endpoint.ip, target))
                    })
                    .collect()
            })
            .collect();
        Self {
            service: Arc::new(service),
            ready,
            turn: AtomicUsize::new(before.map_or(0, |before| before.turn.load(Ordering::Relaxed))),
            clients: before.map_or_else(Arc::default, |before| Arc::clone(&before.clients)),
        }
    }

    /// The index of a port by its number.
    pub(super) fn port(&self, protocol: Protocol, number: u16) -> Option<usize> {
        let wanted = |port: &ServicePort| port.protocol == protocol && port.port == number;
        self.service.ports.iter().position(wanted)
    }

    /// The protocol of a port.
    pub(super) fn protocol(&self, port: usize) -> Option<Protocol> {
        self.service.ports.get(port).map(|port| port.protocol)
    }

    /// Whether an endpoint still takes traffic of a port.
    pub(super) fn is_ready(&self, port: usize, endpoint: SocketAddr) -> bool {
        let mut ready = self.ready.get(port).into_iter().flatten();
        ready.any(|one| SocketAddr::V4(*one) == endpoint)
    }

    /// A ready endpoint of a port for a client.
    pub(super) fn pick(&self, port: usize, client: IpAddr) -> Option<SocketAddr> {
        let ready = self.ready.get(port).filter(|ready| !ready.is_empty())?;
        let Some(affinity) = self.service.client_ip_affinity else {
            return self.next(ready);
        };
        let now = Instant::now();
        let mut clients = lock(&self.clients);
        let known = clients
            .get(&client)
            .filter(|(_, seen)| now.saturating_duration_since(*seen) < affinity)
            .and_then(|(pod, _)| ready.iter().find(|endpoint| endpoint.ip() == pod))
            .map(|endpoint| SocketAddr::V4(*endpoint));
        let endpoint = known.or_else(|| self.next(ready))?;
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(&client) {
            clients.retain(|_, (_, seen)| now.saturating_duration_since(*seen) < affinity);
            let one = clients.keys().next().copied();
            if let Some(one) = one.filter(|_| clients.len() >= CLIENTS_MAX) {
                clients.remove(&one);
            }
        }
        if let IpAddr::V4(pod) = endpoint.ip() {
            clients.insert(client, (pod, now));
        }
        Some(endpoint)
    }

    fn next(&self, ready: &[SocketAddrV4]) -> Option<SocketAddr> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let endpoint = ready.get(turn.checked_rem(ready.len())?)?;
        Some(SocketAddr::V4(*endpoint))
    }
}

/// All Services.
#[derive(Debug, Default)]
pub(super) struct ServiceTable {
    list: Arc<Vec<Arc<Service>>>,
    by_ip: HashMap<Ipv4Addr, Arc<Balanced>>,
    by_name: HashMap<String, HashMap<String, Arc<Balanced>>>,
}

impl ServiceTable {
    /// A table of these; whose turn it is and which client has which pod goes on from the table before.
    pub(super) fn new(services: Vec<Service>, before: &Self) -> Self {
        let mut table = Self::default();
        let mut list = Vec::with_capacity(services.len());
        for service in services {
            let old = before.by_name(&service.namespace, &service.name);
            let balanced = Arc::new(Balanced::new(service, old.map(|old| &**old)));
            let service = &balanced.service;
            list.push(Arc::clone(service));
            if let Some(ip) = service.cluster_ip {
                table.by_ip.insert(ip, Arc::clone(&balanced));
            }
            table
                .by_name
                .entry(service.namespace.clone())
                .or_default()
                .insert(service.name.clone(), Arc::clone(&balanced));
        }
        table.list = Arc::new(list);
        table
    }

    /// All of them.
    pub(super) fn list(&self) -> &Arc<Vec<Arc<Service>>> {
        &self.list
    }

    /// The Service of a virtual address.
    pub(super) fn by_ip(&self, ip: Ipv4Addr) -> Option<&Arc<Balanced>> {
        self.by_ip.get(&ip)
    }

    /// The Service of a name.
    pub(super) fn by_name(&self, namespace: &str, name: &str) -> Option<&Arc<Balanced>> {
        self.by_name.get(namespace)?.get(name)
    }
}

impl Balanced {
    /// The Service itself.
    pub(super) fn service(&self) -> &Arc<Service> {
        &self.service
    }
}
