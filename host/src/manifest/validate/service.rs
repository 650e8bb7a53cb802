//! Services (rule N11), in the order in which the API server looks at their parts.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use serde_json::json;

use super::{dns, forms, metadata, text};
use crate::manifest::fault::{Faults, Json, Shown as _};
use crate::manifest::path::Path;

/// A day: the longest a client may keep its pod.
const MAX_AFFINITY_SECONDS: i32 = 86_400;

/// Validates a defaulted Service.
pub(super) fn check(service: &Service, faults: &mut Faults) {
    metadata::check(&service.metadata, text::label, faults);
    let Some(spec) = &service.spec else { return };
    let path = Path::root("spec");
    let kind = spec.type_.as_deref().unwrap_or_default();
    let headless = spec.cluster_ip.as_deref() == Some("None");
    let ports = spec.ports.as_deref().unwrap_or_default();
    let ports_path = path.field("ports");
    if ports.is_empty() && !headless && kind != "ExternalName" {
        faults.required(&ports_path, "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let message = format!("may not be set to 'None' for {kind} services");
            let ips = path.field("clusterIPs");
            faults.invalid(&ips.index(0), "None", &message);
        }
        "ExternalName" => external_name(&path, spec, faults),
        _ => {}
    }
    let mut names = BTreeSet::new();
    for (at, one) in ports.iter().enumerate() {
        port(
            &ports_path.index(at),
            one,
            ports.len() > 1,
            &mut names,
            faults,
        );
    }
    metadata::labels(&path.field("selector"), spec.selector.as_ref(), faults);
    affinity(&path, spec, faults);
    if kind != "ExternalName" {
        cluster_ips(&path, spec, faults);
    }
    let external = path.field("externalIPs");
    for (at, ip) in spec.external_ips.iter().flatten().enumerate() {
        dns::ip(&external.index(at), ip, faults);
    }
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    faults.one_of(&path.field("type"), kind, &kinds);
    doubles(&ports_path, kind, ports, faults);
    load_balancer(&path, spec, kind, faults);
    traffic(&path, spec, kind, faults);
}

fn external_name(path: &Path<'_>, spec: &ServiceSpec, faults: &mut Faults) {
    for (field, used) in [
        ("clusterIPs", spec.cluster_ips.is_some()),
        ("ipFamilies", spec.ip_families.is_some()),
        ("ipFamilyPolicy", spec.ip_family_policy.is_some()),
    ] {
        if used {
            faults.forbidden(
                &path.field(field),
                "may not be set for ExternalName services",
            );
        }
    }
    let path = path.field("externalName");
    let name = spec.external_name.as_deref().unwrap_or_default();
    match name.strip_suffix('.').unwrap_or(name) {
        "" => faults.required(&path, ""),
        name => forms(&path, Some(name), text::subdomain, faults),
    }
}

fn port<'a>(
    path: &Path<'_>,
    port: &'a ServicePort,
    several: bool,
    names: &mut BTreeSet<&'a str>,
    faults: &mut Faults,
) {
    match &port.name {
        None if several => faults.required(&path.field("name"), ""),
        None => {}
        Some(name) => {
            let field = path.field("name");
            forms(&field, Some(name), text::label, faults);
            if !names.insert(name) {
                faults.duplicate(&field, name);
            }
        }
    }
    if let Some(message) = text::port_number(port.port) {
        faults.invalid(&path.field("port"), port.port, &message);
    }
    faults.one_of(
        &path.field("protocol"),
        port.protocol.as_deref().unwrap_or_default(),
        &["SCTP", "TCP", "UDP"],
    );
    let target = path.field("targetPort");
    match &port.target_port {
        Some(IntOrString::Int(number)) => {
            if let Some(message) = text::port_number(*number) {
                faults.invalid(&target, *number, &message);
            }
        }
        Some(IntOrString::String(name)) => forms(&target, Some(name), text::port_name, faults),
        None => {}
    }
    forms(
        &path.field("appProtocol"),
        port.app_protocol.as_deref(),
        text::qualified_name,
        faults,
    );
}

fn affinity(path: &Path<'_>, spec: &ServiceSpec, faults: &mut Faults) {
    let affinity = spec.session_affinity.as_deref().unwrap_or_default();
    faults.one_of(
        &path.field("sessionAffinity"),
        affinity,
        &["ClientIP", "None"],
    );
    if affinity != "ClientIP" {
        return;
    }
    let client = spec
        .session_affinity_config
        .as_ref()
        .and_then(|c| c.client_ip.as_ref());
    let seconds = client
        .and_then(|client| client.timeout_seconds)
        .unwrap_or_default();
    if !(1..=MAX_AFFINITY_SECONDS).contains(&seconds) {
        let path = path.field("sessionAffinityConfig");
        let path = path.field("clientIP");
        let message = format!("must be greater than 0 and less than {MAX_AFFINITY_SECONDS}");
        faults.invalid(&path.field("timeoutSeconds"), seconds, &message);
    }
}

