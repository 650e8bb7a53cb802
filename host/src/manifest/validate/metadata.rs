//! `metadata` (K1–K5).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PodSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::json;

use super::{forms, text};
use crate::manifest::fault::{Faults, Json};
use crate::manifest::path::Path;

const MAX_ANNOTATIONS: usize = 256 << 10;

/// Validates metadata; `name` is the form its kind's names have.
pub(super) fn check(meta: &ObjectMeta, name: fn(&str) -> Vec<String>, faults: &mut Faults) {
    let path = Path::root("metadata");
    if let Some(base) = &meta.generate_name {
        let path = path.field("generateName");
        forms(&path, Some(base), text::subdomain_prefix, faults);
    }
    match &meta.name {
        None => faults.required(&path.field("name"), "name or generateName is required"),
        Some(text) => forms(&path.field("name"), Some(text), name, faults),
    }
    forms(
        &path.field("namespace"),
        meta.namespace.as_deref(),
        text::label,
        faults,
    );
    labels(&path.field("labels"), meta.labels.as_ref(), faults);
    annotations(
        &path.field("annotations"),
        meta.annotations.as_ref(),
        faults,
    );
    owners(
        &path.field("ownerReferences"),
        meta.owner_references.as_deref().unwrap_or_default(),
        faults,
    );
    let finalizers = path.field("finalizers");
    let names = meta.finalizers.as_deref().unwrap_or_default();
    for (at, name) in names.iter().enumerate() {
        let path = finalizers.index(at);
        forms(&path, Some(name), text::qualified_name, faults);
    }
    for (at, name) in names.iter().enumerate() {
        if !name.contains('/')
            && !["kubernetes", "orphan", "foregroundDeletion"].contains(&name.as_str())
        {
            faults.invalid(
                &finalizers.index(at),
                name,
                "name is neither a standard finalizer name nor is it fully qualified",
            );
        }
    }
}

/// Keys and values of labels; also those of a nodeSelector.
pub(super) fn labels(
    path: &Path<'_>,
    labels: Option<&BTreeMap<String, String>>,
    faults: &mut Faults,
) {
    for (key, value) in labels.into_iter().flatten() {
        forms(path, Some(key), text::qualified_name, faults);
        forms(path, Some(value), text::label_value, faults);
    }
}

fn annotations(
    path: &Path<'_>,
    annotations: Option<&BTreeMap<String, String>>,
    faults: &mut Faults,
) {
    let mut size = 0;
    for (key, value) in annotations.into_iter().flatten() {
        size += key.len() + value.len();
        for message in text::qualified_name(&key.to_lowercase()) {
            faults.invalid(path, key, &message);
        }
    }
    if size > MAX_ANNOTATIONS {
        faults.too_long(path, MAX_ANNOTATIONS);
    }
}

/// Annotations that mean something to a pod.
pub(super) fn pod_annotations(meta: &ObjectMeta, spec: &PodSpec, faults: &mut Faults) {
    const MIRROR: &str = "kubernetes.io/config.mirror";
    const COST: &str = "controller.kubernetes.io/pod-deletion-cost";
    let path = Path::root("metadata");
    let path = path.field("annotations");
    let value = |key: &str| meta.annotations.as_ref().and_then(|map| map.get(key));
    if let Some(value) = value(MIRROR).filter(|_| spec.node_name.is_none()) {
        let message = "must set spec.nodeName if mirror pod annotation is set";
        faults.invalid(&path.key(MIRROR), value, message);
    }
    // Go refuses a plus sign and leading zeros here, so that one number has one spelling.
    let plain = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        text.parse::<i32>().is_ok()
            && !text.starts_with('+')
            && (digits == "0" || !digits.starts_with('0'))
    };
    if let Some(value) = value(COST).filter(|text| !plain(text)) {
        faults.invalid(&path.key(COST), value, "must be a 32bit integer");
    }
}

fn owners(path: &Path<'_>, owners: &[OwnerReference], faults: &mut Faults) {
    let mut controller: Option<String> = None;
    for owner in owners {
        for (field, value, message) in [
            (
                "apiVersion",
                &owner.api_version,
                "version must not be empty",
            ),
            ("kind", &owner.kind, "must not be empty"),
            ("name", &owner.name, "must not be empty"),
            ("uid", &owner.uid, "must not be empty"),
        ] {
            if value.is_empty() {
                faults.invalid(&path.field(field), value, message);
            }
        }
        if owner.controller == Some(true) {
            let name = format!("{}/{}", owner.kind, owner.name);
            if let Some(first) = &controller {
                let message = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for \
                     {first} and {name}"
                );
                faults.invalid(path, Json(json!(owners).to_string()), &message);
            } else {
                controller = Some(name);
            }
        }
    }
}
