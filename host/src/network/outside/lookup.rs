//! Look-ups by the machine's resolver.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio_util::task::AbortOnDropHandle;

use super::limits::LOOKUP_TIME;
use super::{Refused, refuse};
use crate::network::{Lookup, NetError, PodNetwork, Zone, lookup};

impl PodNetwork {
    /// What a name means to this pod, as far as this host knows.
    pub fn lookup(&self, name: &str) -> Lookup {
        let services = self.switch().services();
        lookup(self.identity(), self.ip(), &self.zone(&services), name)
    }

    /// The addresses of a name; the machine's resolver is asked where the pod's egress allows it. Never none.
    pub async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, NetError> {
        match self.lookup(name) {
            Lookup::Addresses(mut ips) => {
                self.rotate(&mut ips);
                Ok(ips)
            }
            Lookup::NoSuchName => Err(NetError::NameUnresolvable),
            Lookup::Outside(names) => self.resolve_outside(names).await,
        }
    }

    /// Guests take the first address, and each of a headless Service's pods is to have its share.
    fn rotate(&self, ips: &mut [IpAddr]) {
        let pods = self.switch().settings().pod_cidr;
        let are_pods = ips
            .iter()
            .all(|ip| matches!(ip, IpAddr::V4(ip) if pods.contains(ip)));
        if are_pods && ips.len() > 1 {
            let turn = self.outside().turn.fetch_add(1, Ordering::Relaxed);
            ips.rotate_left(turn % ips.len());
        }
    }

    /// What the first of these names that exists means to the machine.
    pub(in crate::network) async fn resolve_outside(
        &self,
        names: Vec<String>,
    ) -> Result<Vec<IpAddr>, NetError> {
        if !self.identity().egress.permits_lookup() {
            let shortest = names.into_iter().min_by_key(String::len);
            refuse(self, Refused::Name(shortest.unwrap_or_default()));
            return Err(NetError::AccessDenied);
        }
        let outside = self.outside();
        let pending = Arc::clone(&outside.lookups_pending).try_acquire_owned();
        let pending = pending.map_err(|_| NetError::NameServerFailed)?;
        let own = Arc::clone(&outside.lookups);
        let all = Arc::clone(&self.switch().machine().lookups);
        let asking = async move {
            let own = own.acquire_owned().await;
            let all = all.acquire_owned().await;
            first_of(names, (own, all)).await
        };
        // A task of its own: a guest that never looks at its answer would keep its place in the line, and all others of the host behind it.
        let gone = outside.gone.clone();
        let task = tokio::spawn(async move {
            let _pending = pending;
            let asking = tokio::time::timeout(LOOKUP_TIME, asking);
            let answer = gone.run_until_cancelled_owned(asking).await;
            answer.and_then(Result::ok)
        });
        let answer = AbortOnDropHandle::new(task).await.ok().flatten();
        answer.unwrap_or(Err(NetError::NameServerFailed))
    }

    /// Everything with a name, as this pod sees it.
    pub(in crate::network) fn zone<'a>(
        &'a self,
        services: &'a [Arc<crate::network::Service>],
    ) -> Zone<'a> {
        let switch = self.switch();
        Zone {
            name: &switch.settings().zone,
            services,
            node_ip: switch.node_ip(),
            dns_ip: switch.dns_ip(),
        }
    }
}

/// Asks for one name after the other. `permits` are held by the thread that asks: whoever gives up does not stop it, and the permits count
/// threads.
pub(super) async fn first_of<P: Send + 'static>(
    names: Vec<String>,
    mut permits: P,
) -> Result<Vec<IpAddr>, NetError> {
    let mut result = Err(NetError::NameUnresolvable);
    for name in names {
        let asking = tokio::task::spawn_blocking(move || {
            let found = (&*name, 0).to_socket_addrs();
            (found.map(addresses), permits)
        });
        let Ok((found, back)) = asking.await else {
            return Err(NetError::Other);
        };
        permits = back;
        match found {
            Ok(ips) if !ips.is_empty() => return Ok(ips),
            Err(error) if is_temporary(&error) => result = Err(NetError::NameServerFailed),
            Ok(_) | Err(_) => {}
        }
    }
    result
}

fn addresses(found: impl Iterator<Item = SocketAddr>) -> Vec<IpAddr> {
    let mut ips = Vec::new();
    for found in found {
        let ip = found.ip().to_canonical();
        // The machine's own loopback would be the pod's: another host altogether.
        let elsewhere = !ip.is_loopback() && !ip.is_unspecified();
        if elsewhere && !ips.contains(&ip) {
            ips.push(ip);
        }
    }
    ips
}

/// EAI_AGAIN; the standard library keeps of `getaddrinfo`'s codes only the text (glibc's, musl's).
fn is_temporary(error: &std::io::Error) -> bool {
    let text = error.to_string();
    text.contains("Temporary failure") || text.contains("Try again")
}
