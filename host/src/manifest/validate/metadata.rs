//! `metadata` (K1–K5).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

const MAX_ANNOTATIONS: usize = 256 << 10;

/// Validates the metadata of a Pod.
pub(super) fn check(meta: &ObjectMeta, faults: &mut Faults) {
    let path = Path::root("metadata");
    if let Some(base) = &meta.generate_name {
        // A base may end in a dash: a name does not, once something is appended.
        let masked = match base.strip_suffix('-') {
            Some(head) if !head.is_empty() => format!("{head}a"),
            _ => base.clone(),
        };
        for message in text::subdomain(&masked) {
            faults.invalid(&path.field("generateName"), base, &message);
        }
    }
    match &meta.name {
        None => faults.required(&path.field("name"), "name or generateName is required"),
        Some(name) => forms(&path.field("name"), Some(name), text::subdomain, faults),
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
    for (at, name) in meta.finalizers.iter().flatten().enumerate() {
        let path = finalizers.index(at);
        forms(&path, Some(name), text::qualified_name, faults);
        if !name.contains('/')
            && !["kubernetes", "orphan", "foregroundDeletion"].contains(&name.as_str())
        {
            faults.invalid(
                &path,
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

fn owners(path: &Path<'_>, owners: &[OwnerReference], faults: &mut Faults) {
    let mut controllers = 0;
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
        controllers += usize::from(owner.controller == Some(true));
    }
    if controllers > 1 {
        faults.forbidden(path, "Only one reference can have Controller set to true");
    }
}
