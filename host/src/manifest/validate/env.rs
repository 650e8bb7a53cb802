//! `env` and `envFrom` (K31–K35).

use k8s_openapi::api::core::v1::{
    EnvFromSource, EnvVar, EnvVarSource, FileKeySelector, ObjectFieldSelector, PodSpec,
    ResourceFieldSelector,
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
    if let Some(file) = &from.file_key_ref {
        sources += 1;
        file_ref(&path.field("fileKeyRef"), file, faults);
    }
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

fn file_ref(path: &Path<'_>, file: &FileKeySelector, faults: &mut Faults) {
    for (field, value, form) in [
        ("key", &file.key, text::env_name as fn(&str) -> Vec<String>),
        ("volumeName", &file.volume_name, text::label),
        ("path", &file.path, |path: &str| {
            text::no_backsteps(path).into_iter().collect()
        }),
    ] {
        if value.is_empty() {
            faults.required(&path.field(field), "");
        } else {
            forms(&path.field(field), Some(value), form, faults);
        }
    }
}

/// Holds the volumes named by `fileKeyRef` against those there are.
pub(super) fn files(path: &Path<'_>, spec: &PodSpec, faults: &mut Faults) {
    for (field, containers) in [
        ("initContainers", spec.init_containers.as_ref()),
        ("containers", Some(&spec.containers)),
    ] {
        let list = path.field(field);
        for (at, container) in containers.into_iter().flatten().enumerate() {
            let path = list.index(at);
            let env = path.field("env");
            for (at, variable) in container.env.iter().flatten().enumerate() {
                let from = variable.value_from.as_ref();
                let Some(file) = from.and_then(|from| from.file_key_ref.as_ref()) else {
                    continue;
                };
                let variable = env.index(at);
                let from = variable.field("valueFrom");
                let path = from.field("fileKeyRef");
                let path = path.field("volumeName");
                let volumes = spec.volumes.as_deref().unwrap_or_default();
                match volumes.iter().find(|v| v.name == file.volume_name) {
                    None => faults.not_found(&path, &file.volume_name),
                    Some(volume) if volume.empty_dir.is_none() => {
                        let message = "referenced volume must be of type emptyDir";
                        faults.invalid(&path, &file.volume_name, message);
                    }
                    Some(_) => {}
                }
            }
        }
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
    divisor(path, resource, faults);
}

/// The units a value may be counted in.
fn divisor(path: &Path<'_>, resource: &ResourceFieldSelector, faults: &mut Faults) {
    let divisor = resource.divisor.as_ref().map_or("0", |q| q.0.as_str());
    if divisor == "0" {
        return;
    }
    let name = resource.resource.as_str();
    let sizes = [
        "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
    ];
    let (allowed, what): (&[&str], &str) = match name.split_once('.').map(|(_, kind)| kind) {
        Some("cpu") => (&["1m", "1"], "cpu"),
        Some("memory") => (&sizes, "memory"),
        Some("ephemeral-storage") => (&sizes, "local ephemeral storage"),
        Some(kind) if kind.starts_with("hugepages-") => (&sizes, "hugepages"),
        _ => return,
    };
    if !allowed.contains(&divisor) {
        let list = if what == "cpu" {
            "1m and 1".to_owned()
        } else {
            sizes.join(", ")
        };
        let message =
            format!("only divisor's values {list} are supported with the {what} resource");
        faults.invalid(&path.field("divisor"), name, &message);
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
                forms(&path, Some(name), text::subdomain_prefix, faults);
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
