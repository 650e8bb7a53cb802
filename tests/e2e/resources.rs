//! Limits as a container meets them: memory of every kind ends it, processor time only slows it down (section J, rules B7 and B8).

use std::time::{Duration, Instant};

use crate::harness::{Place, Ran, guest, project, until};
use crate::running::Running;

fn image(name: &str) -> String {
    guest(name).display().to_string()
}

/// A pod of these containers, in YAML flow style.
fn pod(spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n{spec}"
    )
}

fn run(containers: &str, args: &[&str]) -> Ran {
    Place::new().run(&pod(&format!("  containers:\n{containers}")), args)
}

fn is_oom_killed(ran: &Ran, container: &str) {
    let ended = ran.terminated(container);
    assert_eq!(ended["reason"], "OOMKilled", "{}", ran.stderr);
    assert_eq!(ended["exitCode"], 137, "B8");
}

#[test]
fn j8_memory_of_every_kind_is_limited_and_past_the_limit_the_container_is_oom_killed() {
    for what in ["pipes", "tcp", "udp"] {
        let ran = run(
            &format!(
                "  - {{name: c, image: {}, args: [{what}], resources: {{limits: {{memory: 8Mi}}}}}}",
                image("eat-buffers")
            ),
            &["--timeout", "120s"],
        );
        is_oom_killed(&ran, "c");
        assert!(
            ran.shows("filled 32"),
            "{what}: not at once: {}",
            ran.stderr
        );
    }
}

#[test]
fn j8_tables_count_as_memory() {
    let tables = project().join("tests/e2e/tables.wat");
    let ran = run(
        &format!(
            "  - {{name: c, image: {}, resources: {{limits: {{memory: 8Mi}}}}}}",
            tables.display()
        ),
        &["--timeout", "120s"],
    );
    is_oom_killed(&ran, "c");
}

#[test]
fn j8_what_children_take_is_the_containers_and_ends_all_of_it() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("bin")).expect("made");
    std::fs::copy(guest("eat-memory"), place.path().join("bin/eat")).expect("copied");
    let ran = place.run(
        &pod(&format!(
            "  volumes: [{{name: bin, hostPath: {{path: bin}}}}]\n  containers:\n  - name: c\n    image: {}\n    \
             command: [sh, -c, \"/bin/eat 1 & wait; echo over; sleep 1000\"]\n    \
             resources: {{limits: {{memory: 12Mi}}}}\n    volumeMounts: [{{name: bin, mountPath: /bin}}]\n",
            image("busybox")
        )),
        &["--timeout", "120s"],
    );
    is_oom_killed(&ran, "c");
    assert!(ran.shows("have 1 MiB"), "{}", ran.stderr);
    assert!(!ran.output_of("c").contains(&"over".to_owned()));
}

#[test]
fn a_pods_limit_of_memory_holds_for_all_its_containers_together() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  resources: {{limits: {{memory: 16Mi}}}}\n  containers:\n  - {{name: c, image: {}, args: [\"1\"]}}\n  \
             - {{name: other, image: {}, args: [\"600\"]}}\n",
            image("eat-memory"),
            image("sleepy"),
        )),
        &["--timeout", "120s"],
    );
    assert_eq!(ran.status()["qosClass"], "Burstable", "{}", ran.stderr);
    is_oom_killed(&ran, "c");
    assert_eq!(ran.terminated("other")["reason"], "Completed");
}

/// How long a shell takes for so many rounds of counting.
fn counting(rounds: u32, limits: &str) -> Duration {
    let started = Instant::now();
    let ran = run(
        &format!(
            "  - {{name: c, image: {}, command: [sh, -c, \"i=0; while [ $i -lt {rounds} ]; do i=$((i+1)); done; echo done\"]{limits}}}",
            image("busybox")
        ),
        &["--timeout", "300s"],
    );
    assert_eq!(
        ran.phase(),
        "Succeeded",
        "throttled, never killed: {}",
        ran.stderr
    );
    assert_eq!(ran.output_of("c"), ["done"]);
    started.elapsed()
}

