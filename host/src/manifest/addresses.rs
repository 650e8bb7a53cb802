//! Addresses and node ports of Services (rule N11).

use std::collections::HashSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1 as k8s;
use serde_json::json;

use super::convert;
use super::decode::subject_of;
use super::fault::{Fault, Faults, Json};
use super::load::{LoadedService, ServiceDraft};
use super::path::Path;
use crate::model::{self, Time};

/// The node ports of a cluster.
const NODE_PORTS: std::ops::RangeInclusive<u16> = 30_000..=32_767;

/// Below this, automatic ones are given out only when nothing else is left: people write these into manifests.
const FIRST_AUTOMATIC_NODE_PORT: u16 = 30_086;

/// As with node ports, the first addresses are left to manifests.
const FIRST_AUTOMATIC_OFFSET: u32 = 16;

/// Where the `kubernetes` Service and the DNS server are in every cluster.
const TAKEN_OFFSETS: [u32; 2] = [1, DNS_OFFSET];

const DNS_OFFSET: u32 = 10;

/// Which addresses and node ports are taken. The automatic ones follow from the Service's name, so that a manifest run again gives the
/// same.
#[derive(Clone, Debug)]
pub struct Addresses {
    range: Ipv4Net,
    ips: HashSet<Ipv4Addr>,
    node_ports: HashSet<u16>,
}

/// A range Services cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: a range for Services has a prefix of /8 to /27")]
pub struct RangeError(Ipv4Net);

impl Addresses {
    /// Nothing taken but what every cluster needs itself.
    pub fn new(range: Ipv4Net) -> Result<Self, RangeError> {
        if !(8..=27).contains(&range.prefix_len()) {
            return Err(RangeError(range));
        }
        let range = range.trunc();
        let taken = TAKEN_OFFSETS.into_iter();
        Ok(Self {
            ips: taken.map(|offset| at(range, offset)).collect(),
            range,
            node_ports: HashSet::new(),
        })
    }

    /// Where pods find the DNS server.
    pub fn dns_server(&self) -> Ipv4Addr {
        at(self.range, DNS_OFFSET)
    }

    /// Gives each Service its addresses; explicit ones first, or an automatic one could take what a later Service asks for.
    pub fn assign(
        &mut self,
        drafts: Vec<ServiceDraft>,
        now: Time,
    ) -> Result<Vec<LoadedService>, Vec<Fault>> {
        let mut all = Vec::new();
        for draft in &drafts {
            let mut faults = Faults::default();
            self.take_explicit(&draft.object, &mut faults);
            all.push(faults);
        }
        let mut services = Vec::with_capacity(drafts.len());
        let mut told = Vec::new();
        for (mut draft, mut faults) in drafts.into_iter().zip(all) {
            if faults.is_empty() {
                self.give(&mut draft.object, &mut faults);
            }
            let made = if faults.is_empty() {
                convert::service(&draft.object, now)
            } else {
                Err(Vec::new())
            };
            let mut list = faults.into_vec();
            match made {
                Ok(service) => {
                    services.push(loaded(draft, service));
                    continue;
                }
                Err(more) => list.extend(more),
            }
            let subject = subject_of("Service", &draft.object.metadata);
            told.extend((list.into_iter()).map(|fault| draft.place.fault(subject.clone(), fault)));
        }
        if told.is_empty() {
            Ok(services)
        } else {
            Err(told)
        }
    }

    /// What the manifest asks for by number.
    fn take_explicit(&mut self, object: &k8s::Service, faults: &mut Faults) {
        let Some(spec) = &object.spec else { return };
        let path = Path::root("spec");
        if let Some(ip) = spec.cluster_ip.as_deref().and_then(|ip| ip.parse().ok()) {
            let why = if !self.range.contains(&ip) {
                Some("the provided network does not match the current range".to_owned())
            } else if ip == self.range.network() || ip == self.range.broadcast() {
                Some(format!(
                    "the provided IP ({ip}) is not in the valid range. The range of valid IPs is {}",
                    self.range
                ))
            } else if !self.ips.insert(ip) {
                Some("provided IP is already allocated".to_owned())
            } else {
                None
            };
            if let Some(why) = why {
                let message = format!("failed to allocate IP {ip}: {why}");
                let list = Json(json!([ip]).to_string());
                faults.invalid(&path.field("clusterIPs"), list, &message);
            }
        }
        let ports = path.field("ports");
        let mut own = HashSet::new();
        for (at, port) in spec.ports.iter().flatten().enumerate() {
            let Some(number) = port.node_port else {
                continue;
            };
            let path = ports.index(at);
            let path = path.field("nodePort");
            let Some(wanted) = node_port(number) else {
                let message = "provided port is not in the valid range. The range of valid ports is 30000-32767";
                faults.invalid(&path, number, message);
                continue;
            };
            // One Service may have the same number for TCP and for UDP.
            if own.insert(wanted) && !self.node_ports.insert(wanted) {
                faults.invalid(&path, number, "provided port is already allocated");
            }
        }
    }

