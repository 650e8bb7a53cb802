//! Makes and releases logical hosts.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{Pod, PodUid, Protocol};
use crate::network::{
    Bandwidth, Door, EgressPolicy, PodIdentity, PodNetwork, ResolvConf, Switch, Target,
};
use crate::ports::{BoxFuture, HostError, LogicalHost, LogicalHosts};

/// The annotation that sets a pod's egress rules.
const EGRESS: &str = "peapod.dev/egress";

/// A port of the machine that leads to a port of a pod: `--publish`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where the machine listens.
    pub listen: SocketAddr,
    /// The pod's name.
    pub pod: String,
    /// The pod's port.
    pub pod_port: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// How the pods of a host meet the machine.
#[derive(Clone, Debug, Default)]
pub struct HostSettings {
    /// `--publish`
    pub publish: Vec<Publish>,
    /// `--egress`: for pods that do not say, and the most that others may say; without it, that is `all`.
    pub egress: Option<EgressPolicy>,
    /// The machine's `/etc/resolv.conf` (rule H11).
    pub resolv_conf: String,
}

/// The logical hosts of one switch.
pub struct VirtualHosts {
    switch: Arc<Switch>,
    settings: HostSettings,
    pods: Mutex<HashMap<PodUid, Held>>,
}

struct Held {
    host: Arc<LogicalHost>,
    /// Closed when the pod's host is released.
    doors: Vec<Door>,
}

impl VirtualHosts {
    /// No pods yet.
    pub fn new(switch: Arc<Switch>, settings: HostSettings) -> Self {
        Self {
            switch,
            settings,
            pods: Mutex::default(),
        }
    }

    fn pods(&self) -> MutexGuard<'_, HashMap<PodUid, Held>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, pod: &Pod) -> Result<Arc<LogicalHost>, HostError> {
        if let Some(held) = self.pods().get(&pod.meta.uid) {
            return Ok(Arc::clone(&held.host));
        }
        kernel_takes(&pod.spec.uts_hostname)?;
        let identity = self.identity(pod)?;
        let net = self.switch.attach(identity).map_err(refused)?;
        let made = self.furnish(pod, &net);
        match made {
            Ok(held) => {
                let host = Arc::clone(&held.host);
                self.pods().insert(pod.meta.uid.clone(), held);
                Ok(host)
            }
            Err(error) => {
                // The next try begins anew; an address that is kept would be lost if there is none.
                net.release();
                Err(error)
            }
        }
    }

    fn identity(&self, pod: &Pod) -> Result<PodIdentity, HostError> {
        // Rule O2: the API server does not look at these; a bad one is seen here, told as an event, and tried again.
        let bandwidth = Bandwidth::of(&pod.meta.annotations).map_err(refused)?;
        let wanted = match pod.meta.annotations.get(EGRESS) {
            Some(text) => Some(
                text.parse::<EgressPolicy>()
                    .map_err(|error| HostError(format!("annotation {EGRESS}: {error}")))?,
            ),
            None => None,
        };
        let mut identity = PodIdentity::of(pod);
        identity.ingress_bits_per_second = bandwidth.ingress_bits_per_second;
        identity.egress_bits_per_second = bandwidth.egress_bits_per_second;
        identity.egress = match (&self.settings.egress, wanted) {
            (Some(ceiling), Some(wanted)) => wanted.and(ceiling.clone()),
            // A manifest is not trusted with the machine itself, nor with what hands out its credentials.
            (None, Some(wanted)) => wanted.and(EgressPolicy::all()),
            (Some(default), None) => default.clone(),
            (None, None) => EgressPolicy::default(),
        };
        identity.resolv = ResolvConf::of(
            &pod.spec.dns,
            pod.meta.namespace.as_str(),
            &self.switch.settings().zone,
            self.switch.dns_ip(),
            &self.settings.resolv_conf,
        );
        Ok(identity)
    }

    fn furnish(&self, pod: &Pod, net: &Arc<PodNetwork>) -> Result<Held, HostError> {
        let mut doors = Vec::new();
        for wanted in self.wanted_doors(pod) {
            let target = Target::Pod {
                net: Arc::clone(net),
                port: wanted.pod_port,
            };
            let door = match wanted.protocol {
                Protocol::Tcp => Door::tcp(wanted.listen, target),
                Protocol::Udp => Door::udp(wanted.listen, target),
            };
            let refused = |error| HostError(format!("{} {}: {error}", wanted.what, wanted.listen));
            doors.push(door.map_err(refused)?);
        }
        Ok(Held {
            host: Arc::new(LogicalHost::new(pod, Arc::clone(net))),
            doors,
        })
    }

    fn wanted_doors(&self, pod: &Pod) -> Vec<Wanted> {
        let ports = pod.spec.containers().flat_map(|container| &container.ports);
        let host_ports = ports.filter_map(|port| {
            let ip = port.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
            Some(Wanted {
                what: "hostPort",
                listen: SocketAddr::new(ip, port.host_port?),
                pod_port: port.port,
                protocol: port.protocol,
            })
        });
        let published = self.settings.publish.iter();
        let published = published.filter(|publish| publish.pod == pod.meta.name.as_str());
        let published = published.map(|publish| Wanted {
            what: "--publish",
            listen: publish.listen,
            pod_port: publish.pod_port,
            protocol: publish.protocol,
        });
        host_ports.chain(published).collect()
    }
}

