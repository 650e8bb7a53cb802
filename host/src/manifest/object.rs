//! The whole object as `kubectl get -o json` prints it.

use k8s_openapi::api::core::v1 as k8s;
use serde_json::{Map, Value, json};

use super::convert::qos_class;
use super::status::status as status_json;
use super::time::object_time;
use crate::model::{PodStatus, Seconds, Time};

/// The pod with its status, keys sorted. Without a status it is as a server answers right after the create.
pub fn pod(object: &k8s::Pod, status: Option<&PodStatus>) -> Value {
    let empty = k8s::PodSpec::default();
    let spec = object.spec.as_ref().unwrap_or(&empty);
    let status = match status {
        Some(status) => status_json(status, spec),
        None => json!({ "phase": "Pending", "qosClass": qos_class(spec).as_str() }),
    };
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        map.insert("status".to_owned(), status);
    }
    sorted(value)
}

/// The Service, keys sorted.
pub fn service(object: &k8s::Service) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Value::Object(map) = &mut value {
        map.insert("status".to_owned(), json!({ "loadBalancer": {} }));
    }
    sorted(value)
}

/// The ConfigMap, keys sorted.
pub fn config_map(object: &k8s::ConfigMap) -> Value {
    sorted(serde_json::to_value(object).unwrap_or_default())
}

/// The Secret, keys sorted.
pub fn secret(object: &k8s::Secret) -> Value {
    sorted(serde_json::to_value(object).unwrap_or_default())
}

/// Marks an object as being deleted: by when, and with how much grace (rule F1).
pub fn delete(object: &mut k8s::Pod, by: Time, grace: Seconds) {
    object.metadata.deletion_timestamp = Some(object_time(by));
    object.metadata.deletion_grace_period_seconds = i64::try_from(grace.0).ok();
}

/// Several objects as one `v1` List.
pub fn list(items: Vec<Value>) -> Value {
    json!({
        "apiVersion": "v1",
        "items": items,
        "kind": "List",
        "metadata": { "resourceVersion": "" },
    })
}

/// serde_json sorts keys unless some crate of the build asks it to keep their order; the output must not depend on that.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(String, Value)> = map.into_iter().collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            let sorted: Map<String, Value> = entries
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect();
            Value::Object(sorted)
        }
        Value::Array(list) => Value::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}
