//! The API server's validation of a Pod at create: its wording, its paths, its order (table K). Collects every fault.

mod config_map;
mod container;
mod dns;
mod env;
mod metadata;
mod mounts;
mod ports;
mod probes;
mod resources;
mod scheduling;
mod secret;
mod security;
mod service;
mod text;
mod volumes;

pub(super) use text::{IP, label_faults};

use std::fmt::Display;

use k8s_openapi::api::core::v1 as k8s;

use super::decode::Object;
use super::defaults::class_priority;
use super::fault::{FaultKind, Faults, FieldFault};
use super::path::Path;

/// What refuses an object before it is defaulted: fields only the server may fill in.
pub(super) fn before_create(object: &Object) -> Vec<FieldFault> {
    let mut faults = Faults::default();
    let metadata = Path::root("metadata");
    if object
        .metadata()
        .resource_version
        .as_deref()
        .is_some_and(|version| !version.is_empty())
    {
        let message = "resourceVersion should not be set on objects to be created";
        faults.push(
            &metadata.field("resourceVersion"),
            FaultKind::Forbidden,
            message.to_owned(),
        );
    }
    if let Object::Pod(pod) = object
        && let Some(spec) = &pod.spec
    {
        priority(spec, &mut faults);
    }
    faults.into_vec()
}

/// The priority is the class's to give. A class of the user's own is not known here and so not held against the numbers.
fn priority(spec: &k8s::PodSpec, faults: &mut Faults) {
    let class = spec.priority_class_name.as_deref().unwrap_or_default();
    if !class.is_empty() && class_priority(spec) == 0 {
        return;
    }
    let path = Path::root("spec");
    let mut refuse = |field, what: &str, given: &dyn Display, computed: &dyn Display| {
        let message = format!(
            "the {what} ({given}) must not be provided in pod spec; priority admission controller computed \
             {computed} from the given PriorityClass name"
        );
        faults.push(&path.field(field), FaultKind::Forbidden, message);
    };
    let computed = class_priority(spec);
    if let Some(given) = spec.priority.filter(|given| *given != computed) {
        refuse("priority", "integer value of priority", &given, &computed);
    }
    if let Some(given) = spec
        .preemption_policy
        .as_deref()
        .filter(|given| *given != "PreemptLowerPriority")
    {
        let what = "string value of PreemptionPolicy";
        refuse("preemptionPolicy", what, &given, &"PreemptLowerPriority");
    }
}

/// Validates a defaulted object.
pub(super) fn object(object: &Object) -> Vec<FieldFault> {
    let mut faults = Faults::default();
    match object {
        Object::Pod(one) => pod(one, &mut faults),
        Object::Service(one) => service::check(one, &mut faults),
        Object::ConfigMap(one) => config_map::check(one, &mut faults),
        Object::Secret(one) => secret::check(one, &mut faults),
    }
    faults.into_vec()
}

fn pod(pod: &k8s::Pod, faults: &mut Faults) {
    metadata::check(&pod.metadata, text::subdomain, faults);
    if let Some(spec) = &pod.spec {
        metadata::pod_annotations(&pod.metadata, spec, faults);
        self::spec(spec, faults);
        after_spec(spec, faults);
    }
}

