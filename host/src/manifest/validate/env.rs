//! `env` and `envFrom` (K31–K35).

use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, EnvVarSource, ObjectFieldSelector, ResourceFieldSelector,
};

use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

/// Validates `env`.
pub(super) fn variables(path: &Path<'_>, env: &[EnvVar], faults: &mut Faults) {
    for (at, variable) in env.iter().enumerate() {
        let path = path.index(at);
        if variable.name.is_empty() {
            faults.required(&path.field("name"), "");
        } else {
            let name = path.field("name");
            forms(&name, Some(&variable.name), text::env_name, faults);
        }
        if let Some(from) = &variable.value_from {
            let valued = variable.value.as_ref().is_some_and(|v| !v.is_empty());
            value_from(&path.field("valueFrom"), from, valued, faults);
        }
    }
}

fn value_from(path: &Path<'_>, from: &EnvVarSource, valued: bool, faults: &mut Faults) {
    let mut sources = 0;
    if let Some(field) = &from.field_ref {
        sources += 1;
        let supported = [
            "metadata.name",
            "metadata.namespace",
            "metadata.uid",
            "spec.nodeName",
            "spec.serviceAccountName",
            "status.hostIP",
            "status.hostIPs",
            "status.podIP",
            "status.podIPs",
        ];
        field_ref(&path.field("fieldRef"), field, &supported, faults);
    }
    if let Some(resource) = &from.resource_field_ref {
        sources += 1;
        resource_ref(&path.field("resourceFieldRef"), resource, false, faults);
    }
    if let Some(key) = &from.config_map_key_ref {
        sources += 1;
        key_ref(&path.field("configMapKeyRef"), &key.name, &key.key, faults);
    }
    if let Some(key) = &from.secret_key_ref {
        sources += 1;
        key_ref(&path.field("secretKeyRef"), &key.name, &key.key, faults);
    }
    sources += usize::from(from.file_key_ref.is_some());
    if sources == 0 {
        faults.invalid(
            path,
            "",
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
        );
    } else if valued {
        faults.invalid(path, "", "may not be specified when `value` is not empty");
    } else if sources > 1 {
        faults.invalid(
            path,
            "",
            "may not have more than one field specified at a time",
        );
    }
}

fn key_ref(path: &Path<'_>, name: &str, key: &str, faults: &mut Faults) {
    forms(&path.field("name"), Some(name), text::subdomain, faults);
    if key.is_empty() {
        faults.required(&path.field("key"), "");
    } else {
        forms(&path.field("key"), Some(key), text::config_key, faults);
    }
}

/// Validates a reference to a field of the pod (H6, G9).
pub(super) fn field_ref(
    path: &Path<'_>,
    field: &ObjectFieldSelector,
    supported: &[&str],
    faults: &mut Faults,
) {
    let version = field.api_version.as_deref().unwrap_or_default();
    let text = field.field_path.as_str();
    if version.is_empty() {
        return faults.required(&path.field("apiVersion"), "");
    }
    if text.is_empty() {
        return faults.required(&path.field("fieldPath"), "");
    }
    let field_path = path.field("fieldPath");
    let mut no = |why: String| {
        faults.invalid(
            &field_path,
            text,
            &format!("error converting fieldPath: {why}"),
        );
    };
    if version != "v1" {
        return no(format!("unsupported pod version: {version}"));
    }
    let subscript = text
        .strip_suffix("']")
        .and_then(|text| text.split_once("['"));
    if let Some((map, key)) = subscript {
        match map {
            "metadata.annotations" => {
                forms(
                    path,
                    Some(&key.to_lowercase()),
                    text::qualified_name,
                    faults,
                );
            }
            "metadata.labels" => forms(path, Some(key), text::qualified_name, faults),
            _ => no(format!("field label does not support subscript: {text}")),
        }
        return;
    }
    let known = [
        "metadata.annotations",
        "metadata.labels",
        "metadata.name",
        "metadata.namespace",
        "metadata.uid",
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.serviceAccountName",
        "spec.schedulerName",
        "status.phase",
        "status.hostIP",
        "status.hostIPs",
        "status.podIP",
        "status.podIPs",
    ];
    if known.contains(&text) {
        faults.one_of(&field_path, text, supported);
    } else {
        no(format!("field label not supported: {text}"));
    }
}

/// Validates a reference to a request or limit (H7).
pub(super) fn resource_ref(
    path: &Path<'_>,
    resource: &ResourceFieldSelector,
    in_volume: bool,
    faults: &mut Faults,
) {
    let container = resource.container_name.as_deref().unwrap_or_default();
    let name = resource.resource.as_str();
    if in_volume && container.is_empty() {
        faults.required(&path.field("containerName"), "");
    } else if name.is_empty() {
        faults.required(&path.field("resource"), "");
    } else if !name.starts_with("limits.hugepages-") && !name.starts_with("requests.hugepages-") {
        faults.one_of(
            &path.field("resource"),
            name,
            &[
                "limits.cpu",
                "limits.ephemeral-storage",
                "limits.memory",
                "requests.cpu",
                "requests.ephemeral-storage",
                "requests.memory",
            ],
        );
    }
}

/// Validates `envFrom`. What is wrong with the sources of an entry is told of the whole list, as the server does.
pub(super) fn from(path: &Path<'_>, list: &[EnvFromSource], faults: &mut Faults) {
    for (at, source) in list.iter().enumerate() {
        let entry = path.index(at);
        let prefix = source.prefix.as_deref().filter(|p| !p.is_empty());
        forms(&entry.field("prefix"), prefix, text::env_name, faults);
        let mut sources = 0;
        for (field, name) in [
            (
                "configMapRef",
                source.config_map_ref.as_ref().map(|r| &r.name),
            ),
            ("secretRef", source.secret_ref.as_ref().map(|r| &r.name)),
        ] {
            let Some(name) = name else { continue };
            sources += 1;
            let reference = entry.field(field);
            if name.is_empty() {
                faults.required(&reference.field("name"), "");
            } else {
                let path = reference.field("name");
                forms(&path, Some(name), text::subdomain, faults);
            }
        }
        match sources {
            0 => faults.invalid(
                path,
                "",
                "must specify one of: `configMapRef` or `secretRef`",
            ),
            1 => {}
            _ => faults.invalid(
                path,
                "",
                "may not have more than one field specified at a time",
            ),
        }
    }
}
