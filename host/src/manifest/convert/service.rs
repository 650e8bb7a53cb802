//! Services of the model.

use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1 as k8s;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{no_finalizers, not_yet, object_meta, protocol, seconds};
use crate::manifest::fault::{Faults, FieldFault};
use crate::manifest::path::Path;
use crate::model::{Seconds, Service, ServicePort, ServiceType, SessionAffinity, TargetPort, Time};

/// Refuses each field in use that would have to be ignored. A table, so that lifting a refusal is deleting its line.
#[rustfmt::skip]
pub(in crate::manifest) fn refusals(object: &k8s::Service) -> Result<(), Vec<FieldFault>> {
    let mut faults = Faults::default();
    no_finalizers(&object.metadata, &mut faults);
    let Some(spec) = &object.spec else { return Ok(()) };
    let path = Path::root("spec");
    let foreign = spec.cluster_ip.as_deref() == Some("None") && spec.selector.is_none();
    let six = |families: &Vec<String>| families.iter().any(|family| family == "IPv6");
    let mut no = |field, used, what| if used { not_yet(&path.field(field), what, &mut faults) };
    no("externalIPs", spec.external_ips.is_some(), "addresses that somebody else leads to this machine");
    no("ipFamilies", !foreign && spec.ip_families.as_ref().is_some_and(six), "IPv6 between pods");
    no("ipFamilyPolicy", !foreign && spec.ip_family_policy.as_deref() == Some("RequireDualStack"), "IPv6 between pods");
    let ports = path.field("ports");
    for (at, port) in spec.ports.iter().flatten().enumerate() {
        if port.protocol.as_deref() == Some("SCTP") {
            not_yet(&ports.index(at).field("protocol"), "SCTP", &mut faults);
        }
    }
    let list = faults.into_vec();
    if list.is_empty() { Ok(()) } else { Err(list) }
}

/// Converts a Service that has its addresses.
pub(in crate::manifest) fn service(
    object: &k8s::Service,
    created: Time,
) -> Result<Service, Vec<FieldFault>> {
    refusals(object)?;
    let mut faults = Faults::default();
    let default = k8s::ServiceSpec::default();
    let spec = object.spec.as_ref().unwrap_or(&default);
    let path = Path::root("spec");
    let kind = kind(&path, spec, &mut faults);
    let ports = path.field("ports");
    let list = spec.ports.as_deref().unwrap_or_default();
    let model = Service {
        meta: object_meta(&object.metadata, created),
        kind,
        selector: spec.selector.clone().unwrap_or_default(),
        ports: list
            .iter()
            .enumerate()
            .filter_map(|(at, one)| port(&ports.index(at), one, &mut faults))
            .collect(),
        publish_not_ready: spec.publish_not_ready_addresses.unwrap_or_default(),
        affinity: affinity(spec),
    };
    let faults = faults.into_vec();
    if faults.is_empty() {
        Ok(model)
    } else {
        Err(faults)
    }
}

fn kind(path: &Path<'_>, spec: &k8s::ServiceSpec, faults: &mut Faults) -> ServiceType {
    if spec.type_.as_deref() == Some("ExternalName") {
        let name = spec.external_name.as_deref().unwrap_or_default();
        // Valid, so in lower case.
        return ServiceType::ExternalName(name.strip_suffix('.').unwrap_or(name).to_owned());
    }
    let text = spec.cluster_ip.as_deref().unwrap_or_default();
    if text == "None" {
        return ServiceType::Headless;
    }
    let Ok(ip) = text.parse::<Ipv4Addr>() else {
        faults.invalid(&path.field("clusterIP"), text, "must be an IPv4 address");
        return ServiceType::Headless;
    };
    match spec.type_.as_deref() {
        Some("NodePort" | "LoadBalancer") => ServiceType::NodePort(ip),
        _ => ServiceType::ClusterIp(ip),
    }
}

fn port(path: &Path<'_>, one: &k8s::ServicePort, faults: &mut Faults) -> Option<ServicePort> {
    let target = match &one.target_port {
        Some(IntOrString::String(name)) => TargetPort::Name(name.clone()),
        Some(IntOrString::Int(number)) => {
            TargetPort::Number(number_of(&path.field("targetPort"), *number, faults)?)
        }
        None => TargetPort::Number(number_of(&path.field("port"), one.port, faults)?),
    };
    Some(ServicePort {
        name: one.name.clone().unwrap_or_default(),
        protocol: protocol(one.protocol.as_deref()),
        port: number_of(&path.field("port"), one.port, faults)?,
        target,
        node_port: match one.node_port {
            Some(number) => Some(number_of(&path.field("nodePort"), number, faults)?),
            None => None,
        },
    })
}

fn number_of(path: &Path<'_>, number: i32, faults: &mut Faults) -> Option<u16> {
    let found = u16::try_from(number).ok().filter(|number| *number != 0);
    if found.is_none() {
        faults.invalid(path, number, "must be a port");
    }
    found
}

fn affinity(spec: &k8s::ServiceSpec) -> SessionAffinity {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return SessionAffinity::None;
    }
    let client = spec
        .session_affinity_config
        .as_ref()
        .and_then(|config| config.client_ip.as_ref());
    let timeout = client.and_then(|client| client.timeout_seconds);
    SessionAffinity::ClientIp(seconds(timeout.map(i64::from)).unwrap_or(Seconds(10_800)))
}
