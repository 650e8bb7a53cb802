//! Limits as a container meets them: memory of every kind ends it, processor time only slows it down (section J, rules B7 and B8).

use std::time::{Duration, Instant};

use crate::harness::{Place, Ran, guest, project};

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
