//! Defaults of a Service (rule N11).

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{ClientIPConfig, Service, ServiceSpec, SessionAffinityConfig};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{default, unset};

/// N12: how long a client keeps its pod.
const AFFINITY_SECONDS: i32 = 10_800;

/// Fills in every default of a Service but its addresses, which depend on other Services.
pub(super) fn apply(service: &mut Service) {
    service.status = None;
    let spec = service.spec.get_or_insert_default();
    unset_empty(spec);
    default(&mut spec.session_affinity, "None");
    if spec.session_affinity.as_deref() == Some("None") {
        spec.session_affinity_config = None;
    }
    if spec.session_affinity.as_deref() == Some("ClientIP") {
        let config: &mut SessionAffinityConfig =
            spec.session_affinity_config.get_or_insert_default();
        let client: &mut ClientIPConfig = config.client_ip.get_or_insert_default();
        client.timeout_seconds.get_or_insert(AFFINITY_SECONDS);
    }
    default(&mut spec.type_, "ClusterIP");
    for port in spec.ports.iter_mut().flatten() {
        unset(&mut port.name);
        unset(&mut port.protocol);
        unset(&mut port.node_port);
        default(&mut port.protocol, "TCP");
        let own = IntOrString::Int(port.port);
        let target = port.target_port.get_or_insert_with(|| own.clone());
        if matches!(target, IntOrString::Int(0)) || *target == IntOrString::String(String::new()) {
            *target = own;
        }
    }
    let kind = spec.type_.clone().unwrap_or_default();
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        default(&mut spec.external_traffic_policy, "Cluster");
    }
    if kind == "LoadBalancer" {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
        default(&mut spec.internal_traffic_policy, "Cluster");
    }
    // Who knows only the singular field gets the plural one.
    if let (Some(ip), None) = (&spec.cluster_ip, &spec.cluster_ips) {
        spec.cluster_ips = Some(vec![ip.clone()]);
    }
    if kind != "ExternalName" {
        families(spec);
    }
}

/// Go leaves empty values out when it writes an object, and takes an empty one for an absent one when it defaults.
fn unset_empty(spec: &mut ServiceSpec) {
    for text in [
        &mut spec.cluster_ip,
        &mut spec.external_name,
        &mut spec.external_traffic_policy,
        &mut spec.load_balancer_ip,
        &mut spec.session_affinity,
        &mut spec.type_,
    ] {
        unset(text);
    }
    for list in [
        &mut spec.cluster_ips,
        &mut spec.external_ips,
        &mut spec.ip_families,
        &mut spec.load_balancer_source_ranges,
    ] {
        unset(list);
    }
    unset(&mut spec.health_check_node_port);
    unset(&mut spec.ports);
    unset(&mut spec.publish_not_ready_addresses);
    unset(&mut spec.selector);
}

/// The families of the addresses asked for, or IPv4. A headless Service whose endpoints are somebody else's is of both families.
fn families(spec: &mut ServiceSpec) {
    if spec.cluster_ip.as_deref() == Some("None") && spec.selector.is_none() {
        default(&mut spec.ip_family_policy, "RequireDualStack");
        let both = || vec!["IPv4".to_owned(), "IPv6".to_owned()];
        spec.ip_families.get_or_insert_with(both);
        return;
    }
    default(&mut spec.ip_family_policy, "SingleStack");
    let ips = spec.cluster_ips.iter().flatten();
    let of_ips: Vec<String> = ips
        .filter_map(|ip| ip.parse().ok())
        .map(|ip: IpAddr| if ip.is_ipv6() { "IPv6" } else { "IPv4" }.to_owned())
        .collect();
    let families = if of_ips.is_empty() {
        vec!["IPv4".to_owned()]
    } else {
        of_ips
    };
    spec.ip_families.get_or_insert(families);
}
