//! One document to a Kubernetes Pod: its kind is known, every field is known, every value has the right type.

mod deserializer;
mod kinds;
mod nearest;

use k8s_openapi::api::core::v1::Pod;
use serde::Deserialize;
use serde_json::Value;

use super::fault::{FaultKind, Faults, FieldFault};
use deserializer::{Context, Node};

/// Decodes a document that must be a Pod. Every unknown field and wrong type is reported, not just the first.
pub(super) fn pod(value: &Value) -> Result<Pod, Vec<FieldFault>> {
    kinds::require_pod(value)?;
    let context = Context::default();
    let decoded = Pod::deserialize(Node::root(value, &context));
    let mut faults = context.into_faults();
    match decoded {
        Ok(pod) if faults.is_empty() => Ok(pod),
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
