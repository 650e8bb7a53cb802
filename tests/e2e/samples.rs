//! The sample manifests, with the commands people know from the articles they come from.

use crate::harness::{Place, Ran, project, text};

fn run(place: &Place, manifest: &str, args: &[&str]) -> Ran {
    place.run_file(&project().join("manifests").join(manifest), args)
}

/// Whole seconds since the epoch of a status time.
fn seconds(value: &serde_json::Value) -> i64 {
    let time: jiff::Timestamp = text(value)
        .parse()
        .unwrap_or_else(|error| panic!("{value}: {error}"));
    time.as_second()
}

#[test]
fn hello_succeeds() {
    let place = Place::with_images();
    let ran = run(&place, "hello.yaml", &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.output_of("hello"), ["hello from a pod"]);
}

#[test]
fn my_pod_is_completed_and_restarted_with_back_off() {
    let place = Place::with_images();
    let ran = run(
        &place,
        "my-pod.yaml",
        &["--backoff-base", "200ms", "--timeout", "4s"],
    );
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    let restarts = ran.container("my-echo-app")["restartCount"]
        .as_u64()
        .expect("a number");
    assert!(restarts >= 2, "{}", ran.stderr);
    let log = ran.output_of("my-echo-app");
    assert_eq!(log.len() as u64, restarts + 1, "each instance says it once");
    assert!(log.iter().all(|line| line == "hello from busy box"));
    assert!(ran.shows("Back-off restarting failed container my-echo-app in pod my-pod_default("));
}

#[test]
fn my_pod_on_failure_and_never_succeed_at_once() {
    let place = Place::with_images();
    for name in ["my-pod-onfailure", "my-pod-never"] {
        let ran = run(&place, &format!("{name}.yaml"), &[]);
        assert_eq!(
            (ran.code, ran.phase()),
            (0, "Succeeded".into()),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.container("my-echo-app")["restartCount"], 0);
        assert_eq!(ran.output_of("my-echo-app"), ["hello from busy box"]);
    }
}

#[test]
fn logshipper_as_a_sidecar_follows_the_log_and_ends_after_the_app() {
    let place = Place::with_images();
    let ran = run(&place, "logshipper-sidecar.yaml", &[]);
    assert_eq!(
        (ran.code, ran.phase()),
        (0, "Succeeded".into()),
        "{}",
        ran.stderr
    );
    let shipped = ran.output_of("logshipper");
    let hello: Vec<_> = shipped
        .iter()
        .filter(|line| line.contains("Hello"))
        .collect();
    assert_eq!(
        hello,
        [
            "Hello Kubernetes! 1",
            "Hello Kubernetes! 2",
            "Hello Kubernetes! 3"
        ]
    );
    assert!(ran.at("{logshipper}: Container started") < ran.at("{app}: Container started"));
    let (app, shipper) = (ran.terminated("app"), ran.terminated("logshipper"));
    assert!(seconds(&app["finishedAt"]) <= seconds(&shipper["finishedAt"]));
    assert_eq!(
        shipper["exitCode"], 143,
        "A10: its exit code does not count"
    );
}

#[test]
fn logshipper_as_a_second_container_holds_the_pod_open() {
    let place = Place::with_images();
    let ran = run(
        &place,
        "logshipper-two-containers.yaml",
        &["--timeout", "8s"],
    );
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    assert_eq!(
        ran.terminated("app")["exitCode"],
        0,
        "the app had ended by itself"
    );
    let shipped = ran.output_of("logshipper");
    assert_eq!(
        shipped.iter().filter(|line| line.contains("Hello")).count(),
        3,
        "{shipped:#?}"
    );
}

#[test]
fn logshippers_wait_beside_an_app_that_sleeps_for_an_hour() {
    let place = Place::with_images();
    let ran = run(&place, "logshipper-one-hour.yaml", &["--timeout", "5s"]);
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    let items = ran.object()["items"].clone();
    assert_eq!(items.as_array().map(Vec::len), Some(2));
    assert_eq!(
        ran.output_of("app"),
        ["Hello Kubernetes!", "Hello Kubernetes!"]
    );
}

#[test]
fn two_containers_share_a_directory_of_the_machine() {
    let place = Place::with_images();
    // The manifest says /data, as the article does; a test does not write into the machine's root.
    let manifest =
        std::fs::read_to_string(project().join("manifests/two-containers.yaml")).expect("read");
    assert!(manifest.contains("path: /data"));
    let shared = place.path().join("data-of-the-pod");
    let file = place.file(
        "two-containers.yaml",
        &manifest.replace("path: /data", &format!("path: {}", shared.display())),
    );
    let ran = place.run_file(&file, &["--timeout", "6s"]);
    assert_eq!(
        ran.code, 124,
        "nginx serves until it is stopped: {}",
        ran.stderr
    );
    assert_eq!(ran.terminated("debian-container")["exitCode"], 0);
    assert_eq!(
        ran.container("debian-container")["restartCount"],
        0,
        "restartPolicy Never"
    );
    let page =
        std::fs::read_to_string(shared.join("index.html")).expect("written by the container");
    assert_eq!(page, "Hello from the debian container\n");
    assert!(!ran.container("nginx-container")["state"]["terminated"].is_null());
}

