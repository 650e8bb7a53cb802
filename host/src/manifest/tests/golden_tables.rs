use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{golden, now};
use crate::manifest::table::{pod_row, print};
use crate::manifest::time::object_time;
use crate::model::Time;

/// Puts real times where the recording has `@now-16@`.
fn timed(value: &mut Value) {
    match value {
        Value::String(text) => {
            let ago: Option<u64> = text
                .strip_prefix("@now-")
                .and_then(|rest| rest.strip_suffix('@'))
                .and_then(|seconds| seconds.parse().ok());
            if let Some(ago) = ago {
                let at = Time::from_unix_nanos(now().unix_nanos() - ago * 1_000_000_000);
                *value = json!(object_time(at));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(timed),
        Value::Object(map) => map.values_mut().for_each(timed),
        _ => {}
    }
}

#[test]
fn l3_to_l8_every_recorded_row_is_computed_to_the_cell() {
    let recorded: Value = serde_json::from_str(&golden("tables/pods.json")).unwrap();
    let cases = recorded["cases"].as_array().unwrap();
    assert!(cases.len() > 50);
    for case in cases {
        let mut status = case["status"].clone();
        if status.is_null() {
            status = json!({ "phase": "Pending" });
        }
        timed(&mut status);
        let mut pod = json!({
            "metadata": { "name": case["name"], "creationTimestamp": object_time(now()) },
            "spec": case["spec"],
            "status": status,
        });
        // The recording deleted these pods; what their status was then is in the status already.
        if case["deleted_with_grace_period"].is_number()
            || case["name"].as_str().unwrap().starts_with("terminating-")
        {
            pod["metadata"]["deletionTimestamp"] = json!(object_time(now()));
        }
        let row = pod_row(&pod, now());
        let ours: BTreeMap<&str, String> = BTreeMap::from([
            ("Name", row.name),
            ("Ready", row.ready),
            ("Status", row.status),
            ("Restarts", row.restarts),
            ("Age", "<age>".to_owned()),
            ("IP", row.ip),
            ("Node", row.node),
            ("Nominated Node", row.nominated_node),
            ("Readiness Gates", row.readiness_gates),
        ]);
        assert_eq!(json!(ours), case["row"], "{}", case["name"]);
        assert_eq!(row.age, "0s");
    }
}

#[test]
fn the_table_is_padded_as_kubectl_pads_it() {
    let pod = |name: &str, phase: &str| {
        json!({
            "metadata": { "name": name, "creationTimestamp": object_time(now()) },
            "spec": { "containers": [{ "name": "main" }] },
            "status": { "phase": phase },
        })
    };
    let later = now() + Duration::from_secs(150);
    let rows = [
        pod_row(&pod("a-rather-long-name", "Pending"), later),
        pod_row(&pod("b", "Succeeded"), later),
    ];
    assert_eq!(
        print(&rows),
        "NAME                 READY   STATUS      RESTARTS   AGE\n\
         a-rather-long-name   0/1     Pending     0          2m30s\n\
         b                    0/1     Succeeded   0          2m30s\n"
    );
}
