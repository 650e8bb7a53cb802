//! The records of the cluster's zone (rule N13): what names the pods and Services of this host have, absolute and lower-case.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::{Endpoint, Service, ServicePort};
use crate::model::Protocol;

/// The name by which a pod calls the machine it runs on.
pub const HOST_NAME: &str = "host.peapod.internal";
/// The version of the specification these records follow.
pub(super) const DNS_VERSION: &str = "1.1.0";

/// How many aliases are followed from one name: those of a resolver are no longer either.
const ALIASES_MAX: usize = 8;

/// A view on everything that has a name in the cluster.
#[derive(Clone, Copy, Debug)]
pub struct Zone<'a> {
    /// `cluster.local`, lower-case.
    pub name: &'a str,
    /// Services with their endpoints.
    pub services: &'a [Arc<Service>],
    /// The machine, as pods call it.
    pub node_ip: Ipv4Addr,
    /// The name server.
    pub dns_ip: Ipv4Addr,
}

/// What stands at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Addresses; never none.
    Addresses(Vec<Ipv4Addr>),
    /// Where a port of a Service is served; never none.
    Ports(Vec<Target>),
    /// A text.
    Text(&'static str),
    /// That it is another name for this one.
    Alias(String),
    /// Nothing, though there are names below it.
    Empty,
    /// Nothing, here or below.
    Nothing,
    /// The name is not of this zone.
    Foreign,
}

/// Where a port is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) port: u16,
    /// The absolute name of the addresses.
    pub(super) name: String,
    pub(super) addresses: Vec<Ipv4Addr>,
}

impl<'a> Zone<'a> {
    /// Looks at an absolute name, lower-case and without its last dot.
    pub(super) fn find(&self, name: &str) -> Found {
        if name == HOST_NAME {
            return Found::Addresses(vec![self.node_ip]);
        }
        if name == "localhost" || name.ends_with(".localhost") {
            return Found::Addresses(vec![Ipv4Addr::LOCALHOST]);
        }
        let Some(inside) = self.inside(name) else {
            return Found::Foreign;
        };
        if inside.is_empty() {
            return Found::Empty;
        }
        let labels: Vec<&str> = inside.split('.').collect();
        match labels.as_slice() {
            ["svc" | "pod"] => Found::Empty,
            ["dns-version"] => Found::Text(DNS_VERSION),
            ["ns", "dns"] => Found::Addresses(vec![self.dns_ip]),
            ["dns"] => Found::Empty,
            [namespace, "svc" | "pod"] if self.has_namespace(namespace) => Found::Empty,
            [ip, _, "pod"] => dashed(ip).map_or(Found::Nothing, |ip| Found::Addresses(vec![ip])),
            [service, namespace, "svc"] => self
                .service(service, namespace)
                .map_or(Found::Nothing, service_addresses),
            [protocol, service, namespace, "svc"] if protocol.starts_with('_') => {
                match self.service(service, namespace) {
                    Some(service) if has_protocol(service, protocol) => Found::Empty,
                    _ => Found::Nothing,
                }
            }
            [endpoint, service, namespace, "svc"] => self
                .service(service, namespace)
                .map_or(Found::Nothing, |service| {
                    endpoint_addresses(service, endpoint)
                }),
            [port, protocol, service, namespace, "svc"] => {
                self.service(service, namespace)
                    .map_or(Found::Nothing, |service| {
                        self.ports(service, |p| {
                            !p.name.is_empty()
                                && port.strip_prefix('_').is_some_and(|n| same(n, &p.name))
                                && is_protocol(protocol, p.protocol)
                        })
                    })
            }
            _ => Found::Nothing,
        }
    }

    /// What stands at the end of the aliases at a name, and those aliases.
    pub(super) fn follow(&self, name: &str) -> (Vec<String>, Found) {
        let mut aliases: Vec<String> = Vec::new();
        loop {
            match self.find(aliases.last().map_or(name, String::as_str)) {
                Found::Alias(next) if aliases.len() < ALIASES_MAX => aliases.push(next),
                // Two Services may be names for each other.
                Found::Alias(_) => return (aliases, Found::Nothing),
                found => return (aliases, found),
            }
        }
    }

    /// Where every port of the Service of that name is served.
    pub(super) fn find_ports(&self, name: &str) -> Option<Vec<Target>> {
        let inside = self.inside(name)?;
        let mut labels = inside.split('.');
        let (service, namespace) = (labels.next()?, labels.next()?);
        if labels.next() != Some("svc") || labels.next().is_some() {
            return None;
        }
        match self.ports(self.service(service, namespace)?, |_| true) {
            Found::Ports(targets) => Some(targets),
            _ => None,
        }
    }