    /// What the manifest leaves open.
    fn give(&mut self, object: &mut k8s::Service, faults: &mut Faults) {
        let meta = &object.metadata;
        let name = format!(
            "{}/{}",
            meta.namespace.as_deref().unwrap_or_default(),
            meta.name.as_deref().unwrap_or_default()
        );
        let Some(spec) = &mut object.spec else { return };
        let path = Path::root("spec");
        let has_address = spec.type_.as_deref() != Some("ExternalName");
        if has_address && spec.cluster_ip.is_none() {
            let Some(ip) = self.free_ip(&name) else {
                let message = "failed to allocate a serviceIP: range is full";
                return faults.invalid(&path.field("clusterIPs"), Json("[]".to_owned()), message);
            };
            spec.cluster_ip = Some(ip.to_string());
            spec.cluster_ips = Some(vec![ip.to_string()]);
        }
        let wants = match spec.type_.as_deref() {
            Some("NodePort") => true,
            Some("LoadBalancer") => spec.allocate_load_balancer_node_ports != Some(false),
            _ => false,
        };
        let ports = path.field("ports");
        let list = spec.ports.as_deref_mut().unwrap_or_default();
        for at in 0..list.len() {
            let Some(port) = list
                .get(at)
                .filter(|port| wants && port.node_port.is_none())
            else {
                continue;
            };
            // TCP and UDP of one port get one number.
            let twin = list
                .iter()
                .find(|other| other.port == port.port && other.protocol != port.protocol)
                .and_then(|other| other.node_port);
            let mut free = || self.free_node_port(&format!("{name}:{}", port.port));
            let given = twin.or_else(|| free().map(i32::from));
            if given.is_none() {
                let path = ports.index(at);
                let message = "failed to allocate a nodePort: range is full";
                faults.invalid(&path.field("nodePort"), 0, message);
            }
            if let Some(port) = list.get_mut(at) {
                port.node_port = given;
            }
        }
    }

    fn free_ip(&mut self, name: &str) -> Option<Ipv4Addr> {
        let last = at(self.range, u32::MAX >> self.range.prefix_len());
        let size = u32::from(last) - u32::from(self.range.network());
        let first = FIRST_AUTOMATIC_OFFSET;
        let offsets = probe(name, u64::from(first), u64::from(size - first));
        let rest = u64::from(2_u32)..u64::from(first);
        let found = offsets
            .chain(rest)
            .filter_map(|offset| u32::try_from(offset).ok())
            .map(|offset| at(self.range, offset))
            .find(|ip| !self.ips.contains(ip))?;
        self.ips.insert(found);
        Some(found)
    }

    fn free_node_port(&mut self, name: &str) -> Option<u16> {
        let first = u64::from(FIRST_AUTOMATIC_NODE_PORT);
        let ports = probe(name, first, u64::from(*NODE_PORTS.end()) + 1 - first);
        let rest = u64::from(*NODE_PORTS.start())..first;
        let found = ports
            .chain(rest)
            .filter_map(|port| u16::try_from(port).ok())
            .find(|port| !self.node_ports.contains(port))?;
        self.node_ports.insert(found);
        Some(found)
    }
}

fn loaded(draft: ServiceDraft, service: model::Service) -> LoadedService {
    LoadedService {
        place: draft.place,
        object: draft.object,
        service,
    }
}

fn node_port(number: i32) -> Option<u16> {
    let number = u16::try_from(number).ok()?;
    NODE_PORTS.contains(&number).then_some(number)
}

fn at(range: Ipv4Net, offset: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(range.network()).saturating_add(offset))
}

/// Every number from `first` on, `count` of them, beginning where the name says.
fn probe(name: &str, first: u64, count: u64) -> impl Iterator<Item = u64> {
    let start = fnv(name) % count.max(1);
    (0..count).map(move |step| first + (start + step) % count)
}

/// FNV-1a.
pub(super) fn fnv(text: &str) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in text.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash
}