fn spec(spec: &k8s::PodSpec, faults: &mut Faults) {
    let path = Path::root("spec");
    let volumes = volumes::check(
        &path.field("volumes"),
        spec.volumes.as_deref().unwrap_or_default(),
        faults,
    );
    container::check(&path, spec, &volumes, faults);
    resources::pod(&path.field("resources"), spec, faults);
    security::host_network(&path.field("containers"), spec, faults);
    let value = |value: &Option<String>| value.clone().unwrap_or_default();
    faults.one_of(
        &path.field("restartPolicy"),
        &value(&spec.restart_policy),
        &["Always", "OnFailure", "Never"],
    );
    faults.one_of(
        &path.field("dnsPolicy"),
        &value(&spec.dns_policy),
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
    );
    metadata::labels(
        &path.field("nodeSelector"),
        spec.node_selector.as_ref(),
        faults,
    );
    security::pod(&path, spec, faults);
    scheduling::affinity(&path.field("affinity"), spec.affinity.as_ref(), faults);
    dns::config(&path.field("dnsConfig"), spec, faults);
    scheduling::gates(&path, spec, faults);
    scheduling::spread(&path.field("topologySpreadConstraints"), spec, faults);
    security::host_users(&path, spec, faults);
    dns::hostname_override(&path, spec, faults);
    for (field, name) in [
        ("serviceAccountName", &spec.service_account_name),
        ("nodeName", &spec.node_name),
    ] {
        forms(&path.field(field), name.as_deref(), text::subdomain, faults);
    }
    if let Some(seconds) = spec.active_deadline_seconds {
        let max = i64::from(i32::MAX);
        if !(1..=max).contains(&seconds) {
            let detail = text::range(1, max);
            faults.invalid(&path.field("activeDeadlineSeconds"), seconds, &detail);
        }
    }
    for (field, name) in [("hostname", &spec.hostname), ("subdomain", &spec.subdomain)] {
        forms(&path.field(field), name.as_deref(), text::label, faults);
    }
    scheduling::tolerations(&path.field("tolerations"), spec, faults);
    dns::host_aliases(&path.field("hostAliases"), spec, faults);
    for (field, name) in [
        ("priorityClassName", &spec.priority_class_name),
        ("runtimeClassName", &spec.runtime_class_name),
    ] {
        forms(&path.field(field), name.as_deref(), text::subdomain, faults);
    }
    if let Some(os) = &spec.os {
        let path = path.field("os");
        if os.name.is_empty() {
            faults.required(&path.field("name"), "");
        } else {
            faults.one_of(&path, &os.name, &["linux", "windows"]);
        }
    }
    security::operating_system(&path, spec, faults);
    env::files(&path, spec, faults);
}

/// What the server looks at when the specification as such is done.
fn after_spec(spec: &k8s::PodSpec, faults: &mut Faults) {
    let path = Path::root("spec");
    if spec.service_account_name.is_none() {
        let volumes = path.field("volumes");
        for (at, volume) in spec.volumes.iter().flatten().enumerate() {
            let volume_path = volumes.index(at);
            let projected = volume_path.field("projected");
            let sources = projected.field("sources");
            let list = volume.projected.as_ref().and_then(|p| p.sources.as_ref());
            for (at, source) in list.into_iter().flatten().enumerate() {
                if source.service_account_token.is_some() {
                    faults.forbidden(
                        &sources.index(at).field("serviceAccountToken"),
                        "must not be specified when serviceAccountName is not set",
                    );
                }
            }
        }
    }
    for (field, containers) in [
        ("containers", Some(&spec.containers)),
        ("initContainers", spec.init_containers.as_ref()),
    ] {
        let path = path.field(field);
        for (at, container) in containers.into_iter().flatten().enumerate() {
            let image = container.image.as_deref().unwrap_or_default();
            if image != image.trim() {
                let message = "must not have leading or trailing whitespace";
                faults.invalid(&path.index(at).field("image"), image, message);
            }
        }
    }
    if spec.ephemeral_containers.is_some() {
        faults.forbidden(
            &path.field("ephemeralContainers"),
            "cannot be set on create",
        );
    }
    if spec.node_name.is_some() && spec.scheduling_gates.is_some() {
        faults.forbidden(
            &path.field("nodeName"),
            "cannot be set until all schedulingGates have been cleared",
        );
    }
}

/// Holds a text against a form and reports each message.
fn forms(
    path: &Path<'_>,
    text: Option<&str>,
    form: impl Fn(&str) -> Vec<String>,
    faults: &mut Faults,
) {
    if let Some(text) = text {
        for message in form(text) {
            faults.invalid(path, text, &message);
        }
    }
}