    /// The names of an address: a Service's, or those of a pod behind Services.
    pub(super) fn names_of(&self, ip: Ipv4Addr) -> Vec<String> {
        if ip == self.dns_ip {
            return vec![format!("ns.dns.{}", self.name)];
        }
        if ip == self.node_ip {
            return vec![HOST_NAME.to_owned()];
        }
        if ip.is_loopback() {
            return vec!["localhost".to_owned()];
        }
        let own = |service: &&Arc<Service>| service.cluster_ip == Some(ip);
        if let Some(service) = self.services.iter().find(own) {
            return vec![self.name_of(service)];
        }
        let mut names = Vec::new();
        for service in self.services {
            let named = published(service).find(|endpoint| endpoint.ip == ip);
            names.extend(named.map(|e| format!("{}.{}", endpoint_name(e), self.name_of(service))));
        }
        names
    }

    /// Whether a name is the zone's or below it.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.inside(name).is_some()
    }

    /// What stands before the zone's name; empty for the zone itself.
    fn inside<'n>(&self, name: &'n str) -> Option<&'n str> {
        let rest = name.strip_suffix(self.name)?;
        if rest.is_empty() {
            return Some(rest);
        }
        rest.strip_suffix('.')
    }

    fn service(&self, name: &str, namespace: &str) -> Option<&'a Service> {
        self.services
            .iter()
            .find(|s| same(name, &s.name) && same(namespace, &s.namespace))
            .map(AsRef::as_ref)
    }

    fn has_namespace(&self, name: &str) -> bool {
        self.services.iter().any(|s| same(name, &s.namespace))
    }

    fn name_of(&self, service: &Service) -> String {
        format!("{}.{}.svc.{}", service.name, service.namespace, self.name)
    }

    fn ports(&self, service: &Service, wanted: impl Fn(&ServicePort) -> bool) -> Found {
        let mut targets = Vec::new();
        let wanted = service.ports.iter().enumerate().filter(|(_, p)| wanted(p));
        for (at, port) in wanted {
            if let Some(ip) = service.cluster_ip {
                targets.push(Target {
                    port: port.port,
                    name: self.name_of(service),
                    addresses: vec![ip],
                });
                continue;
            }
            for endpoint in published(service) {
                let Some(Some(port)) = endpoint.targets.get(at) else {
                    continue;
                };
                targets.push(Target {
                    port: *port,
                    name: format!("{}.{}", endpoint_name(endpoint), self.name_of(service)),
                    addresses: vec![endpoint.ip],
                });
            }
        }
        if targets.is_empty() {
            Found::Nothing
        } else {
            Found::Ports(targets)
        }
    }
}

/// Names of objects are lower-case, yet nobody here has checked that.
fn same(asked: &str, name: &str) -> bool {
    asked.eq_ignore_ascii_case(name)
}

/// The endpoints that have names: ready ones, or all of them where the Service says so.
fn published(service: &Service) -> impl Iterator<Item = &Endpoint> {
    service
        .endpoints
        .iter()
        .filter(|endpoint| endpoint.ready || service.publish_not_ready)
}

fn addresses<'e>(endpoints: impl Iterator<Item = &'e Endpoint>) -> Found {
    let mut ips: Vec<_> = endpoints.map(|endpoint| endpoint.ip).collect();
    ips.sort_unstable();
    ips.dedup();
    if ips.is_empty() {
        Found::Nothing
    } else {
        Found::Addresses(ips)
    }
}

fn service_addresses(service: &Service) -> Found {
    match (service.cluster_ip, &service.external_name) {
        (_, Some(name)) => Found::Alias(name.clone()),
        (Some(ip), None) => Found::Addresses(vec![ip]),
        (None, None) => addresses(published(service)),
    }
}

fn endpoint_addresses(service: &Service, name: &str) -> Found {
    addresses(published(service).filter(|endpoint| same(name, &endpoint_name(endpoint))))
}

/// A pod behind a Service is called by its hostname there, or by its address.
fn endpoint_name(endpoint: &Endpoint) -> String {
    match &endpoint.hostname {
        Some(name) => name.clone(),
        None => endpoint.ip.to_string().replace('.', "-"),
    }
}

fn dashed(label: &str) -> Option<Ipv4Addr> {
    label.replace('-', ".").parse().ok()
}

fn is_protocol(label: &str, protocol: Protocol) -> bool {
    let name = match protocol {
        Protocol::Tcp => "_tcp",
        Protocol::Udp => "_udp",
    };
    label == name
}

fn has_protocol(service: &Service, label: &str) -> bool {
    service
        .ports
        .iter()
        .any(|port| is_protocol(label, port.protocol))
}

/// The address in the name of a reverse look-up (`1.0.0.127.in-addr.arpa`).
pub(super) fn reverse(name: &str) -> Option<IpAddr> {
    if let Some(digits) = name.strip_suffix(".in-addr.arpa") {
        let mut bytes: Vec<&str> = digits.split('.').collect();
        bytes.reverse();
        return bytes.join(".").parse().ok().map(IpAddr::V4);
    }
    let digits: Vec<&str> = name.strip_suffix(".ip6.arpa")?.split('.').collect();
    if digits.len() != 32 || digits.iter().any(|digit| digit.len() != 1) {
        return None;
    }
    let text: String = digits.into_iter().rev().collect();
    u128::from_str_radix(&text, 16)
        .ok()
        .map(|bits| IpAddr::V6(bits.into()))
}
