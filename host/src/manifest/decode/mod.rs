//! One document to a Kubernetes object: its kind is known, every field is known, every value has the right type.

mod base64;
mod deserializer;
mod kinds;
mod nearest;

use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

use super::fault::{FaultKind, Faults, FieldFault};
use deserializer::{Context, Node};
use kinds::Kind;

/// An object of a kind this version works with.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Pod(Box<Pod>),
    Service(Box<Service>),
    ConfigMap(Box<ConfigMap>),
    Secret(Box<Secret>),
}

impl Object {
    pub(super) fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Pod(one) => &one.metadata,
            Self::Service(one) => &one.metadata,
            Self::ConfigMap(one) => &one.metadata,
            Self::Secret(one) => &one.metadata,
        }
    }

    pub(super) fn metadata_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Pod(one) => &mut one.metadata,
            Self::Service(one) => &mut one.metadata,
            Self::ConfigMap(one) => &mut one.metadata,
            Self::Secret(one) => &mut one.metadata,
        }
    }
}

/// Decodes a document. Every unknown field and wrong type is reported, not just the first.
pub(super) fn object(value: &Value) -> Result<Object, Vec<FieldFault>> {
    Ok(match kinds::of(value)? {
        Kind::Pod => Object::Pod(typed(value)?),
        Kind::Service => Object::Service(typed(value)?),
        Kind::ConfigMap => Object::ConfigMap(typed(value)?),
        Kind::Secret => Object::Secret(typed(value)?),
    })
}

fn typed<'v, T: Deserialize<'v>>(value: &'v Value) -> Result<Box<T>, Vec<FieldFault>> {
    let context = Context::default();
    let decoded = T::deserialize(Node::root(value, &context));
    let mut faults = context.into_faults();
    match decoded {
        Ok(object) if faults.is_empty() => Ok(Box::new(object)),
        Ok(_) => Err(faults),
        Err(stop) => {
            // A value whose type could not be stood in for ended the decoding; it is the last fault.
            if faults.is_empty() {
                let mut list = Faults::default();
                list.push(&"", FaultKind::Type, stop.to_string());
                faults = list.into_vec();
            }
            Err(faults)
        }
    }
}

/// What the document describes, for messages: `Pod "n"`.
pub(super) fn subject(value: &Value) -> Option<String> {
    let kind = value.get("kind").and_then(Value::as_str)?;
    let metadata = value.get("metadata");
    let text = |field: &str| {
        metadata
            .and_then(|m| m.get(field))
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
    };
    Some(match text("name").or_else(|| text("generateName")) {
        Some(name) => format!("{kind} {name:?}"),
        None => kind.to_owned(),
    })
}

/// The same of an object that is decoded.
pub(super) fn subject_of(kind: &str, metadata: &ObjectMeta) -> Option<String> {
    Some(format!(
        "{kind} {:?}",
        metadata.name.as_deref().unwrap_or_default()
    ))
}
