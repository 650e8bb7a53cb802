//! The whole object as `kubectl get -o json` prints it.

use k8s_openapi::api::core::v1 as k8s;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use serde_json::{Map, Value, json};

use super::convert::qos_class;
use super::status::status as status_json;
use super::time::object_time;
use crate::model::{Event, EventSource, PodStatus, Seconds, Time};

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

/// The Event, keys sorted (rule M1). A scheduler says when and what it did, everybody else when first, when last and how often.
pub fn event(event: &Event) -> Value {
    let about = &event.about;
    let source = &event.source;
    let namespace = about.namespace.as_str().to_owned();
    let common = k8s::Event {
        metadata: ObjectMeta {
            name: Some(event.name.clone()),
            namespace: Some(namespace.clone()),
            creation_timestamp: Some(object_time(event.first)),
            ..ObjectMeta::default()
        },
        involved_object: k8s::ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some(about.kind.to_owned()),
            namespace: Some(namespace),
            name: Some(about.name.clone()),
            uid: Some(about.uid.to_string()),
            field_path: about.field_path.clone(),
            ..k8s::ObjectReference::default()
        },
        type_: Some(event.kind.as_str().to_owned()),
        reason: Some(event.reason.to_owned()),
        message: Some(event.message.clone()),
        reporting_component: Some(source.component.to_owned()),
        ..k8s::Event::default()
    };
    let count = i32::try_from(event.count).unwrap_or(i32::MAX);
    let object = if source.component == EventSource::SCHEDULER {
        let bound = event.reason == "Scheduled";
        k8s::Event {
            action: Some(if bound { "Binding" } else { "Scheduling" }.to_owned()),
            event_time: Some(MicroTime(object_time(event.first).0)),
            reporting_instance: Some(format!("{}-{}", source.component, source.host)),
            series: (count > 1).then(|| k8s::EventSeries {
                count: Some(count),
                last_observed_time: Some(MicroTime(object_time(event.last).0)),
            }),
            ..common
        }
    } else {
        k8s::Event {
            source: Some(k8s::EventSource {
                component: Some(source.component.to_owned()),
                host: Some(source.host.clone()),
            }),
            reporting_instance: Some(source.host.clone()),
            first_timestamp: Some(object_time(event.first)),
            last_timestamp: Some(object_time(event.last)),
            count: Some(count),
            ..common
        }
    };
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

/// An object as `kubectl get -o yaml` prints it.
pub fn yaml(value: &Value) -> String {
    super::documents::print::yaml(value)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::model::{Event, EventSource, EventType, ObjectRef, Time};

    #[test]
    fn m1_an_event_has_the_fields_that_clients_read() {
        let event = Event {
            name: "pod.1".into(),
            about: ObjectRef {
                kind: "Pod",
                namespace: "default".into(),
                name: "pod".into(),
                uid: "uid".into(),
                field_path: Some("spec.containers{c}".into()),
            },
            kind: EventType::Warning,
            reason: "BackOff",
            message: "why".into(),
            source: EventSource {
                component: "peapod",
                host: "node".into(),
            },
            first: Time::from_unix_secs(0),
            last: Time::from_unix_nanos(61_500_000_000),
            count: 3,
        };
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "pod.1", "namespace": "default", "creationTimestamp": "1970-01-01T00:00:00Z"},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "pod", "uid": "uid",
                "fieldPath": "spec.containers{c}",
            },
            "type": "Warning",
            "reason": "BackOff",
            "message": "why",
            "source": {"component": "peapod", "host": "node"},
            "reportingComponent": "peapod",
            "reportingInstance": "node",
            "firstTimestamp": "1970-01-01T00:00:00Z",
            "lastTimestamp": "1970-01-01T00:01:01Z",
            "count": 3,
        });
        assert_eq!(super::event(&event), expected);
        let scheduling = Event {
            about: ObjectRef {
                field_path: None,
                ..event.about
            },
            reason: "FailedScheduling",
            source: EventSource {
                component: EventSource::SCHEDULER,
                host: "node".into(),
            },
            ..event
        };
        let expected = json!({
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "pod.1", "namespace": "default", "creationTimestamp": "1970-01-01T00:00:00Z"},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "pod", "uid": "uid"},
            "type": "Warning",
            "reason": "FailedScheduling",
            "message": "why",
            "action": "Scheduling",
            "eventTime": "1970-01-01T00:00:00.000000Z",
            "reportingComponent": "default-scheduler",
            "reportingInstance": "default-scheduler-node",
            "series": {"count": 3, "lastObservedTime": "1970-01-01T00:01:01.000000Z"},
        });
        assert_eq!(super::event(&scheduling), expected);
    }
}