#[test]
fn javaweb_hands_its_war_from_the_init_container_to_tomcat() {
    let place = Place::with_images();
    let ran = run(&place, "javaweb-2.yaml", &["--timeout", "8s"]);
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    assert_eq!(ran.terminated("war")["exitCode"], 0);
    assert!(
        seconds(&ran.terminated("war")["finishedAt"])
            <= seconds(&ran.terminated("tomcat")["startedAt"])
    );
    let log = ran.output_of("tomcat").join("\n");
    assert!(log.contains("sample.war"), "{log}");
    assert!(log.contains("Server startup in"), "{log}");
    assert!(
        log.contains("Stopping service Catalina"),
        "TERM reaches tomcat through the shell's exec: {log}"
    );
    assert_eq!(ran.container("tomcat")["restartCount"], 0);
}

#[test]
fn kubia_tells_its_hostname_and_serves_until_it_is_stopped() {
    let place = Place::with_images();
    let ran = run(&place, "kubia-http.yaml", &["--timeout", "4s"]);
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    let log = ran.output_of("kubia").join("\n");
    assert!(log.contains("Local hostname is kubia-http"), "{log}");
    assert_eq!(ran.container("kubia")["restartCount"], 0);
}

#[test]
fn probes_hold_back_a_server_and_watch_it_and_the_hook_delays_its_end() {
    let place = Place::with_images();
    let ran = run(&place, "probes.yaml", &["--timeout", "10s"]);
    assert_eq!(ran.code, 124, "{}", ran.stderr);
    let log = ran.output_of("kubia").join("\n");
    for path in ["/ready", "/alive"] {
        let asked = format!("Received request for {path} from ::ffff:10.88.0.1");
        assert!(log.contains(&asked), "{path}: {log}");
    }
    assert_eq!(ran.container("kubia")["restartCount"], 0);
    assert_eq!(ran.terminated("kubia")["exitCode"], 143);
}

#[test]
fn every_other_manifest_ends_as_it_says() {
    let place = Place::with_images();
    for (name, code, phase) in [
        ("active-deadline", 1, "Failed"),
        ("environment", 0, "Succeeded"),
        ("exit-message", 1, "Failed"),
        ("graceful-stop", 0, "Succeeded"),
        ("init-fails", 1, "Failed"),
        ("init-order", 0, "Succeeded"),
        ("init-sidecar-two-mains", 0, "Succeeded"),
    ] {
        let ran = run(&place, &format!("{name}.yaml"), &["--timeout", "60s"]);
        assert_eq!(
            (ran.code, ran.phase().as_str()),
            (code, phase),
            "{name}: {}",
            ran.stderr
        );
    }
    let ran = run(
        &place,
        "restart-back-off.yaml",
        &["--backoff-base", "100ms"],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert_eq!(ran.container("third-time-lucky")["restartCount"], 2);
    let ran = run(&place, "init-order.yaml", &[]);
    assert_eq!(ran.output_of("app"), ["first", "second"]);
    let ran = run(&place, "exit-message.yaml", &[]);
    assert_eq!(ran.terminated("app")["message"], "out of paper\n");
    let ran = run(&place, "environment.yaml", &[]);
    let log = ran.output_of("app");
    assert!(
        log[0].starts_with("hello from peapod, not from $(NAME), on greeter in /tmp"),
        "{log:#?}"
    );
    let ran = run(&place, "settings.yaml", &[]);
    assert_eq!(
        ran.output_of("app"),
        [
            "Welcome to our shop",
            "db://shop@db/EUR 13 none",
            "settings has 64 MiB"
        ]
    );
}

#[test]
fn every_manifest_is_tested() {
    let here = concat!(
        include_str!("samples.rs"),
        include_str!("network.rs"),
        include_str!("ipc.rs")
    );
    for entry in std::fs::read_dir(project().join("manifests")).expect("read") {
        let name = entry
            .expect("read")
            .file_name()
            .into_string()
            .expect("plain");
        let stem = name.trim_end_matches(".yaml");
        let named = here.contains(&name) || here.contains(&format!("\"{stem}\""));
        assert!(named, "{name} is not tested");
    }
}
