//! `resources` and `resizePolicy` (K43–K45).

use k8s_openapi::api::core::v1::{Container, PodSpec, ResourceRequirements};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;
use crate::manifest::requests::effective;
use crate::model::Amount;

/// Names that are standard somewhere, though not for containers.
const STANDARD: &[&str] = &[
    "storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "requests.storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

/// Standard names of things that are counted.
const COUNTED: &[&str] = &[
    "pods",
    "resourcequotas",
    "services",
    "replicationcontrollers",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// Validates requests and limits of a container.
pub(super) fn check(path: &Path<'_>, resources: &ResourceRequirements, faults: &mut Faults) {
    lists(path, resources, resource_name, faults);
    let claims = path.field("claims");
    for (at, claim) in resources.claims.iter().flatten().enumerate() {
        if claim.name.is_empty() {
            faults.required(&claims.index(at), "");
        }
    }
}

/// Validates requests and limits of a pod as a whole, and holds the containers' against them.
pub(super) fn pod(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    let Some(resources) = &spec.resources else {
        return;
    };
    if resources.claims.is_some() {
        let message = "claims may not be set for Resources at pod-level";
        faults.forbidden(&path.field("claims"), message);
    }
    lists(path, resources, pod_resource_name, faults);
    let requests = path.field("requests");
    for (name, quantity) in resources.requests.iter().flatten() {
        let asked = effective(spec, name);
        if let (Some(asked), Some(whole)) = (asked, amount(quantity))
            && asked.compare(whole).is_gt()
        {
            let message = format!(
                "must be greater than or equal to aggregate container requests of {}",
                asked.canonical()
            );
            faults.invalid(&requests.key(name), &quantity.0, &message);
        }
    }
    let containers = path.field("containers");
    for (at, container) in spec.containers.iter().enumerate() {
        let limits = container.resources.as_ref().and_then(|r| r.limits.as_ref());
        for (name, limit) in limits.into_iter().flatten() {
            let whole = resources.limits.as_ref().and_then(|list| list.get(name));
            let Some(whole) = whole else { continue };
            if let (Some(part), Some(most)) = (amount(limit), amount(whole))
                && part.compare(most).is_gt()
            {
                let message = format!("must be less than or equal to pod limits of {}", whole.0);
                let path = containers.index(at);
                faults.invalid(&path.key(name).field("limits"), &limit.0, &message);
            }
        }
    }
}

fn amount(quantity: &Quantity) -> Option<Amount> {
    Amount::parse(&quantity.0).ok()
}

fn lists(
    path: &Path<'_>,
    resources: &ResourceRequirements,
    name_form: fn(&Path<'_>, &str, &mut Faults),
    faults: &mut Faults,
) {
    let (limits, requests) = (path.field("limits"), path.field("requests"));
    for (name, limit) in resources.limits.iter().flatten() {
        one(&limits.key(name), name, limit, name_form, faults);
    }
    for (name, request) in resources.requests.iter().flatten() {
        one(&requests.key(name), name, request, name_form, faults);
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
        let (Some(asked), Some(most)) = (amount(request), amount(limit)) else {
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
    let names = || {
        [&resources.limits, &resources.requests]
            .into_iter()
            .flatten()
            .flat_map(|list| list.keys())
    };
    if names().any(|name| name.starts_with("hugepages-"))
        && !names().any(|name| matches!(name.as_str(), "cpu" | "memory"))
    {
        faults.forbidden(path, "HugePages require cpu or memory");
    }
}

fn one(
    path: &Path<'_>,
    name: &str,
    quantity: &Quantity,
    name_form: fn(&Path<'_>, &str, &mut Faults),
    faults: &mut Faults,
) {
    name_form(path, name, faults);
    let Some(amount) = amount(quantity) else {
        return;
    };
    if amount.is_negative() {
        let message = "must be greater than or equal to 0";
        faults.invalid(path, &quantity.0, message);
    }
    if (is_extended(name) || COUNTED.contains(&name)) && !amount.is_whole() {
        faults.invalid(path, &quantity.0, "must be an integer");
    }
}

fn pod_resource_name(path: &Path<'_>, name: &str, faults: &mut Faults) {
    let before = faults.len();
    resource_name(path, name, faults);
    if faults.len() == before && !name.starts_with("hugepages-") {
        faults.one_of(path, name, &["cpu", "memory"]);
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
        let standard = STANDARD.contains(&name)
            || COUNTED.contains(&name)
            || name.starts_with("requests.hugepages-");
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
        Some(_) => name.contains("kubernetes.io/"),
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
                "must be 'NotRequired' when pod `restartPolicy` is 'Never'",
            );
        }
    }
}
