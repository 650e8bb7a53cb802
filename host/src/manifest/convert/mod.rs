//! A defaulted, validated Kubernetes object to the model, or refusals naming each field this version cannot do yet.

mod config_map;
mod container;
mod environment;
mod node_choice;
mod probes;
mod qos;
mod refusals;
mod secret;
mod service;
mod volume;

use std::sync::Arc;

use k8s_openapi::api::core::v1 as k8s;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta as KubeMeta;

use super::fault::{FaultKind, Faults, FieldFault};
use super::path::Path;
use crate::model::{
    Dns, DnsPolicy, Namespace, ObjectMeta, Pod, PodMeta, PodName, PodSpec, PodUid, Protocol,
    RestartPolicy, Seconds, Time, Uid,
};

pub(super) use config_map::config_map;
pub(super) use qos::class as qos_class;
pub(super) use refusals::dropped;
pub(super) use secret::secret;
pub(super) use service::{refusals as service_refusals, service};

/// The cluster domain of fully qualified names (H9).
const ZONE: &str = "cluster.local";

/// Linux allows a hostname no more than this (H9).
const MAX_HOSTNAME: usize = 63;

/// Converts. A fault here that is no refusal means validation let something through; it is reported, never a panic.
pub(super) fn pod(object: &k8s::Pod, created: Time) -> Result<Pod, Vec<FieldFault>> {
    let mut faults = Faults::default();
    refusals::check(object, &mut faults);
    let default = k8s::PodSpec::default();
    let spec = object.spec.as_ref().unwrap_or(&default);
    let meta = meta(&object.metadata, created);
    let hostname = hostname(spec, &meta.name);
    let fqdn = spec
        .subdomain
        .as_ref()
        .filter(|_| spec.hostname_override.is_none())
        .map(|subdomain| format!("{hostname}.{subdomain}.{}.svc.{ZONE}", meta.namespace));
    let uts_hostname = match &fqdn {
        Some(fqdn) if spec.set_hostname_as_fqdn == Some(true) => fqdn.clone(),
        _ => hostname.clone(),
    };
    let root = Path::root("spec");
    let model = PodSpec {
        init: container::list(
            &root.field("initContainers"),
            spec.init_containers.as_deref().unwrap_or_default(),
            true,
            &mut faults,
        ),
        mains: container::list(
            &root.field("containers"),
            &spec.containers,
            false,
            &mut faults,
        ),
        volumes: volume::volumes(
            &root.field("volumes"),
            spec.volumes.as_deref().unwrap_or_default(),
            &mut faults,
        ),
        restart_policy: restart_policy(
            &root.field("restartPolicy"),
            spec.restart_policy.as_deref().unwrap_or_default(),
            &mut faults,
        ),
        grace: seconds(spec.termination_grace_period_seconds).unwrap_or_default(),
        active_deadline: seconds(spec.active_deadline_seconds),
        hostname,
        uts_hostname,
        fqdn,
        host_aliases: spec
            .host_aliases
            .iter()
            .flatten()
            .map(|alias| {
                (
                    alias.ip.clone(),
                    alias.hostnames.clone().unwrap_or_default(),
                )
            })
            .collect(),
        dns: dns(spec),
        // What admission writes into a pod that names none.
        service_account: spec
            .service_account_name
            .clone()
            .unwrap_or_else(|| "default".to_owned()),
        service_links: spec.enable_service_links.unwrap_or(true),
        readiness_gates: spec
            .readiness_gates
            .iter()
            .flatten()
            .map(|gate| gate.condition_type.clone())
            .collect(),
        node_name: spec.node_name.clone(),
        node: node_choice::choice(&root, spec, &mut faults),
        resources: container::resources(spec.resources.as_ref()),
        qos: qos::class(spec),
        pull_secrets: spec
            .image_pull_secrets
            .iter()
            .flatten()
            .map(|secret| secret.name.clone())
            .filter(|name| !name.is_empty())
            .collect(),
    };
    let faults = faults.into_vec();
    if faults.is_empty() {
        Ok(Pod {
            meta,
            spec: Arc::new(model),
        })
    } else {
        Err(faults)
    }
}

/// H11. `ClusterFirstWithHostNet` differs only for a pod in the machine's own network, and there is none.
fn dns(spec: &k8s::PodSpec) -> Dns {
    let config = spec.dns_config.clone().unwrap_or_default();
    Dns {
        policy: match spec.dns_policy.as_deref() {
            Some("Default") => DnsPolicy::Default,
            Some("None") => DnsPolicy::None,
            _ => DnsPolicy::ClusterFirst,
        },
        nameservers: config.nameservers.unwrap_or_default(),
        searches: config.searches.unwrap_or_default(),
        options: config
            .options
            .into_iter()
            .flatten()
            .map(|option| (option.name.unwrap_or_default(), option.value))
            .collect(),
    }
}

/// Metadata of an object that is no pod.
fn object_meta(metadata: &KubeMeta, created: Time) -> ObjectMeta {
    ObjectMeta {
        uid: Uid::new(metadata.uid.as_deref().unwrap_or_default()),
        name: metadata.name.clone().unwrap_or_default(),
        namespace: Namespace::new(metadata.namespace.as_deref().unwrap_or("default")),
        created,
        labels: metadata.labels.clone().unwrap_or_default(),
        annotations: metadata.annotations.clone().unwrap_or_default(),
    }
}

/// SCTP is refused elsewhere.
fn protocol(text: Option<&str>) -> Protocol {
    match text {
        Some("UDP") => Protocol::Udp,
        _ => Protocol::Tcp,
    }
}

fn meta(metadata: &KubeMeta, created: Time) -> PodMeta {
    PodMeta {
        uid: PodUid::new(metadata.uid.as_deref().unwrap_or_default()),
        name: PodName::new(metadata.name.as_deref().unwrap_or_default()),
        namespace: Namespace::new(metadata.namespace.as_deref().unwrap_or("default")),
        created,
        generation: metadata.generation.unwrap_or(1),
        labels: metadata.labels.clone().unwrap_or_default(),
        annotations: metadata.annotations.clone().unwrap_or_default(),
    }
}

/// H9: the override, the hostname or the pod's name, cut to what Linux allows.
fn hostname(spec: &k8s::PodSpec, name: &PodName) -> String {
    let wanted = spec
        .hostname_override
        .as_deref()
        .or(spec.hostname.as_deref())
        .unwrap_or(name.as_str());
    let cut: String = wanted.chars().take(MAX_HOSTNAME).collect();
    cut.trim_end_matches(['-', '.']).to_owned()
}

fn seconds(value: Option<i64>) -> Option<Seconds> {
    value.and_then(|n| u64::try_from(n).ok()).map(Seconds)
}

fn restart_policy(path: &Path<'_>, text: &str, faults: &mut Faults) -> RestartPolicy {
    match text {
        "Always" => RestartPolicy::Always,
        "OnFailure" => RestartPolicy::OnFailure,
        "Never" => RestartPolicy::Never,
        _ => {
            faults.unsupported(path, text, &["Always", "OnFailure", "Never"]);
            RestartPolicy::Always
        }
    }
}

/// Refuses an object that is to wait for somebody before it goes.
fn no_finalizers(metadata: &KubeMeta, faults: &mut Faults) {
    if metadata.finalizers.is_some() {
        let path = Path::root("metadata");
        let path = path.field("finalizers");
        not_yet(&path, "nothing here could remove them", faults);
    }
}

fn not_yet(path: &Path<'_>, what: &str, faults: &mut Faults) {
    let message = format!("not supported yet: {what}");
    faults.push(path, FaultKind::NotSupportedYet, message);
}
