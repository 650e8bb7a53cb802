//! The cells of one pod.

use serde_json::Value;

use super::age::age;
use crate::manifest::time::model_time;
use crate::model::Time;

/// One row of the pod table. The last four are the columns of `-o wide`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// NAME.
    pub name: String,
    /// READY (L3).
    pub ready: String,
    /// STATUS (L4–L6).
    pub status: String,
    /// RESTARTS (L7).
    pub restarts: String,
    /// AGE (L8).
    pub age: String,
    /// IP.
    pub ip: String,
    /// NODE.
    pub node: String,
    /// NOMINATED NODE.
    pub nominated_node: String,
    /// READINESS GATES.
    pub readiness_gates: String,
}

/// The row of a pod as `kubectl get` would print it at `now`; `pod` is the whole object as JSON.
pub fn pod_row(pod: &Value, now: Time) -> Row {
    let summary = summarise(pod);
    let status = &pod["status"];
    let cell = |value: &Value| match value.as_str() {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => "<none>".to_owned(),
    };
    let ip = match &status["podIPs"][0]["ip"] {
        Value::String(ip) => ip.clone(),
        _ => cell(&status["podIP"]),
    };
    Row {
        name: pod["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        ready: format!("{}/{}", summary.ready, summary.total),
        status: summary.status,
        restarts: match summary.last_restart {
            Some(at) if summary.restarts > 0 => {
                format!("{} ({} ago)", summary.restarts, since(at, now))
            }
            _ => summary.restarts.to_string(),
        },
        age: time(&pod["metadata"]["creationTimestamp"])
            .map_or_else(|| "<unknown>".to_owned(), |at| since(at, now)),
        ip,
        node: cell(&pod["spec"]["nodeName"]),
        nominated_node: cell(&status["nominatedNodeName"]),
        readiness_gates: gates(pod),
    }
}

/// A time up to a second ahead is a clock's rounding; beyond that it is nonsense (L8).
fn since(at: Time, now: Time) -> String {
    if at.since(now).as_secs() > 1 {
        "<invalid>".to_owned()
    } else {
        age(now.since(at))
    }
}

fn time(value: &Value) -> Option<Time> {
    value.as_str().and_then(model_time)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn condition<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    list(&status["conditions"])
        .iter()
        .find(|c| c["type"] == kind)
}

fn is_true(status: &Value, kind: &str) -> bool {
    condition(status, kind).is_some_and(|c| c["status"] == "True")
}

fn gates(pod: &Value) -> String {
    let gates = list(&pod["spec"]["readinessGates"]);
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let open = gates
        .iter()
        .filter_map(|gate| gate["conditionType"].as_str())
        .filter(|kind| is_true(&pod["status"], kind))
        .count();
    format!("{open}/{}", gates.len())
}

struct Summary {
    ready: usize,
    total: usize,
    status: String,
    restarts: u64,
    last_restart: Option<Time>,
}

/// Restarts and when the newest of them was.
#[derive(Clone, Copy, Default)]
struct Restarts {
    count: u64,
    last: Option<Time>,
}

impl Restarts {
    fn add(&mut self, container: &Value) {
        self.count += container["restartCount"].as_u64().unwrap_or_default();
        let at = time(&container["lastState"]["terminated"]["finishedAt"]);
        self.last = self.last.max(at);
    }
}

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// The reason of a terminated state, or its signal or exit code where it has none.
fn end(terminated: &Value) -> String {
    if let Some(reason) = text(&terminated["reason"]) {
        return reason.to_owned();
    }
    match terminated["signal"].as_i64() {
        Some(signal) if signal != 0 => format!("Signal:{signal}"),
        _ => format!(
            "ExitCode:{}",
            terminated["exitCode"].as_i64().unwrap_or_default()
        ),
    }
}

fn summarise(pod: &Value) -> Summary {
    let (spec, status) = (&pod["spec"], &pod["status"]);
    let inits = list(&spec["initContainers"]);
    let sidecar = |name: &Value| {
        inits
            .iter()
            .any(|c| c["name"] == *name && c["restartPolicy"] == "Always")
    };
    let sidecars = inits.iter().filter(|c| sidecar(&c["name"])).count();

    let mut reason = text(&status["reason"])
        .or_else(|| text(&status["phase"]))
        .unwrap_or_default()
        .to_owned();
    if condition(status, "PodScheduled").is_some_and(|c| c["reason"] == "SchedulingGated") {
        "SchedulingGated".clone_into(&mut reason);
    }

    let mut ready = 0;
    let mut restarts = Restarts::default();
    let mut sidecar_restarts = Restarts::default();
    let mut initializing = false;
    for (at, container) in list(&status["initContainerStatuses"]).iter().enumerate() {
        let is_sidecar = sidecar(&container["name"]);
        restarts.add(container);
        if is_sidecar {
            sidecar_restarts.add(container);
        }
        let (terminated, waiting) = (
            &container["state"]["terminated"],
            &container["state"]["waiting"],
        );
        if terminated.is_object() && terminated["exitCode"].as_i64().unwrap_or_default() == 0 {
            continue;
        }
        if is_sidecar && container["started"] == true {
            ready += usize::from(container["ready"] == true);
            continue;
        }
        reason = if terminated.is_object() {
            format!("Init:{}", end(terminated))
        } else {
            match text(&waiting["reason"]) {
                Some(why) if why != "PodInitializing" => format!("Init:{why}"),
                _ => format!("Init:{at}/{}", inits.len()),
            }
        };
        initializing = true;
        break;
    }

    if !initializing || is_true(status, "Initialized") {
        restarts = sidecar_restarts;
        let mut running = false;
        let mut failed = None;
        for container in list(&status["containerStatuses"]).iter().rev() {
            restarts.add(container);
            let state = &container["state"];
            if let Some(why) = text(&state["waiting"]["reason"]) {
                why.clone_into(&mut reason);
            } else if state["terminated"].is_object() {
                reason = end(&state["terminated"]);
                if state["terminated"]["exitCode"].as_i64().unwrap_or_default() != 0 {
                    failed = Some(reason.clone());
                }
            } else if container["ready"] == true && state["running"].is_object() {
                running = true;
                ready += 1;
            }
        }
        if reason == "Completed" {
            if running && is_true(status, "Ready") {
                "Running".clone_into(&mut reason);
            } else if let Some(failed) = failed {
                reason = failed;
            } else if running {
                "NotReady".clone_into(&mut reason);
            }
        }
    }

    if pod["metadata"]["deletionTimestamp"].is_string() {
        if status["reason"] == "NodeLost" {
            "Unknown".clone_into(&mut reason);
        } else if status["phase"] != "Succeeded" && status["phase"] != "Failed" {
            "Terminating".clone_into(&mut reason);
        }
    }
    Summary {
        ready,
        total: list(&spec["containers"]).len() + sidecars,
        status: reason,
        restarts: restarts.count,
        last_restart: restarts.last,
    }
}
