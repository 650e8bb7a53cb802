//! Which kinds there are, and which of them this version runs.

use serde_json::Value;

use super::nearest::nearest;
use crate::manifest::fault::{FaultKind, Faults, FieldFault};

/// Kinds an API server knows, by version. Only what people put into manifests: a kind missing here is refused with another text, no more.
const KNOWN: &[(&str, &[&str])] = &[
    (
        "v1",
        &[
            "Pod",
            "Binding",
            "ConfigMap",
            "Endpoints",
            "Event",
            "LimitRange",
            "Namespace",
            "Node",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "PodTemplate",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        ],
    ),
    (
        "apps/v1",
        &[
            "ControllerRevision",
            "DaemonSet",
            "Deployment",
            "ReplicaSet",
            "StatefulSet",
        ],
    ),
    ("batch/v1", &["CronJob", "Job"]),
    ("autoscaling/v2", &["HorizontalPodAutoscaler"]),
    ("autoscaling/v1", &["HorizontalPodAutoscaler"]),
    (
        "networking.k8s.io/v1",
        &["Ingress", "IngressClass", "NetworkPolicy"],
    ),
    ("policy/v1", &["PodDisruptionBudget"]),
    ("discovery.k8s.io/v1", &["EndpointSlice"]),
    ("coordination.k8s.io/v1", &["Lease"]),
    ("events.k8s.io/v1", &["Event"]),
    ("node.k8s.io/v1", &["RuntimeClass"]),
    ("scheduling.k8s.io/v1", &["PriorityClass"]),
    (
        "storage.k8s.io/v1",
        &["CSIDriver", "CSINode", "StorageClass", "VolumeAttachment"],
    ),
    (
        "rbac.authorization.k8s.io/v1",
        &["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"],
    ),
    (
        "admissionregistration.k8s.io/v1",
        &[
            "MutatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingWebhookConfiguration",
        ],
    ),
    ("apiextensions.k8s.io/v1", &["CustomResourceDefinition"]),
];

/// The kinds this version works with, all of `v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Pod,
    Service,
    ConfigMap,
    Secret,
}

/// The document's kind; refuses the others in the terms of rule K64.
pub(super) fn of(value: &Value) -> Result<Kind, Vec<FieldFault>> {
    let mut faults = Faults::default();
    let Value::Object(map) = value else {
        let found = super::deserializer::found(value);
        let message =
            format!("expected a Kubernetes object (a map with apiVersion, kind, …), found {found}");
        faults.push(&"", FaultKind::Type, message);
        return Err(faults.into_vec());
    };
    let mut text = |field: &str| match map.get(field) {
        Some(Value::String(text)) if !text.is_empty() => Some(text.as_str()),
        None | Some(Value::Null | Value::String(_)) => {
            faults.push(&field, FaultKind::Required, "Required value".to_owned());
            None
        }
        Some(other) => {
            let found = super::deserializer::found(other);
            let message = format!("expected a string, found {found}");
            faults.push(&field, FaultKind::Type, message);
            None
        }
    };
    let (version, kind) = (text("apiVersion"), text("kind"));
    let (Some(version), Some(kind)) = (version, kind) else {
        return Err(faults.into_vec());
    };
    match (version, kind) {
        ("v1", "Pod") => return Ok(Kind::Pod),
        ("v1", "Service") => return Ok(Kind::Service),
        ("v1", "ConfigMap") => return Ok(Kind::ConfigMap),
        ("v1", "Secret") => return Ok(Kind::Secret),
        _ => {}
    }
    let known_here = KNOWN
        .iter()
        .any(|(v, kinds)| *v == version && kinds.contains(&kind));
    if known_here {
        let message = format!(
            "not supported yet: {kind} ({version}); this version runs Pods, with Services, ConfigMaps and Secrets"
        );
        faults.push(&"kind", FaultKind::NotSupportedYet, message);
    } else {
        let mut message = format!("no matches for kind {kind:?} in version {version:?}");
        if let Some(hint) = hint(version, kind) {
            message.push_str(&format!(", did you mean {hint}?"));
        }
        faults.push(&"", FaultKind::UnknownKind, message);
    }
    Err(faults.into_vec())
}

fn hint(version: &str, kind: &str) -> Option<String> {
    if let Some((right, _)) = KNOWN.iter().find(|(_, kinds)| kinds.contains(&kind)) {
        return Some(format!("version {right:?}"));
    }
    let here: Vec<&str> = KNOWN
        .iter()
        .filter(|(v, _)| *v == version)
        .flat_map(|(_, kinds)| kinds.iter().copied())
        .collect();
    nearest(kind, &here).map(|kind| format!("{kind:?}"))
}
