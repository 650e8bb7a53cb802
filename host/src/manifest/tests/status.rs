use std::time::Duration;

use serde_json::{Value, json};

use super::{ids, now};
use crate::manifest::{Loaded, LoadedPod, load, object};
use crate::model::{
    Condition, ConditionStatus, ConditionType, ContainerState, ContainerStatus, Phase, PodStatus,
    QosClass, Terminated,
};

fn loaded() -> LoadedPod {
    let text = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {\
        volumes: [{name: v}], \
        initContainers: [{name: i, image: i}], \
        containers: [{name: b, image: b, resources: {requests: {cpu: 0.5}}, \
          volumeMounts: [{name: v, mountPath: /v, readOnly: true}]}, {name: a, image: a}]}}";
    read(text)
}

fn read(text: &str) -> LoadedPod {
    let mut next = ids();
    let mut loaded = load("f", text.as_bytes(), &mut next, now()).unwrap();
    match loaded.remove(0) {
        Loaded::Pod(pod) => *pod,
        other => panic!("{other:?}"),
    }
}

fn container(name: &str, state: ContainerState) -> ContainerStatus {
    ContainerStatus {
        name: name.into(),
        image: name.to_owned(),
        image_id: String::new(),
        container_id: None,
        state,
        last_state: None,
        ready: false,
        started: false,
        restart_count: 0,
    }
}

fn status() -> PodStatus {
    let ended = Terminated {
        exit_code: 3,
        reason: "Error".to_owned(),
        message: Some("bad".to_owned()),
        started_at: None,
        finished_at: now() + Duration::from_millis(1_900),
        container_id: Some("peapod://1".to_owned()),
    };
    PodStatus {
        phase: Phase::Running,
        reason: None,
        message: None,
        conditions: vec![Condition {
            kind: ConditionType::Ready,
            status: ConditionStatus::False,
            reason: Some("ContainersNotReady".to_owned()),
            message: None,
            last_transition: now(),
        }],
        start_time: Some(now()),
        pod_ip: Some("10.0.0.2".to_owned()),
        host_ip: Some("127.0.0.1".to_owned()),
        init: vec![container("i", ContainerState::Terminated(ended.clone()))],
        mains: vec![
            ContainerStatus {
                last_state: Some(ended),
                restart_count: 2,
                ..container(
                    "a",
                    ContainerState::Waiting {
                        reason: "CrashLoopBackOff".to_owned(),
                        message: Some("back-off 10s".to_owned()),
                    },
                )
            },
            ContainerStatus {
                container_id: Some("peapod://2".to_owned()),
                image_id: "sha256:1".to_owned(),
                ready: true,
                started: true,
                ..container("b", ContainerState::Running { started_at: now() })
            },
        ],
        qos: QosClass::Burstable,
        observed_generation: 1,
    }
}

#[test]
fn b19_a_status_is_written_as_a_kubelet_writes_it() {
    let pod = loaded();
    let object = object::pod(&pod.object, Some(&status()));
    let at = "2026-09-21T14:13:20Z";
    let later = "2026-09-21T14:13:21Z";
    let ended = json!({
        "containerID": "peapod://1", "exitCode": 3, "finishedAt": later, "message": "bad",
        "reason": "Error", "startedAt": null,
    });
    assert_eq!(
        object["status"],
        json!({
            "conditions": [{
                "lastProbeTime": null, "lastTransitionTime": at, "observedGeneration": 1,
                "reason": "ContainersNotReady", "status": "False", "type": "Ready",
            }],
            "containerStatuses": [
                {
                    "image": "a", "imageID": "", "lastState": {"terminated": ended}, "name": "a",
                    "ready": false, "resources": {}, "restartCount": 2, "started": false,
                    "state": {"waiting": {"message": "back-off 10s", "reason": "CrashLoopBackOff"}},
                },
                {
                    "allocatedResources": {"cpu": "500m"}, "containerID": "peapod://2",
                    "image": "b", "imageID": "sha256:1", "lastState": {}, "name": "b",
                    "ready": true, "resources": {"requests": {"cpu": "500m"}}, "restartCount": 0,
                    "started": true, "state": {"running": {"startedAt": at}},
                    "volumeMounts": [{
                        "mountPath": "/v", "name": "v", "readOnly": true, "recursiveReadOnly": "Disabled",
                    }],
                },
            ],
            "hostIP": "127.0.0.1",
            "hostIPs": [{"ip": "127.0.0.1"}],
            "initContainerStatuses": [{
                "image": "i", "imageID": "", "lastState": {}, "name": "i", "ready": false,
                "resources": {}, "restartCount": 0, "started": false, "state": {"terminated": ended},
            }],
            "observedGeneration": 1,
            "phase": "Running",
            "podIP": "10.0.0.2",
            "podIPs": [{"ip": "10.0.0.2"}],
            "qosClass": "Burstable",
            "startTime": at,
        })
    );
}

#[test]
fn an_object_prints_with_sorted_keys_and_completed_metadata() {
    let pod = loaded();
    let object = object::pod(&pod.object, Some(&status()));
    assert_eq!(
        object["metadata"],
        json!({
            "creationTimestamp": "2026-09-21T14:13:20Z", "generation": 1, "name": "p",
            "namespace": "default", "uid": "00000000-0000-4000-8000-000000000001",
        })
    );
    let text = object.to_string();
    assert!(text.starts_with(r#"{"apiVersion":"v1","kind":"Pod","metadata":{"creationTimestamp""#));
    let keys: Vec<&String> = object["spec"].as_object().unwrap().keys().collect();
    assert!(keys.is_sorted(), "{keys:?}");
}

#[test]
fn an_object_printed_can_be_loaded_again() {
    let pod = loaded();
    let object = object::pod(&pod.object, Some(&status()));
    assert_eq!(read(&object.to_string()).object, pod.object);
}

#[test]
fn several_objects_are_a_v1_list() {
    let list = object::list(vec![Value::Null]);
    assert_eq!(
        list,
        json!({"apiVersion": "v1", "items": [null], "kind": "List", "metadata": {"resourceVersion": ""}})
    );
}
