//! The variables that tell a container of the Services around it (rule H8).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::model::{Protocol, Service};

/// The Service that stands for a cluster's API server. peapod has none of its own, so its variables are there only where a manifest brings
/// a Service of that name and place; every pod then gets them, as on a cluster.
const MASTER: (&str, &str) = ("default", "kubernetes");

/// The variables of a pod in that namespace; `enabled` is its `enableServiceLinks`.
pub(super) fn variables<'s>(
    services: impl IntoIterator<Item = &'s Service>,
    namespace: &str,
    enabled: bool,
) -> BTreeMap<String, String> {
    // By name, for the order of a store is nobody's promise; the pod's own takes the place of the cluster's.
    let mut chosen = BTreeMap::new();
    for service in services {
        let (home, name) = (service.meta.namespace.as_str(), service.meta.name.as_str());
        let linked = (home, name) == MASTER || (enabled && home == namespace);
        if let (true, Some(ip)) = (linked, service.kind.cluster_ip())
            && (home == namespace || !chosen.contains_key(name))
        {
            chosen.insert(name, (service, ip));
        }
    }
    let mut variables = BTreeMap::new();
    for (service, ip) in chosen.into_values() {
        add(service, ip, &mut variables);
    }
    variables
}

fn add(service: &Service, ip: Ipv4Addr, variables: &mut BTreeMap<String, String>) {
    let name = variable(&service.meta.name);
    let mut set = |tail: &str, value: String| {
        variables.insert(format!("{name}{tail}"), value);
    };
    set("_SERVICE_HOST", ip.to_string());
    for (at, port) in service.ports.iter().enumerate() {
        let number = port.port;
        if at == 0 {
            set("_SERVICE_PORT", number.to_string());
        }
        if !port.name.is_empty() {
            let tail = format!("_SERVICE_PORT_{}", variable(&port.name));
            set(&tail, number.to_string());
        }
        let (lower, upper) = match port.protocol {
            Protocol::Tcp => ("tcp", "TCP"),
            Protocol::Udp => ("udp", "UDP"),
        };
        let url = format!("{lower}://{ip}:{number}");
        if at == 0 {
            set("_PORT", url.clone());
        }
        let tail = format!("_PORT_{number}_{upper}");
        set(&tail, url);
        set(&format!("{tail}_PROTO"), lower.to_owned());
        set(&format!("{tail}_PORT"), number.to_string());
        set(&format!("{tail}_ADDR"), ip.to_string());
    }
}

fn variable(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::variables;
    use crate::model::{Protocol, Service, ServicePort, ServiceType, TargetPort, testing};

    fn port(name: &str, protocol: Protocol, port: u16) -> ServicePort {
        ServicePort {
            name: name.into(),
            protocol,
            port,
            target: TargetPort::Number(port),
            node_port: None,
        }
    }

    fn service(namespace: &str, name: &str, last: u8) -> Service {
        let mut service = testing::service(name);
        service.meta.namespace = namespace.into();
        service.kind = ServiceType::ClusterIp([10, 89, 0, last].into());
        service.ports = vec![
            port("p", Protocol::Tcp, 8765),
            port("dns-udp", Protocol::Udp, 53),
        ];
        service
    }

    #[test]
    fn h8_a_service_with_an_address_gives_variables_for_itself_and_each_port() {
        let mut one = service("default", "foo-svc", 7);
        one.kind = ServiceType::NodePort([10, 89, 0, 7].into());
        let found = variables([&one], "default", true);
        let lines: Vec<_> = found.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            lines,
            [
                "FOO_SVC_PORT=tcp://10.89.0.7:8765",
                "FOO_SVC_PORT_53_UDP=udp://10.89.0.7:53",
                "FOO_SVC_PORT_53_UDP_ADDR=10.89.0.7",
                "FOO_SVC_PORT_53_UDP_PORT=53",
                "FOO_SVC_PORT_53_UDP_PROTO=udp",
                "FOO_SVC_PORT_8765_TCP=tcp://10.89.0.7:8765",
                "FOO_SVC_PORT_8765_TCP_ADDR=10.89.0.7",
                "FOO_SVC_PORT_8765_TCP_PORT=8765",
                "FOO_SVC_PORT_8765_TCP_PROTO=tcp",
                "FOO_SVC_SERVICE_HOST=10.89.0.7",
                "FOO_SVC_SERVICE_PORT=8765",
                "FOO_SVC_SERVICE_PORT_DNS_UDP=53",
                "FOO_SVC_SERVICE_PORT_P=8765",
            ]
        );
    }

    #[test]
    fn h8_only_services_of_the_pods_namespace_that_have_an_address_and_only_if_links_are_on() {
        let headless = testing::service("headless");
        let other = service("other", "far", 1);
        assert!(variables([&headless, &other], "default", true).is_empty());
        let near = service("default", "near", 2);
        assert!(variables([&near], "default", false).is_empty());
        assert_eq!(
            variables([&near, &other], "other", true)["FAR_SERVICE_HOST"],
            "10.89.0.1"
        );
    }

    #[test]
    fn h8_the_kubernetes_service_is_told_to_every_pod_if_there_is_one() {
        let master = service("default", "kubernetes", 1);
        for enabled in [true, false] {
            let found = variables([&master], "other", enabled);
            assert_eq!(found["KUBERNETES_SERVICE_HOST"], "10.89.0.1");
        }
        let own = service("other", "kubernetes", 9);
        for order in [[&master, &own], [&own, &master]] {
            let found = variables(order, "other", true);
            assert_eq!(found["KUBERNETES_SERVICE_HOST"], "10.89.0.9");
        }
    }
}
