//! Which pods stand behind which Service (rules N12, N13): a function of what is in the store.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::model::{
    Condition, ConditionStatus, ConditionType, Namespace, Pod, Protocol, Role, Service,
    ServicePort, ServiceType, SessionAffinity, TargetPort,
};
use crate::network;
use crate::store::StoredPod;

/// What of a pod matters to Services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    namespace: Namespace,
    labels: BTreeMap<String, String>,
    ip: Ipv4Addr,
    /// The condition Ready.
    ready: bool,
    /// Its deletion was asked for.
    terminating: bool,
    /// Its hostname and the subdomain that gives it a name of its own.
    name: Option<(String, String)>,
    /// Named ports of its containers.
    ports: Vec<(String, Protocol, u16)>,
}

impl Backend {
    /// None for a pod that takes part in no Service: it has no address, or it has ended.
    pub fn of(stored: &StoredPod) -> Option<Self> {
        let status = stored.status.as_deref()?;
        if status.phase.is_terminal() {
            return None;
        }
        let ip = status.pod_ip.as_deref()?.parse().ok()?;
        let is_ready = |condition: &Condition| {
            condition.kind == ConditionType::Ready && condition.status == ConditionStatus::True
        };
        Some(Self {
            namespace: stored.pod.meta.namespace.clone(),
            labels: stored.pod.meta.labels.clone(),
            ip,
            ready: status.conditions.iter().any(is_ready),
            terminating: stored.deletion.is_some(),
            name: name(&stored.pod),
            ports: ports(&stored.pod),
        })
    }

    fn has(&self, selector: &BTreeMap<String, String>) -> bool {
        let labels = &self.labels;
        (selector.iter()).all(|(key, value)| labels.get(key) == Some(value))
    }

    fn endpoint(&self, service: &Service) -> network::Endpoint {
        let (hostname, subdomain) = match &self.name {
            Some((hostname, subdomain)) => (Some(hostname), subdomain.as_str()),
            None => (None, ""),
        };
        network::Endpoint {
            ip: self.ip,
            hostname: hostname.filter(|_| subdomain == service.meta.name).cloned(),
            ready: service.publish_not_ready || self.ready && !self.terminating,
            targets: service.ports.iter().map(|port| self.target(port)).collect(),
        }
    }

    fn target(&self, port: &ServicePort) -> Option<u16> {
        match &port.target {
            TargetPort::Number(number) => Some(*number),
            TargetPort::Name(wanted) => self
                .ports
                .iter()
                .find(|(name, protocol, _)| name == wanted && *protocol == port.protocol)
                .map(|(_, _, number)| *number),
        }
    }
}

/// The hostname and subdomain of a pod that has both: its fully qualified name is `hostname.subdomain.namespace.svc.zone` (rule H9), and
/// only a hostname may have dots in it.
fn name(pod: &Pod) -> Option<(String, String)> {
    let fqdn = pod.spec.fqdn.as_deref()?;
    let (own, _) = fqdn.split_once(&format!(".{}.svc.", pod.meta.namespace))?;
    let (hostname, subdomain) = own.rsplit_once('.')?;
    Some((hostname.to_owned(), subdomain.to_owned()))
}

/// Mains first, then sidecars, as Kubernetes looks for a name.
fn ports(pod: &Pod) -> Vec<(String, Protocol, u16)> {
    let sidecars = pod.spec.init.iter().filter(|one| one.role == Role::Sidecar);
    let named = pod.spec.mains.iter().chain(sidecars).flat_map(|container| {
        let named = container.ports.iter();
        named.filter_map(|port| Some((port.name.clone()?, port.protocol, port.port)))
    });
    named.collect()
}

