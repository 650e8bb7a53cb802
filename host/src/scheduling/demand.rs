//! What a pod requests in all (rule J3).

use std::net::IpAddr;

use crate::model::{Bytes, ContainerPort, Millicores, PodSpec, Protocol, Resources, Role};

/// What a pod takes of a node from when it is bound to it until it has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Effective request of `cpu`.
    pub cpu: Millicores,
    /// Effective request of `memory`.
    pub memory: Bytes,
    /// Effective request of `ephemeral-storage`.
    pub ephemeral_storage: Bytes,
    /// Ports of the machine.
    pub ports: Vec<HostPort>,
}

/// A port of the machine that a container wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostPort {
    protocol: Protocol,
    /// None is every address.
    ip: Option<IpAddr>,
    port: u16,
}

impl HostPort {
    fn of(port: &ContainerPort) -> Option<Self> {
        Some(Self {
            protocol: port.protocol,
            ip: port.host_ip.filter(|ip| !ip.is_unspecified()),
            port: port.host_port?,
        })
    }

    /// Whether only one of the two can have it (rule J4).
    pub fn conflicts(&self, other: &Self) -> bool {
        let same_address = self.ip.is_none() || other.ip.is_none() || self.ip == other.ip;
        self.protocol == other.protocol && self.port == other.port && same_address
    }
}

impl Demand {
    /// What the pod requests. Requests of the pod as a whole stand for its containers'.
    pub fn of(spec: &PodSpec) -> Self {
        let own = &spec.resources;
        let cpu = |resources: &Resources| resources.cpu_request.map_or(0, |request| request.0);
        let memory =
            |resources: &Resources| resources.memory_request.map_or(0, |request| request.0);
        let storage = |resources: &Resources| {
            let request = resources.ephemeral_storage_request;
            request.map_or(0, |request| request.0)
        };
        // Init containers are gone when the mains run; sidecars are not.
        let running = spec.init.iter().filter(|one| one.role == Role::Sidecar);
        let ports = running.chain(&spec.mains).flat_map(|one| &one.ports);
        Self {
            cpu: own
                .cpu_request
                .unwrap_or_else(|| Millicores(spec.most_at_once(cpu))),
            memory: own
                .memory_request
                .unwrap_or_else(|| Bytes(spec.most_at_once(memory))),
            // A pod as a whole has no request of it.
            ephemeral_storage: Bytes(spec.most_at_once(storage)),
            ports: ports.filter_map(HostPort::of).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Demand, HostPort};
    use crate::model::{
        Bytes, Container, ContainerPort, Millicores, PodSpec, Protocol, Resources, Role, testing,
    };

    fn one(role: Role, cpu: u64, mebibytes: u64) -> Container {
        let mut one = testing::container("c");
        one.role = role;
        one.resources = Resources {
            cpu_request: Some(Millicores(cpu)),
            memory_request: Some(Bytes(mebibytes << 20)),
            ephemeral_storage_request: Some(Bytes(mebibytes << 30)),
            ..Resources::default()
        };
        one
    }

    fn spec(init: Vec<Container>, mains: Vec<Container>) -> PodSpec {
        let spec = testing::pod().spec;
        PodSpec {
            init,
            mains,
            ..Arc::unwrap_or_clone(spec)
        }
    }

    #[test]
    fn j3_the_effective_request_is_the_most_that_is_ever_wanted_at_once() {
        use Role::{Init, Main, Sidecar};
        for (what, containers, cpu, mebibytes) in [
            (
                "mains add up",
                vec![one(Main, 100, 1), one(Main, 200, 2)],
                300,
                3,
            ),
            (
                "inits do not",
                vec![one(Init, 500, 1), one(Init, 400, 9), one(Main, 100, 5)],
                500,
                9,
            ),
            (
                "sidecars run beside mains",
                vec![one(Sidecar, 100, 1), one(Main, 100, 1)],
                200,
                2,
            ),
            (
                "and beside inits after them",
                vec![
                    one(Init, 250, 1),
                    one(Sidecar, 100, 1),
                    one(Init, 200, 1),
                    one(Main, 50, 1),
                ],
                300,
                2,
            ),
            ("nothing is nothing", vec![testing::container("c")], 0, 0),
        ] {
            let (mains, init) = containers.into_iter().partition(|one| one.role == Main);
            let demand = Demand::of(&spec(init, mains));
            assert_eq!(demand.cpu, Millicores(cpu), "{what}");
            assert_eq!(demand.memory, Bytes(mebibytes << 20), "{what}");
            assert_eq!(demand.ephemeral_storage, Bytes(mebibytes << 30), "{what}");
        }
    }

    #[test]
    fn j3_requests_of_the_pod_stand_for_its_containers_resource_by_resource() {
        let mut spec = spec(Vec::new(), vec![one(Role::Main, 100, 64)]);
        spec.resources.cpu_request = Some(Millicores(700));
        let demand = Demand::of(&spec);
        assert_eq!(
            (demand.cpu, demand.memory),
            (Millicores(700), Bytes(64 << 20))
        );
    }

    #[test]
    fn j4_ports_conflict_by_protocol_address_and_number() {
        let port = |protocol, ip: &str, number| {
            let port = ContainerPort {
                name: None,
                port: 80,
                host_port: Some(number),
                host_ip: ip.parse().ok(),
                protocol,
            };
            HostPort::of(&port).expect("a host port")
        };
        let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
        let first = port(tcp, "127.0.0.1", 80);
        for (other, conflicts) in [
            (port(tcp, "127.0.0.1", 80), true),
            (port(tcp, "0.0.0.0", 80), true),
            (port(tcp, "", 80), true),
            (port(tcp, "127.0.0.2", 80), false),
            (port(udp, "127.0.0.1", 80), false),
            (port(tcp, "127.0.0.1", 81), false),
        ] {
            assert_eq!(first.conflicts(&other), conflicts, "{other:?}");
            assert_eq!(other.conflicts(&first), conflicts, "{other:?}");
        }
    }
}
