//! The model's status to `status` of the object, as a kubelet writes it (B19).

use k8s_openapi::api::core::v1 as k8s;
use serde_json::{Value, json};

use super::time::object_time;
use crate::model::{
    Condition, ConditionStatus, ContainerState, ContainerStatus, PodStatus, Terminated,
};

/// `status` as JSON. `spec` is the pod's defaulted specification: a kubelet repeats resources and mounts from it.
pub fn status(status: &PodStatus, spec: &k8s::PodSpec) -> Value {
    let ips = |ip: Option<&String>| ip.map(|ip| json!([{ "ip": ip }]));
    let mut out = json!({
        "phase": status.phase.as_str(),
        "qosClass": status.qos.as_str(),
        "observedGeneration": status.observed_generation,
    });
    let conditions: Vec<Value> = status
        .conditions
        .iter()
        .map(|one| condition(one, status.observed_generation))
        .collect();
    let mains: Vec<Value> = statuses(&status.mains, &spec.containers);
    let inits = spec.init_containers.as_deref().unwrap_or_default();
    let inits: Vec<Value> = statuses(&status.init, inits);
    let list = |list: Vec<Value>| (!list.is_empty()).then_some(Value::Array(list));
    for (field, value) in [
        ("reason", text(status.reason.as_ref())),
        ("message", text(status.message.as_ref())),
        (
            "startTime",
            status.start_time.map(|t| json!(object_time(t))),
        ),
        ("hostIP", text(status.host_ip.as_ref())),
        ("hostIPs", ips(status.host_ip.as_ref())),
        ("podIP", text(status.pod_ip.as_ref())),
        ("podIPs", ips(status.pod_ip.as_ref())),
        ("conditions", list(conditions)),
        ("initContainerStatuses", list(inits)),
        ("containerStatuses", list(mains)),
    ] {
        set(&mut out, field, value);
    }
    out
}

fn set(object: &mut Value, field: &str, value: Option<Value>) {
    if let (Value::Object(map), Some(value)) = (object, value) {
        map.insert(field.to_owned(), value);
    }
}

fn text(value: Option<&String>) -> Option<Value> {
    value
        .filter(|text| !text.is_empty())
        .map(|text| Value::from(text.as_str()))
}

fn condition(condition: &Condition, generation: i64) -> Value {
    let mut out = json!({
        "type": condition.kind.as_str(),
        "status": match condition.status {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
        },
        // Nobody probes conditions; the field is written all the same.
        "lastProbeTime": null,
        "lastTransitionTime": object_time(condition.last_transition),
        "observedGeneration": generation,
    });
    set(&mut out, "reason", text(condition.reason.as_ref()));
    set(&mut out, "message", text(condition.message.as_ref()));
    out
}

fn statuses(statuses: &[ContainerStatus], containers: &[k8s::Container]) -> Vec<Value> {
    statuses
        .iter()
        .map(|status| {
            let spec = containers.iter().find(|c| c.name == status.name.as_str());
            container(status, spec)
        })
        .collect()
}

fn container(status: &ContainerStatus, spec: Option<&k8s::Container>) -> Value {
    let last = status.last_state.as_ref().map_or_else(
        || json!({}),
        |terminated_| json!({ "terminated": terminated(terminated_) }),
    );
    let mut out = json!({
        "name": status.name.as_str(),
        "image": status.image,
        "imageID": status.image_id,
        "ready": status.ready,
        "started": status.started,
        "restartCount": status.restart_count,
        "state": state(&status.state),
        "lastState": last,
    });
    set(&mut out, "containerID", text(status.container_id.as_ref()));
    let Some(spec) = spec else { return out };
    let resources = spec.resources.clone().unwrap_or_default();
    let allocated = resources.requests.as_ref().map(|list| json!(list));
    set(&mut out, "resources", Some(json!(resources)));
    set(&mut out, "allocatedResources", allocated);
    let mounts = spec
        .volume_mounts
        .as_ref()
        .map(|list| Value::Array(list.iter().map(mount).collect()));
    set(&mut out, "volumeMounts", mounts);
    out
}

fn mount(mount: &k8s::VolumeMount) -> Value {
    let mut out = json!({ "name": mount.name, "mountPath": mount.mount_path });
    if mount.read_only == Some(true) {
        set(&mut out, "readOnly", Some(Value::Bool(true)));
        let recursive = mount.recursive_read_only.as_deref().unwrap_or("Disabled");
        set(&mut out, "recursiveReadOnly", Some(recursive.into()));
    }
    out
}

fn state(state: &ContainerState) -> Value {
    match state {
        ContainerState::Waiting { reason, message } => {
            let mut out = json!({ "reason": reason });
            set(&mut out, "message", text(message.as_ref()));
            json!({ "waiting": out })
        }
        ContainerState::Running { started_at } => {
            json!({ "running": { "startedAt": object_time(*started_at) } })
        }
        ContainerState::Terminated(one) => json!({ "terminated": terminated(one) }),
    }
}

fn terminated(terminated: &Terminated) -> Value {
    let mut out = json!({
        "exitCode": terminated.exit_code,
        "reason": terminated.reason,
        "startedAt": terminated.started_at.map(object_time),
        "finishedAt": object_time(terminated.finished_at),
    });
    set(&mut out, "message", text(terminated.message.as_ref()));
    set(
        &mut out,
        "containerID",
        text(terminated.container_id.as_ref()),
    );
    out
}