#[test]
fn j8_cpu_over_the_limit_is_throttled_never_killed() {
    let free = counting(20_000, "");
    let held = counting(20_000, ", resources: {limits: {cpu: 20m}}");
    // The machine may be busy; a fiftieth of a core is slower than that.
    assert!(held > free, "{free:?} without a limit, {held:?} with 20m");
}

#[test]
fn a_container_that_sleeps_is_not_throttled() {
    let started = Instant::now();
    let ran = run(
        &format!(
            "  - {{name: c, image: {}, args: [\"300\"], resources: {{limits: {{cpu: 10m}}}}}}",
            image("sleepy")
        ),
        &["--timeout", "300s"],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert!(started.elapsed() < Duration::from_secs(60));
}

/// Pods of one container that asks for that much, and sleeps.
fn sleepers(cpu: &[(&str, &str, &str)]) -> String {
    let one = |(name, cpu, spec): &(&str, &str, &str)| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec:\n  restartPolicy: Never{spec}\n  containers:\n  \
             - {{name: c, image: {}, args: [\"300\", {name}], resources: {{requests: {{cpu: {cpu}}}}}}}\n",
            image("sleepy")
        )
    };
    cpu.iter().map(one).collect::<Vec<_>>().join("---\n")
}

#[test]
fn j7_what_does_not_fit_waits_for_others_to_end_and_says_so() {
    let ran = Place::new().run(
        &sleepers(&[("first", "1500m", ""), ("second", "1", "")]),
        &["--capacity", "cpu=2"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let told = "Warning FailedScheduling";
    assert_eq!(ran.stderr.matches(told).count(), 1, "{}", ran.stderr);
    let message = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No preemption victims found for \
                   incoming pod.";
    assert!(ran.shows(message), "{}", ran.stderr);
    assert!(ran.at("first end") < ran.at("second start"));
}

#[test]
fn c2_what_never_fits_stays_pending_and_its_condition_says_why() {
    let ran = Place::new().run(
        &sleepers(&[("huge", "3", "")]),
        &["--capacity", "cpu=2", "--timeout", "1s"],
    );
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    assert_eq!(ran.phase(), "Pending");
    let condition = ran.status()["conditions"][0].clone();
    assert_eq!(condition["type"], "PodScheduled");
    assert_eq!(condition["status"], "False");
    assert_eq!(condition["reason"], "Unschedulable");
    assert_eq!(ran.status()["containerStatuses"], serde_json::Value::Null);
}

// conformance: [sig-node] PodRejectionStatus Kubelet should reject pod when the node didn't have enough resource (pod_admission.go)
#[test]
fn c10_a_bound_pod_that_does_not_fit_is_rejected() {
    let ran = Place::new().run(
        &sleepers(&[("huge", "3", "\n  nodeName: peapod")]),
        &["--capacity", "cpu=2"],
    );
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(ran.phase(), "Failed");
    assert_eq!(ran.status()["reason"], "OutOfcpu");
    let message = "Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000";
    assert_eq!(
        ran.status()["message"],
        format!("Pod was rejected: {message}")
    );
    assert!(ran.shows("Warning OutOfcpu"), "{}", ran.stderr);
    assert_eq!(ran.status()["containerStatuses"], serde_json::Value::Null);
}

#[test]
fn j4_a_port_of_the_machine_is_one_pods_at_a_time() {
    let pods = sleepers(&[("first", "1m", ""), ("second", "1m", "")]);
    let port = "ports: [{containerPort: 80, hostPort: 18743, hostIP: 127.0.0.1}], resources";
    let ran = Place::new().run(&pods.replace("resources", port), &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let message = "1 node(s) didn't have free ports for the requested pod ports";
    assert!(ran.shows(message), "{}", ran.stderr);
    assert!(ran.at("first end") < ran.at("second start"));
}

#[test]
fn j5_a_pod_runs_where_it_chose_to_and_waits_where_it_did_not() {
    let pods = sleepers(&[
        (
            "here",
            "1m",
            "\n  nodeSelector: {kubernetes.io/os: linux, disk: ssd}",
        ),
        ("there", "1m", "\n  nodeSelector: {disk: hdd}"),
    ]);
    let args = ["--node-label", "disk=ssd"];
    let ran = Place::new().run(&pods, &[&args[..], &["--timeout", "3s"]].concat());
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    let message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: \
                   1 Preemption is not helpful for scheduling.";
    assert!(ran.shows(message), "{}", ran.stderr);
    assert!(
        ran.shows("Successfully assigned default/here to peapod"),
        "{}",
        ran.stderr
    );
    assert!(
        !ran.shows("Successfully assigned default/there"),
        "{}",
        ran.stderr
    );
}

#[test]
fn c10_a_bound_pod_that_chose_another_node_is_rejected() {
    let ran = Place::new().run(
        &sleepers(&[(
            "p",
            "1m",
            "\n  nodeName: peapod\n  nodeSelector: {disk: ssd}",
        )]),
        &[],
    );
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(ran.status()["reason"], "NodeAffinity");
    assert_eq!(
        ran.status()["message"],
        "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    );
}

#[test]
fn what_a_container_uses_can_be_read_while_it_runs() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("bin")).expect("made");
    std::fs::copy(guest("spin"), place.path().join("bin/spin")).expect("copied");
    std::fs::copy(guest("eat-memory"), place.path().join("bin/eat")).expect("copied");
    let manifest = pod(&format!(
        "  terminationGracePeriodSeconds: 1\n  volumes: [{{name: bin, hostPath: {{path: {}/bin}}}}]\n  containers:\n  - name: busy\n    \
         image: {busybox}\n    command: [sh, -c, \"/bin/eat 8 8; /bin/spin --after spinning\"]\n    \
         resources: {{limits: {{cpu: 100m, memory: 64Mi}}}}\n    volumeMounts: [{{name: bin, mountPath: /bin}}]\n  \
         - {{name: idle, image: {}, args: [\"1000000\"]}}\n",
        place.path().display(),
        image("sleepy"),
        busybox = image("busybox"),
    ));
    let file = place.file("pod.yaml", &manifest);
    let running = Running::start(&place, &[file.to_str().expect("a plain path")]);
    running.wait_for("spinning");
    running.wait_for("{idle}: Container started");
    let usage = || {
        let ran = place.peapod(&["top", "p", "-o", "json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str::<serde_json::Value>(&ran.stdout).expect("JSON")
    };
    let nanos = |usage: &serde_json::Value| usage[0]["cpuNanoseconds"].as_u64().expect("a number");
    let first = usage();
    assert_eq!(first[0]["container"], "busy");
    assert_eq!(first[1]["container"], "idle");
    let bytes = |which: &str| first[0][which].as_u64().expect("a number");
    let (now, peak) = (bytes("memoryBytes"), bytes("memoryPeakBytes"));
    assert!(peak >= 8 << 20, "the child that ate has ended: {first}");
    assert!(now > 0 && now < peak && peak < 64 << 20, "{first}");
    until("the spinning one uses more", || {
        nanos(&usage()) > nanos(&first) + 100_000_000
    });
    let idle = |usage: &serde_json::Value| usage[1]["cpuNanoseconds"].as_u64().expect("a number");
    assert!(idle(&usage()) < idle(&first) + 50_000_000, "it sleeps");
    let ran = place.peapod(&["top", "other"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.shows("no container of a pod \"other\" runs"),
        "{}",
        ran.stderr
    );
    let ran = place.peapod(&["top"]);
    assert!(
        ran.stdout.starts_with("POD   CONTAINER   CPU TIME"),
        "{}",
        ran.stdout
    );
    running.stop();
    assert_eq!(
        place.peapod(&["top"]).stdout.lines().count(),
        1,
        "nothing runs"
    );
}