/// The table of Services. Sorted, so that the same objects always give the same table.
///
/// A Service looks only at the pods that share one of its labels: 500 pods becoming ready one by one are 500 calls of this.
pub fn endpoints<'a>(
    services: impl IntoIterator<Item = &'a Service>,
    pods: impl IntoIterator<Item = &'a Backend>,
) -> Vec<network::Service> {
    let mut by_label: HashMap<(&str, &str, &str), Vec<&Backend>> = HashMap::new();
    for pod in pods {
        for (key, value) in &pod.labels {
            let label = (pod.namespace.as_str(), key.as_str(), value.as_str());
            by_label.entry(label).or_default().push(pod);
        }
    }
    let mut table: Vec<network::Service> = services
        .into_iter()
        .map(|service| {
            let namespace = service.meta.namespace.as_str();
            let with = |(key, value): (&'a String, &'a String)| {
                let label = (namespace, key.as_str(), value.as_str());
                by_label.get(&label).map_or(&[][..], Vec::as_slice)
            };
            // The rarest of its labels. No selector chooses no pod.
            let few = service
                .selector
                .iter()
                .map(with)
                .min_by_key(|few| few.len());
            let chosen = few.unwrap_or_default().iter();
            let mut endpoints: Vec<_> = chosen
                .filter(|pod| pod.has(&service.selector))
                .map(|pod| pod.endpoint(service))
                .collect();
            endpoints.sort_by_key(|endpoint| endpoint.ip);
            let external_name = match &service.kind {
                ServiceType::ExternalName(name) => {
                    endpoints.clear();
                    Some(name.clone())
                }
                ServiceType::Headless | ServiceType::ClusterIp(_) | ServiceType::NodePort(_) => {
                    None
                }
            };
            network::Service {
                namespace: namespace.to_owned(),
                name: service.meta.name.clone(),
                cluster_ip: service.kind.cluster_ip(),
                external_name,
                ports: service.ports.iter().map(port).collect(),
                endpoints,
                publish_not_ready: service.publish_not_ready,
                client_ip_affinity: affinity(service.affinity),
            }
        })
        .collect();
    table.sort_by(|a, b| (&a.namespace, &a.name).cmp(&(&b.namespace, &b.name)));
    table
}

fn affinity(affinity: SessionAffinity) -> Option<Duration> {
    match affinity {
        SessionAffinity::None => None,
        SessionAffinity::ClientIp(timeout) => Some(timeout.duration()),
    }
}

