//! Names: resolver settings, hostnames, host aliases.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::PodSpec;
use serde_json::json;

use super::{forms, text};
use crate::manifest::fault::{Faults, Json};
use crate::manifest::path::Path;

/// Validates `dnsConfig` (K14, H11).
pub(super) fn config(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    let nameservers = path.field("nameservers");
    let Some(config) = &spec.dns_config else {
        if spec.dns_policy.as_deref() == Some("None") {
            faults.required(path, "must provide `dnsConfig` when `dnsPolicy` is None");
        }
        return;
    };
    let servers = config.nameservers.as_deref().unwrap_or_default();
    if spec.dns_policy.as_deref() == Some("None") && servers.is_empty() {
        let message = "must provide at least one DNS nameserver when `dnsPolicy` is None";
        return faults.required(&nameservers, message);
    }
    if servers.len() > 3 {
        let message = "must not have more than 3 nameservers";
        faults.invalid(&nameservers, Json(json!(servers).to_string()), message);
    }
    for (at, server) in servers.iter().enumerate() {
        ip(&nameservers.index(at), server, faults);
    }
    let searches = path.field("searches");
    let list = config.searches.as_deref().unwrap_or_default();
    if list.len() > 32 {
        let message = "must not have more than 32 search paths";
        faults.invalid(&searches, Json(json!(list).to_string()), message);
    }
    let length = list.iter().map(|s| s.len() + 1).sum::<usize>();
    if length.saturating_sub(1) > 2048 {
        let message =
            "must not have more than 2048 characters (including spaces) in the search list";
        faults.invalid(&searches, Json(json!(list).to_string()), message);
    }
    for (at, search) in list.iter().enumerate() {
        if search != "." {
            let search = search.strip_suffix('.').unwrap_or(search);
            let path = searches.index(at);
            forms(&path, Some(search), text::search_domain, faults);
        }
    }
    let options = path.field("options");
    for (at, option) in config.options.iter().flatten().enumerate() {
        if option.name.as_deref().unwrap_or_default().is_empty() {
            faults.required(&options.index(at), "must not be empty");
        }
    }
}

/// Validates `hostnameOverride` (H9).
pub(super) fn hostname_override(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    let Some(name) = &spec.hostname_override else {
        return;
    };
    let path = path.field("hostnameOverride");
    if spec.set_hostname_as_fqdn == Some(true) {
        faults.forbidden(&path, "may not be specified when setHostnameAsFQDN is true");
    }
    if spec.host_network == Some(true) {
        faults.forbidden(&path, "may not be specified when hostNetwork is true");
    }
    if name.len() > 64 {
        faults.too_long(&path, 64);
    }
    forms(&path, Some(name), text::subdomain, faults);
}

/// Validates `hostAliases` (H10).
pub(super) fn host_aliases(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    for (at, alias) in spec.host_aliases.iter().flatten().enumerate() {
        let path = path.index(at);
        ip(&path.field("ip"), &alias.ip, faults);
        let names = path.field("hostnames");
        for (at, name) in alias.hostnames.iter().flatten().enumerate() {
            forms(&names.index(at), Some(name), text::subdomain, faults);
        }
    }
}

/// An IP address in its usual spelling.
pub(super) fn ip(path: &Path<'_>, address: &str, faults: &mut Faults) {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some() => {
            faults.invalid(path, address, "must not be an IPv4-mapped IPv6 address");
        }
        Ok(_) => {}
        Err(_) if without_leading_zeros(address).parse::<IpAddr>().is_ok() => {
            faults.invalid(path, address, "must not have leading 0s");
        }
        Err(_) => faults.invalid(path, address, text::IP),
    }
}

fn without_leading_zeros(address: &str) -> String {
    let parts: Vec<&str> = address
        .split('.')
        .map(|part| match part.trim_start_matches('0') {
            "" if !part.is_empty() => "0",
            rest => rest,
        })
        .collect();
    parts.join(".")
}
