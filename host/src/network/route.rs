//! Where an address leads.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::balance::Balanced;
use super::{Family, NetError, PodNetwork};
use crate::model::Protocol;

/// Where something that a pod sends goes.
pub(super) enum Route {
    /// To a pod, perhaps the same one.
    Pod {
        /// Which one.
        net: Arc<PodNetwork>,
        /// The address there; another than the one asked for when a Service stood between.
        address: SocketAddr,
        /// The Service that stood between, with the index of its port.
        service: Option<(Arc<Balanced>, usize)>,
    },
    /// Nowhere.
    Nowhere(NetError),
    /// Out of the virtual network.
    Outside,
}

/// An address that can be a peer's: of the family, no port 0, nothing that stands for many (EINVAL of wasi:sockets).
pub(super) fn check_remote(family: Family, remote: SocketAddr) -> Result<(), NetError> {
    let ip = remote.ip();
    let mapped = matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    let wrong = !family.is(ip)
        || mapped
        || broadcast
        || ip.is_unspecified()
        || ip.is_multicast()
        || remote.port() == 0;
    if wrong {
        Err(NetError::InvalidArgument)
    } else {
        Ok(())
    }
}

/// Where an address leads from a pod. `keep` chooses among a Service's endpoints, when it is not its turn that decides.
pub(super) fn route(
    net: &Arc<PodNetwork>,
    protocol: Protocol,
    remote: SocketAddr,
    keep: impl FnOnce(&Balanced, usize) -> Option<SocketAddr>,
) -> Route {
    let to = |net: Arc<PodNetwork>, address| Route::Pod {
        net,
        address,
        service: None,
    };
    if net.owns(remote.ip()) {
        return to(Arc::clone(net), remote);
    }
    let IpAddr::V4(ip) = remote.ip() else {
        return Route::Outside;
    };
    let switch = net.switch();
    if let Some(pod) = switch.pod(ip) {
        return to(pod, remote);
    }
    if let Some(service) = switch.balanced(ip) {
        let port = service.port(protocol, remote.port());
        let endpoint = port.and_then(|port| {
            let client = IpAddr::V4(net.ip());
            Some((
                port,
                keep(&service, port).or_else(|| service.pick(port, client))?,
            ))
        });
        // What kube-proxy says of a Service without ready endpoints, and of a port that it does not have.
        let Some((port, address)) = endpoint else {
            return Route::Nowhere(NetError::ConnectionRefused);
        };
        let pod = match address.ip() {
            IpAddr::V4(ip) => switch.pod(ip),
            IpAddr::V6(_) => None,
        };
        return match pod {
            Some(net) => Route::Pod {
                net,
                address,
                service: Some((service, port)),
            },
            None => Route::Nowhere(NetError::Unreachable),
        };
    }
    // The name server, and the machine as pods see it: clients of its doors, and its own loopback where egress allows that.
    if ip == switch.node_ip() || ip == switch.dns_ip() {
        Route::Outside
    } else if switch.settings().pod_cidr.contains(&ip)
        || switch.settings().service_cidr.contains(&ip)
    {
        Route::Nowhere(NetError::Unreachable)
    } else {
        Route::Outside
    }
}