fn port(port: &ServicePort) -> network::ServicePort {
    network::ServicePort {
        name: port.name.clone(),
        protocol: port.protocol,
        port: port.port,
        node_port: port.node_port,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::path::Path;
    use std::sync::Arc;

    use super::{Backend, endpoints};
    use crate::model::{
        Condition, ConditionStatus, ConditionType, ContainerPort, Phase, Protocol, Seconds,
        Service, ServicePort, ServiceType, TargetPort, Time, testing,
    };
    use crate::network;
    use crate::store::StoredPod;

    /// A ready pod at 10.88.0.`last` with the label `app: web`.
    fn pod(last: u8) -> StoredPod {
        let mut pod = testing::pod();
        pod.meta.labels.insert("app".into(), "web".into());
        let mut status = testing::status();
        status.phase = Phase::Running;
        status.pod_ip = Some(format!("10.88.0.{last}"));
        status.conditions = vec![Condition {
            kind: ConditionType::Ready,
            status: ConditionStatus::True,
            reason: None,
            message: None,
            last_transition: Time::EPOCH,
        }];
        StoredPod {
            pod,
            object: Arc::default(),
            base_dir: Path::new("/").into(),
            status: Some(Arc::new(status)),
            deletion: None,
            version: 1,
        }
    }

    fn status(pod: &mut StoredPod) -> &mut crate::model::PodStatus {
        Arc::make_mut(pod.status.as_mut().expect("a status"))
    }

    fn port(target: TargetPort) -> ServicePort {
        ServicePort {
            name: "http".into(),
            protocol: Protocol::Tcp,
            port: 80,
            target,
            node_port: None,
        }
    }

    fn table(service: &Service, pods: &[StoredPod]) -> network::Service {
        let backends: Vec<_> = pods.iter().filter_map(Backend::of).collect();
        endpoints([service], &backends).remove(0)
    }

    fn ips(service: &Service, pods: &[StoredPod]) -> Vec<(u8, bool)> {
        let endpoints = table(service, pods).endpoints;
        let last = |ip: Ipv4Addr| ip.octets()[3];
        endpoints
            .iter()
            .map(|one| (last(one.ip), one.ready))
            .collect()
    }

    #[test]
    fn n12_every_chosen_pod_with_an_address_is_an_endpoint_in_order_of_addresses() {
        let mut other = pod(3);
        other.pod.meta.labels.insert("app".into(), "db".into());
        let mut elsewhere = pod(4);
        elsewhere.pod.meta.namespace = "other".into();
        let mut addressless = pod(5);
        status(&mut addressless).pod_ip = None;
        let mut silent = pod(6);
        silent.status = None;
        let pods = [pod(9), other, elsewhere, addressless, silent, pod(2)];
        assert_eq!(ips(&testing::service("web"), &pods), [(2, true), (9, true)]);
    }

    #[test]
    fn n12_ready_is_the_condition_and_no_deletion_unless_all_are_published() {
        let mut unready = pod(1);
        status(&mut unready).conditions[0].status = ConditionStatus::False;
        let mut deleting = pod(2);
        deleting.deletion = Some((Time::EPOCH, Some(Seconds(1))));
        let mut unspoken = pod(3);
        status(&mut unspoken).conditions.clear();
        let pods = [unready, deleting, unspoken, pod(4)];
        let mut service = testing::service("web");
        assert_eq!(
            ips(&service, &pods),
            [(1, false), (2, false), (3, false), (4, true)]
        );
        service.publish_not_ready = true;
        assert_eq!(
            ips(&service, &pods),
            [(1, true), (2, true), (3, true), (4, true)]
        );
        assert!(table(&service, &pods).publish_not_ready);
    }

    #[test]
    fn n12_a_pod_that_has_ended_is_never_an_endpoint() {
        for phase in [Phase::Succeeded, Phase::Failed] {
            let mut ended = pod(1);
            status(&mut ended).phase = phase;
            let mut service = testing::service("web");
            service.publish_not_ready = true;
            assert_eq!(ips(&service, &[ended]), []);
        }
    }

    #[test]
    fn a_selector_wants_all_of_its_labels_and_none_wants_no_pod() {
        let mut both = pod(1);
        both.pod.meta.labels.insert("tier".into(), "front".into());
        let pods = [both, pod(2)];
        let mut service = testing::service("web");
        service.selector.insert("tier".into(), "front".into());
        assert_eq!(ips(&service, &pods), [(1, true)]);
        service.selector.insert("nobody".into(), "has".into());
        assert_eq!(ips(&service, &pods), []);
        service.selector.clear();
        assert_eq!(ips(&service, &pods), []);
    }

    #[test]
    fn n11_a_named_target_is_each_pods_own_port_of_that_name_and_protocol() {
        let named = |last, number, protocol| {
            let mut pod = pod(last);
            let spec = Arc::make_mut(&mut pod.pod.spec);
            spec.mains[0].ports = vec![ContainerPort {
                name: Some("web".into()),
                port: number,
                host_port: None,
                host_ip: None,
                protocol,
            }];
            pod
        };
        let pods = [
            named(1, 8080, Protocol::Tcp),
            named(2, 9090, Protocol::Tcp),
            named(3, 8080, Protocol::Udp),
            pod(4),
        ];
        let mut service = testing::service("web");
        service.ports = vec![
            port(TargetPort::Name("web".into())),
            port(TargetPort::Number(1234)),
        ];
        let targets: Vec<_> = (table(&service, &pods).endpoints.into_iter())
            .map(|endpoint| endpoint.targets)
            .collect();
        assert_eq!(
            targets,
            [
                [Some(8080), Some(1234)],
                [Some(9090), Some(1234)],
                [None, Some(1234)],
                [None, Some(1234)],
            ]
        );
    }

    #[test]
    fn n13_a_pod_has_a_name_of_its_own_under_the_service_of_its_subdomain() {
        let named = |last, hostname: &str, subdomain: &str| {
            let mut pod = pod(last);
            let spec = Arc::make_mut(&mut pod.pod.spec);
            spec.hostname = hostname.into();
            spec.fqdn = Some(format!("{hostname}.{subdomain}.default.svc.cluster.local"));
            pod
        };
        let pods = [
            named(1, "a", "web"),
            named(2, "b", "elsewhere"),
            named(3, "with.dots", "web"),
            pod(4),
        ];
        let names: Vec<_> = (table(&testing::service("web"), &pods).endpoints.into_iter())
            .map(|endpoint| endpoint.hostname)
            .collect();
        assert_eq!(
            names,
            [Some("a".into()), None, Some("with.dots".into()), None]
        );
    }

    #[test]
    fn the_table_has_every_service_sorted_with_its_addresses() {
        let mut one = testing::service("b");
        one.kind = ServiceType::NodePort(Ipv4Addr::new(10, 89, 0, 7));
        one.ports = vec![ServicePort {
            node_port: Some(30_080),
            ..port(TargetPort::Number(80))
        }];
        let two = testing::service("a");
        let mut three = testing::service("z");
        three.meta.namespace = "a-namespace".into();
        let table = endpoints([&one, &two, &three], []);
        let names: Vec<_> = table.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["z", "a", "b"]);
        assert_eq!(table[2].cluster_ip, Some(Ipv4Addr::new(10, 89, 0, 7)));
        assert_eq!(table[2].ports[0].node_port, Some(30_080));
        assert_eq!(table[1].cluster_ip, None);
    }
}
