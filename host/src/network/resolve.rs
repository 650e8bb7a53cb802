//! Asking for a name, as a guest does.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Lookup, NetError, PodNetwork, Zone, lookup};

impl PodNetwork {
    /// The addresses of a name: the pod's own, the pods' and Services', and what the machine's resolver says where the pod may ask it.
    pub async fn resolve(self: &Arc<Self>, name: &str) -> Result<Vec<IpAddr>, NetError> {
        let switch = self.switch();
        let services = switch.services();
        let zone = Zone {
            name: &switch.settings().zone,
            services: &services,
            node_ip: switch.node_ip(),
            dns_ip: switch.dns_ip(),
        };
        match lookup(self.identity(), self.ip(), &zone, name) {
            Lookup::Addresses(addresses) => Ok(addresses),
            Lookup::NoSuchName | Lookup::Outside(_) => Err(NetError::NameUnresolvable),
        }
    }
}
