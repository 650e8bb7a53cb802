//! A Service: one name and address for the pods its selector chooses.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::{ObjectMeta, Protocol, Seconds};

/// A validated, defaulted Service with the addresses it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Identity, labels, annotations.
    pub meta: ObjectMeta,
    /// How it is reached.
    pub kind: ServiceType,
    /// `spec.selector`: a pod belongs to it when it has all of these labels. Empty chooses no pod.
    pub selector: BTreeMap<String, String>,
    /// `spec.ports` in order; only a headless Service may have none.
    pub ports: Vec<ServicePort>,
    /// `spec.publishNotReadyAddresses` (rule N12).
    pub publish_not_ready: bool,
    /// `spec.sessionAffinity` (rule N12).
    pub affinity: SessionAffinity,
}

/// `spec.type` and what comes with it (rule N11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceType {
    /// `clusterIP: None`: a name only, for each ready pod's own address (rule N13).
    Headless,
    /// A virtual address inside.
    ClusterIp(Ipv4Addr),
    /// A virtual address inside, and a port of the machine for each of its ports. `LoadBalancer` is the same here: as on any cluster
    /// without a cloud, nobody gives it an address.
    NodePort(Ipv4Addr),
    /// Another name for this one, in lower case and without its last dot: no address, and no pods whatever the selector says.
    ExternalName(String),
}

impl ServiceType {
    /// The virtual address, if it has one.
    pub const fn cluster_ip(&self) -> Option<Ipv4Addr> {
        match self {
            Self::Headless | Self::ExternalName(_) => None,
            Self::ClusterIp(ip) | Self::NodePort(ip) => Some(*ip),
        }
    }
}

/// One entry of `spec.ports`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePort {
    /// `name`; empty when not given, which only a single port may be.
    pub name: String,
    /// `protocol`
    pub protocol: Protocol,
    /// `port`
    pub port: u16,
    /// `targetPort`; `port` when not given.
    pub target: TargetPort,
    /// `nodePort`: the port of the machine that leads here.
    pub node_port: Option<u16>,
}

/// `targetPort`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetPort {
    /// A port of the pod.
    Number(u16),
    /// The name of a container's port; pods may differ in its number.
    Name(String),
}

/// `spec.sessionAffinity`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionAffinity {
    /// Each connection goes to any pod.
    #[default]
    None,
    /// One client keeps its pod until it has not come back for so long (rule N12: 10800 s unless given).
    ClientIp(Seconds),
}