/// Addresses asked for, in both of their fields, and their families.
fn cluster_ips(path: &Path<'_>, spec: &ServiceSpec, faults: &mut Faults) {
    let ips_path = path.field("clusterIPs");
    let ips = spec.cluster_ips.as_deref().unwrap_or_default();
    let shown = || Json(json!(ips).to_string());
    match (spec.cluster_ip.as_deref(), ips.first()) {
        (None, Some(_)) => {
            let message = "must be empty when `clusterIP` is not specified";
            faults.invalid(&ips_path, shown(), message);
        }
        (Some(ip), Some(first)) if ip != first => {
            faults.invalid(&ips_path, shown(), "first value must match `clusterIP`");
        }
        _ => {}
    }
    let families = path.field("ipFamilies");
    let mut seen = BTreeSet::new();
    for (at, family) in spec.ip_families.iter().flatten().enumerate() {
        faults.one_of(&families.index(at), family, &["IPv4", "IPv6"]);
        if !seen.insert(family) {
            faults.duplicate(&families.index(at), family);
        }
    }
    let policy = spec.ip_family_policy.as_deref().unwrap_or_default();
    let policies = ["PreferDualStack", "RequireDualStack", "SingleStack"];
    faults.one_of(&path.field("ipFamilyPolicy"), policy, &policies);
    for (at, ip) in ips.iter().enumerate() {
        if (at, ip.as_str()) != (0, "None") {
            dns::ip(&ips_path.index(at), ip, faults);
        } else if ips.len() > 1 {
            let message = "'None' must be the first and only value";
            faults.invalid(&ips_path, shown(), message);
        }
    }
    if ips.len() > 2 {
        faults.invalid(&ips_path, shown(), "may only hold up to 2 values");
    }
}

/// The same port twice, by protocol and number.
fn doubles(path: &Path<'_>, kind: &str, ports: &[ServicePort], faults: &mut Faults) {
    let protocol = |port: &ServicePort| port.protocol.clone().unwrap_or_default();
    if kind == "ClusterIP" {
        for (at, _) in ports
            .iter()
            .enumerate()
            .filter(|(_, port)| port.node_port.is_some())
        {
            let path = path.index(at);
            let message = "may not be used when `type` is 'ClusterIP'";
            faults.forbidden(&path.field("nodePort"), message);
        }
    }
    let mut seen = BTreeSet::new();
    for (at, port) in ports.iter().enumerate() {
        let Some(number) = port.node_port else {
            continue;
        };
        if !seen.insert((protocol(port), number)) {
            let path = path.index(at);
            faults.duplicate_of(&path.field("nodePort"), number);
        }
    }
    let mut seen = BTreeSet::new();
    for (at, port) in ports.iter().enumerate() {
        if !seen.insert((protocol(port), port.port)) {
            // Go's dump of the key it found twice.
            let key = format!(
                r#"{{"Name":"","Protocol":{},"AppProtocol":null,"Port":{},"TargetPort":0,"NodePort":0}}"#,
                protocol(port).as_str().shown(),
                port.port
            );
            faults.duplicate_of(&path.index(at), Json(key));
        }
    }
}

fn load_balancer(path: &Path<'_>, spec: &ServiceSpec, kind: &str, faults: &mut Faults) {
    if kind == "LoadBalancer" {
        return;
    }
    for (field, used) in [
        (
            "loadBalancerSourceRanges",
            spec.load_balancer_source_ranges.is_some(),
        ),
        (
            "allocateLoadBalancerNodePorts",
            spec.allocate_load_balancer_node_ports.is_some(),
        ),
        ("loadBalancerClass", spec.load_balancer_class.is_some()),
    ] {
        if used {
            let message = "may only be used when `type` is 'LoadBalancer'";
            faults.forbidden(&path.field(field), message);
        }
    }
}

fn traffic(path: &Path<'_>, spec: &ServiceSpec, kind: &str, faults: &mut Faults) {
    let external = path.field("externalTrafficPolicy");
    let policy = spec.external_traffic_policy.as_deref();
    let outside = matches!(kind, "NodePort" | "LoadBalancer")
        || kind == "ClusterIP" && spec.external_ips.is_some();
    match policy {
        Some(policy) if !outside => {
            let message = "may only be set for externally-accessible services";
            faults.invalid(&external, policy, message);
        }
        Some(policy) => faults.one_of(&external, policy, &["Cluster", "Local"]),
        None => {}
    }
    let checked = kind == "LoadBalancer" && policy == Some("Local");
    if let Some(port) = spec.health_check_node_port.filter(|_| !checked) {
        let message =
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
        faults.invalid(&path.field("healthCheckNodePort"), port, message);
    }
    if let Some(policy) = &spec.internal_traffic_policy {
        faults.one_of(
            &path.field("internalTrafficPolicy"),
            policy,
            &["Cluster", "Local"],
        );
    }
    if let Some(wanted) = &spec.traffic_distribution {
        let known = ["PreferClose", "PreferSameNode", "PreferSameZone"];
        faults.one_of(&path.field("trafficDistribution"), wanted, &known);
    }
}
