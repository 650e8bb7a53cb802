//! `resources` and `resizePolicy` (K43–K45).

use k8s_openapi::api::core::v1::{Container, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;
use crate::manifest::quantity::Amount;

/// Validates requests and limits.
pub(super) fn check(path: &Path<'_>, resources: &ResourceRequirements, faults: &mut Faults) {
    let (limits, requests) = (path.field("limits"), path.field("requests"));
    for (name, limit) in resources.limits.iter().flatten() {
        one(&limits.key(name), name, limit, faults);
    }
    for (name, request) in resources.requests.iter().flatten() {
        one(&requests.key(name), name, request, faults);
        let limit = resources.limits.as_ref().and_then(|list| list.get(name));
        let Some(limit) = limit else {
            if !may_overcommit(name) {
                faults.required(
                    &limits,
                    "Limit must be set for non overcommitable resources",
                );
            }
            continue;
        };
        let (Ok(asked), Ok(most)) = (Amount::parse(&request.0), Amount::parse(&limit.0)) else {
            continue;
        };
        let order = asked.compare(most);
        if order.is_ne() && !may_overcommit(name) {
            let message = format!("must be equal to {name} limit of {}", limit.0);
            faults.invalid(&requests, &request.0, &message);
        } else if order.is_gt() {
            let message = format!("must be less than or equal to {name} limit of {}", limit.0);
            faults.invalid(&requests, &request.0, &message);
        }
    }
}

fn one(path: &Path<'_>, name: &str, quantity: &Quantity, faults: &mut Faults) {
    resource_name(path, name, faults);
    let Ok(amount) = Amount::parse(&quantity.0) else {
        return;
    };
    if amount.is_negative() {
        let message = "must be greater than or equal to 0";
        faults.invalid(path, &quantity.0, message);
    }
    if is_extended(name) && !amount.is_whole() {
        faults.invalid(path, &quantity.0, "must be an integer");
    }
}

fn resource_name(path: &Path<'_>, name: &str, faults: &mut Faults) {
    let before = faults.len();
    forms(path, Some(name), text::qualified_name, faults);
    let well_formed = faults.len() == before;
    let for_containers =
        ["cpu", "memory", "ephemeral-storage"].contains(&name) || name.starts_with("hugepages-");
    if name.contains('/') {
        if !is_native(name) && !is_extended(name) {
            let message = "doesn't follow extended resource name standard";
            faults.invalid(path, name, message);
        }
    } else if !for_containers {
        let standard = ["storage", "pods", "services", "secrets", "configmaps"].contains(&name)
            || name.starts_with("requests.")
            || name.starts_with("limits.");
        if well_formed && !standard {
            let message = "must be a standard resource type or fully qualified";
            faults.invalid(path, name, message);
        }
        let message = "must be a standard resource for containers";
        faults.invalid(path, name, message);
    }
}

fn is_native(name: &str) -> bool {
    match name.split_once('/') {
        None => true,
        Some((domain, _)) => domain == "kubernetes.io" || domain.ends_with(".kubernetes.io"),
    }
}

fn is_extended(name: &str) -> bool {
    !is_native(name) && !name.starts_with("requests.") && text::qualified_name(name).is_empty()
}

fn may_overcommit(name: &str) -> bool {
    is_native(name) && !name.starts_with("hugepages-")
}

/// Validates `resizePolicy`; the server's paths have no index here.
pub(super) fn resize(
    path: &Path<'_>,
    container: &Container,
    pod_policy: &str,
    faults: &mut Faults,
) {
    let mut seen = Vec::new();
    for (at, policy) in container.resize_policy.iter().flatten().enumerate() {
        if seen.contains(&&policy.resource_name) {
            faults.duplicate(&path.index(at), &policy.resource_name);
        }
        seen.push(&policy.resource_name);
        if policy.resource_name.is_empty() {
            faults.required(path, "");
        } else {
            faults.one_of(path, &policy.resource_name, &["cpu", "memory"]);
        }
        if policy.restart_policy.is_empty() {
            faults.required(path, "");
        } else {
            let supported = ["NotRequired", "RestartContainer"];
            faults.one_of(path, &policy.restart_policy, &supported);
        }
        if pod_policy == "Never" && policy.restart_policy != "NotRequired" {
            faults.invalid(
                path,
                &policy.restart_policy,
                "must be 'NotRequired' when `restartPolicy` is 'Never'",
            );
        }
    }
}
