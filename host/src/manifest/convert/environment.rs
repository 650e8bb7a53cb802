//! `env` and `envFrom` of the model.

use k8s_openapi::api::core::v1 as k8s;

use crate::manifest::fault::Faults;
use crate::manifest::path::Path;
use crate::model::{
    Amount, Bytes, ConfigKind, ConfigRef, ContainerName, Divided, EnvFrom, EnvValue, EnvVar,
    FileKey, Millicores, PodField, ResourceField,
};

/// Converts `env`. What is refused elsewhere becomes an empty value here.
pub(super) fn variables(path: &Path<'_>, env: &[k8s::EnvVar], faults: &mut Faults) -> Vec<EnvVar> {
    env.iter()
        .enumerate()
        .map(|(at, variable)| {
            let from = variable.value_from.as_ref();
            let literal = || EnvValue::Text(variable.value.clone().unwrap_or_default());
            let path = path.index(at);
            let value = from.and_then(|from| value_from(&path.field("valueFrom"), from, faults));
            EnvVar {
                name: variable.name.clone(),
                value: value.unwrap_or_else(literal),
            }
        })
        .collect()
}

fn value_from(path: &Path<'_>, from: &k8s::EnvVarSource, faults: &mut Faults) -> Option<EnvValue> {
    if let Some(field) = &from.field_ref {
        let found = PodField::parse(&field.field_path);
        if found.is_none() {
            let path = path.field("fieldRef");
            faults.invalid(&path.field("fieldPath"), &field.field_path, "");
        }
        return found.map(EnvValue::Field);
    }
    if let Some(field) = &from.resource_field_ref {
        let container = field.container_name.as_deref().unwrap_or_default();
        return Some(EnvValue::Resource {
            container: Some(container)
                .filter(|name| !name.is_empty())
                .map(ContainerName::new),
            field: resource_field(field)?,
        });
    }
    if let Some(file) = &from.file_key_ref {
        return Some(EnvValue::File(FileKey {
            volume: file.volume_name.clone(),
            path: file.path.clone(),
            key: file.key.clone(),
            optional: file.optional.unwrap_or_default(),
        }));
    }
    let key = |kind, name: &str, key: &str, optional: Option<bool>| EnvValue::Key {
        object: object(kind, name, optional),
        key: key.to_owned(),
    };
    if let Some(from) = &from.config_map_key_ref {
        return Some(key(
            ConfigKind::ConfigMap,
            &from.name,
            &from.key,
            from.optional,
        ));
    }
    let from = from.secret_key_ref.as_ref()?;
    Some(key(
        ConfigKind::Secret,
        &from.name,
        &from.key,
        from.optional,
    ))
}

/// H7. A divisor of 0 is none given.
pub(super) fn resource_field(wanted: &k8s::ResourceFieldSelector) -> Option<ResourceField> {
    let divisor = wanted.divisor.as_ref();
    let divisor = divisor.and_then(|text| Amount::parse(&text.0).ok());
    let divisor = divisor.filter(|amount| !amount.is_zero());
    let bytes = || Bytes(divisor.and_then(Amount::units).unwrap_or(1));
    let (list, name) = wanted.resource.split_once('.')?;
    let divided = match name {
        "cpu" => Divided::Cpu(Millicores(divisor.and_then(Amount::millis).unwrap_or(1000))),
        "memory" => Divided::Memory(bytes()),
        "ephemeral-storage" => Divided::EphemeralStorage(bytes()),
        _ => return None,
    };
    match list {
        "limits" => Some(ResourceField::Limit(divided)),
        "requests" => Some(ResourceField::Request(divided)),
        _ => None,
    }
}

/// Converts `envFrom`.
pub(super) fn from(list: &[k8s::EnvFromSource]) -> Vec<EnvFrom> {
    list.iter()
        .filter_map(|one| {
            let object = match (&one.config_map_ref, &one.secret_ref) {
                (Some(from), _) => object(ConfigKind::ConfigMap, &from.name, from.optional),
                (None, Some(from)) => object(ConfigKind::Secret, &from.name, from.optional),
                (None, None) => return None,
            };
            Some(EnvFrom {
                prefix: one.prefix.clone().unwrap_or_default(),
                object,
            })
        })
        .collect()
}

fn object(kind: ConfigKind, name: &str, optional: Option<bool>) -> ConfigRef {
    ConfigRef {
        kind,
        name: name.to_owned(),
        optional: optional.unwrap_or_default(),
    }
}
