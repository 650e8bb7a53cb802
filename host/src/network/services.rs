//! Services as the network knows them: a table that `controllers` writes whole.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::model::Protocol;

/// A Service with its endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// `spec.clusterIP`; none is a headless Service.
    pub cluster_ip: Option<Ipv4Addr>,
    /// `spec.externalName`: what this name is another name for, in lower case and without its last dot.
    pub external_name: Option<String>,
    /// `spec.ports` in order.
    pub ports: Vec<ServicePort>,
    /// The pods behind it, ready or not.
    pub endpoints: Vec<Endpoint>,
    /// `spec.publishNotReadyAddresses`: names resolve to pods that are not ready, too.
    pub publish_not_ready: bool,
    /// `spec.sessionAffinity: ClientIP`: one client keeps its pod until it was silent for so long.
    pub client_ip_affinity: Option<Duration>,
}

/// One port of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// `name`; empty when not given.
    pub name: String,
    /// `protocol`
    pub protocol: Protocol,
    /// `port`
    pub port: u16,
    /// `nodePort`, where the Service has one.
    pub node_port: Option<u16>,
}

/// A pod behind a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The pod's address.
    pub ip: Ipv4Addr,
    /// Its `spec.hostname` when its `spec.subdomain` is the Service: it has a name of its own (rule N13).
    pub hostname: Option<String>,
    /// Whether it takes traffic.
    pub ready: bool,
    /// For each port of the Service, in its order: the port on the pod (`targetPort` resolved), none if the pod has no port of that name.
    pub targets: Vec<Option<u16>>,
}