/// A door to be opened.
struct Wanted {
    what: &'static str,
    listen: SocketAddr,
    pod_port: u16,
    protocol: Protocol,
}

/// Rule H9: what a kernel takes for a hostname. Only a fully qualified one can be longer; others were cut.
fn kernel_takes(hostname: &str) -> Result<(), HostError> {
    const MAX: usize = 64;
    let length = hostname.len();
    if length <= MAX {
        return Ok(());
    }
    Err(HostError(format!(
        "failed to construct FQDN from pod hostname and cluster domain, FQDN {hostname} is too long ({MAX} characters is the max, \
         {length} characters requested)"
    )))
}

fn refused(error: impl ToString) -> HostError {
    HostError(error.to_string())
}

impl LogicalHosts for VirtualHosts {
    fn create(&self, pod: Pod) -> BoxFuture<'_, Result<Arc<LogicalHost>, HostError>> {
        Box::pin(async move { self.make(&pod) })
    }

    fn release(&self, uid: &PodUid) {
        let held = self.pods().remove(uid);
        if let Some(held) = held {
            drop(held.doors);
            held.host.net.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EGRESS, HostSettings, VirtualHosts};
    use crate::model::testing;
    use crate::network::{EgressPolicy, NetworkSettings, Switch};

    /// What a pod with that annotation may reach.
    fn egress(flag: Option<&str>, annotation: &str) -> EgressPolicy {
        let switch = Switch::new(NetworkSettings::default()).expect("a network");
        let settings = HostSettings {
            egress: flag.map(|text| text.parse().expect("rules")),
            ..HostSettings::default()
        };
        let mut pod = testing::pod();
        pod.meta
            .annotations
            .insert(EGRESS.into(), annotation.into());
        let host = VirtualHosts::new(switch, settings).make(&pod);
        host.expect("a host").net.identity().egress.clone()
    }

    #[test]
    fn a_manifest_alone_opens_neither_the_machine_nor_what_knows_its_credentials() {
        let metadata = "169.254.169.254:80".parse().expect("an address");
        let elsewhere = "93.184.216.34:80".parse().expect("an address");
        let alone = egress(None, "all,host,169.254.169.254");
        assert!(alone.permits(elsewhere) && alone.permits_lookup());
        assert!(!alone.permits_host(22) && !alone.permits(metadata));
        let asked = egress(Some("all,host:22,169.254.169.254"), "host,169.254.169.254");
        assert!(asked.permits_host(22) && asked.permits(metadata));
        assert!(!asked.permits_host(23) && !asked.permits(elsewhere));
    }
}
