//! What the API server fills in: API defaults, then what its default admission adds.

mod container;
mod image;
mod service;
mod volume;

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{PodSpec, ResourceRequirements, Secret, Toleration};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::decode::Object;
use super::requests::effective;
use crate::model::Amount;

/// Fills in every default as a create request would.
pub(super) fn apply(object: &mut Object) {
    metadata(object.metadata_mut());
    match object {
        // J1, I1, D1, G1 and the rest.
        Object::Pod(pod) => {
            pod.status = None;
            spec(pod.spec.get_or_insert_default());
        }
        Object::Service(service) => service::apply(service),
        Object::ConfigMap(map) => {
            unset(&mut map.data);
            unset(&mut map.binary_data);
        }
        Object::Secret(secret) => self::secret(secret),
    }
}

/// `stringData` is only a way to write `data`, and wins over it.
fn secret(secret: &mut Secret) {
    let text = secret.string_data.take().unwrap_or_default();
    let data = secret.data.get_or_insert_default();
    data.extend(
        text.into_iter()
            .map(|(key, value)| (key, ByteString(value.into_bytes()))),
    );
    unset(&mut secret.data);
    unset(&mut secret.type_);
    default(&mut secret.type_, "Opaque");
}

fn metadata(metadata: &mut ObjectMeta) {
    unset(&mut metadata.labels);
    unset(&mut metadata.annotations);
    unset(&mut metadata.finalizers);
    unset(&mut metadata.owner_references);
    unset(&mut metadata.generate_name);
    unset(&mut metadata.name);
    unset(&mut metadata.namespace);
    metadata
        .namespace
        .get_or_insert_with(|| "default".to_owned());
    // What only the server may set; a manifest saved from a cluster carries it.
    metadata.managed_fields = None;
    metadata.self_link = None;
    metadata.deletion_timestamp = None;
    metadata.deletion_grace_period_seconds = None;
}

fn spec(spec: &mut PodSpec) {
    unset_empty(spec);
    default(&mut spec.dns_policy, "ClusterFirst");
    default(&mut spec.restart_policy, "Always");
    default(&mut spec.scheduler_name, "default-scheduler");
    spec.security_context.get_or_insert_default();
    spec.enable_service_links.get_or_insert(true);
    // A negative grace was once accepted and means "at once"; the server writes it as the smallest real one.
    let grace = spec.termination_grace_period_seconds.get_or_insert(30);
    if *grace < 0 {
        *grace = 1;
    }
    if let Some(name) = spec
        .service_account_name
        .clone()
        .or_else(|| spec.service_account.clone())
    {
        spec.service_account_name = Some(name.clone());
        spec.service_account = Some(name);
    }
    let host_network = spec.host_network.unwrap_or_default();
    for one in spec
        .init_containers
        .iter_mut()
        .flatten()
        .chain(&mut spec.containers)
    {
        container::apply(one, host_network);
    }
    for one in spec.volumes.iter_mut().flatten() {
        volume::apply(one);
    }
    pod_resources(spec);
    admission(spec);
}

/// Go leaves empty values out when it writes an object, and takes an empty one for an absent one when it defaults.
fn unset_empty(spec: &mut PodSpec) {
    for text in [
        &mut spec.dns_policy,
        &mut spec.restart_policy,
        &mut spec.scheduler_name,
        &mut spec.service_account,
        &mut spec.service_account_name,
        &mut spec.node_name,
        &mut spec.hostname,
        &mut spec.subdomain,
        &mut spec.priority_class_name,
    ] {
        unset(text);
    }
    for flag in [
        &mut spec.host_network,
        &mut spec.host_pid,
        &mut spec.host_ipc,
    ] {
        unset(flag);
    }
    unset(&mut spec.init_containers);
    unset(&mut spec.ephemeral_containers);
    unset(&mut spec.volumes);
    unset(&mut spec.node_selector);
    unset(&mut spec.host_aliases);
    unset(&mut spec.image_pull_secrets);
    unset(&mut spec.tolerations);
    unset(&mut spec.readiness_gates);
    unset(&mut spec.scheduling_gates);
    unset(&mut spec.topology_spread_constraints);
    unset(&mut spec.resource_claims);
    unset(&mut spec.overhead);
}

/// Pod-level requests: what the containers request together where they do, else the pod's limit.
fn pod_resources(spec: &mut PodSpec) {
    let asked = ["cpu", "memory"].map(|resource| (resource, effective(spec, resource)));
    let Some(resources) = &mut spec.resources else {
        return;
    };
    round(resources);
    if resources.limits.is_none() {
        return;
    }
    let mut requests = resources.requests.take().unwrap_or_default();
    for (resource, asked) in asked {
        if let Some(asked) = asked.filter(|_| !requests.contains_key(resource)) {
            requests.insert(resource.to_owned(), Quantity(asked.canonical()));
        }
    }
    fill_requests(&mut requests, resources.limits.as_ref());
    resources.requests = Some(requests).filter(|r| !r.is_empty());
}

type List = BTreeMap<String, Quantity>;

/// A missing request defaults to the limit, resource by resource (J1).
fn fill_requests(requests: &mut List, limits: Option<&List>) {
    for (resource, limit) in limits.into_iter().flatten() {
        requests
            .entry(resource.clone())
            .or_insert_with(|| limit.clone());
    }
}

/// Requests and limits are kept in thousandths, rounded up.
fn round(resources: &mut ResourceRequirements) {
    for list in [&mut resources.limits, &mut resources.requests] {
        unset(list);
        for quantity in list.iter_mut().flat_map(BTreeMap::values_mut) {
            if let Ok(amount) = Amount::parse(&quantity.0) {
                quantity.0 = amount.rounded_to_milli().canonical();
            }
        }
    }
    unset(&mut resources.claims);
}

/// What default admission adds: two tolerations and the priority of the pod's class.
fn admission(spec: &mut PodSpec) {
    let mut tolerations = spec.tolerations.take().unwrap_or_default();
    for key in [
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    ] {
        let tolerated = tolerations.iter().any(|t| {
            let any = |value: Option<&str>| value.unwrap_or_default().is_empty();
            (any(t.key.as_deref()) || t.key.as_deref() == Some(key))
                && (any(t.effect.as_deref()) || t.effect.as_deref() == Some("NoExecute"))
        });
        if !tolerated {
            tolerations.push(Toleration {
                key: Some(key.to_owned()),
                operator: Some("Exists".to_owned()),
                effect: Some("NoExecute".to_owned()),
                toleration_seconds: Some(300),
                value: None,
            });
        }
    }
    spec.tolerations = Some(tolerations);
    let priority = class_priority(spec);
    spec.priority.get_or_insert(priority);
    default(&mut spec.preemption_policy, "PreemptLowerPriority");
}

/// The priority a class stands for; there are no classes here but the two every cluster has.
pub(super) fn class_priority(spec: &PodSpec) -> i32 {
    match spec.priority_class_name.as_deref() {
        Some("system-cluster-critical") => 2_000_000_000,
        Some("system-node-critical") => 2_000_001_000,
        _ => 0,
    }
}

/// Takes an empty value for an absent one.
fn unset<T: Default + PartialEq>(value: &mut Option<T>) {
    if value.as_ref().is_some_and(|value| *value == T::default()) {
        *value = None;
    }
}

fn default(value: &mut Option<String>, text: &str) {
    value.get_or_insert_with(|| text.to_owned());
}

fn default_number(value: &mut Option<i32>, number: i32) {
    if value.unwrap_or_default() == 0 {
        *value = Some(number);
    }
}
