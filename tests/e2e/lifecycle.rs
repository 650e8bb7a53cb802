//! Phases, states, restarts and order of pods whose containers are real components (sections A, B and F).

use crate::harness::{Place, guest, text};

/// A pod of these containers, in YAML flow style.
fn pod(spec: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n{spec}")
}

fn image(name: &str) -> String {
    guest(name).display().to_string()
}

#[test]
fn b2_never_gives_the_exit_code_and_the_phase() {
    let place = Place::new();
    for (code, phase, status, reason) in
        [(0, "Succeeded", 0, "Completed"), (3, "Failed", 1, "Error")]
    {
        let ran = place.run(
            &pod(&format!(
                "  restartPolicy: Never\n  containers:\n  - {{name: c, image: {}, args: [\"{code}\"]}}",
                image("exit")
            )),
            &[],
        );
        assert_eq!(ran.phase(), phase, "{}", ran.stderr);
        assert_eq!(ran.code, status);
        assert_eq!(ran.terminated("c")["exitCode"], code);
        assert_eq!(ran.terminated("c")["reason"], reason);
        assert_eq!(ran.container("c")["restartCount"], 0);
    }
}

#[test]
fn b2_on_failure_restarts_until_exit_code_zero() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  restartPolicy: OnFailure\n  volumes: [{{name: v, emptyDir: {{}}}}]\n  containers:\n  \
             - {{name: c, image: {}, args: [/v/runs, \"1\", \"7\", \"0\"], volumeMounts: [{{name: v, mountPath: /v}}]}}",
            image("flaky")
        )),
        &["--backoff-base", "10ms"],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert_eq!(ran.container("c")["restartCount"], 2);
    assert_eq!(
        ran.container("c")["lastState"]["terminated"]["exitCode"],
        7,
        "B13: the previous instance only"
    );
    assert_eq!(ran.terminated("c")["exitCode"], 0);
}

#[test]
fn b2_always_restarts_after_success_and_a_timeout_deletes_the_pod() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  containers:\n  - {{name: c, image: {}}}",
            image("hello")
        )),
        &["--backoff-base", "50ms", "--timeout", "3s"],
    );
    assert_eq!(ran.code, 124);
    assert!(
        ran.container("c")["restartCount"].as_u64() >= Some(2),
        "{}",
        ran.stderr
    );
    assert!(
        ran.shows("Back-off restarting failed container c in pod p_default("),
        "M2: {}",
        ran.stderr
    );
    assert_eq!(
        ran.phase(),
        "Succeeded",
        "B4: a deleted pod whose mains all exited 0"
    );
    assert!(ran.object()["metadata"]["deletionTimestamp"].is_string());
}

#[test]
fn a3_inits_run_one_by_one_then_the_mains() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  restartPolicy: Never\n  initContainers:\n  - {{name: one, image: {sleepy}, args: [\"150\"]}}\n  \
             - {{name: two, image: {sleepy}, args: [\"50\"]}}\n  containers:\n  - {{name: b, image: {sleepy}, args: [\"10\"]}}\n  \
             - {{name: a, image: {sleepy}, args: [\"10\"]}}",
            sleepy = image("sleepy")
        )),
        &[],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    let started = |name: &str| ran.at(&format!("{name}}}: Container started"));
    assert!(started("{one") < started("{two"));
    assert!(
        started("{two") < started("{b"),
        "A4: mains in the order of the list"
    );
    assert!(started("{b") < started("{a"));
    let status = ran.status();
    let names = |list: &str| -> Vec<String> {
        let all = status[list].as_array().expect("a list").iter();
        all.map(|container| text(&container["name"])).collect()
    };
    assert_eq!(
        names("initContainerStatuses"),
        ["one", "two"],
        "A7: init statuses as written"
    );
    assert_eq!(
        names("containerStatuses"),
        ["a", "b"],
        "A7: main statuses by name"
    );
}

#[test]
fn a5_a_failed_init_under_never_fails_the_pod() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  restartPolicy: Never\n  initContainers:\n  - {{name: i, image: {}, args: [\"3\"]}}\n  \
             containers:\n  - {{name: c, image: {}}}",
            image("exit"),
            image("hello")
        )),
        &[],
    );
    assert_eq!((ran.code, ran.phase()), (1, "Failed".into()));
    assert!(ran.output_of("c").is_empty());
    assert_eq!(
        ran.container("c")["state"]["waiting"]["reason"],
        "PodInitializing",
        "A12"
    );
}

#[test]
fn a10_a11_a_sidecar_does_not_hold_the_pod_and_ends_after_the_mains() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  restartPolicy: Never\n  initContainers:\n  - {{name: s, image: {}, restartPolicy: Always, args: [\"20\", \"5\"]}}\n  \
             containers:\n  - {{name: c, image: {}, args: [\"200\"]}}",
            image("handle-term"),
            image("sleepy")
        )),
        &[],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert_eq!(
        ran.terminated("s")["exitCode"],
        5,
        "it took TERM and chose its exit code"
    );
    assert!(ran.at("{s}: Container started") < ran.at("{c}: Container started"));
    assert!(ran.at("{c}: Container started") < ran.at("Stopping container s"));
}

// conformance: [sig-node] Pod SIGKILL The containers terminated forcefully by Sigkill should have the correct exit code(137) and reason (Error) (pods_lifecycle_termination_test.go)
#[test]
fn f5_a_program_without_signals_ends_with_143_and_one_that_ignores_them_with_137() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  terminationGracePeriodSeconds: 2\n  containers:\n  - {{name: plain, image: {}, args: [\"600000\"]}}\n  \
             - {{name: deaf, image: {}}}\n  - {{name: spinning, image: {}}}",
            image("sleepy"),
            image("ignore-term"),
            image("spin")
        )),
        &["--timeout", "4s"],
    );
    assert_eq!(ran.code, 124);
    assert_eq!(ran.terminated("plain")["exitCode"], 143, "B8");
    assert_eq!(
        ran.terminated("spinning")["exitCode"],
        143,
        "a busy loop can be stopped"
    );
    assert_eq!(
        ran.terminated("deaf")["exitCode"],
        137,
        "KILL after the grace period"
    );
    assert_eq!(ran.terminated("deaf")["reason"], "Error", "B8");
    assert!(
        ran.output_of("deaf")
            .iter()
            .any(|line| line.contains("signal 15"))
    );
    assert_eq!(ran.phase(), "Failed", "B4");
}

#[test]
fn b16_the_deadline_ends_the_pod() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  activeDeadlineSeconds: 1\n  terminationGracePeriodSeconds: 1\n  containers:\n  - {{name: c, image: {}}}",
            image("spin")
        )),
        &[],
    );
    assert_eq!(ran.code, 1);
    let status = ran.status();
    assert_eq!(status["phase"], "Failed");
    assert_eq!(status["reason"], "DeadlineExceeded");
    assert_eq!(
        status["message"],
        "Pod was active on the node longer than the specified deadline"
    );
}

#[test]
fn b15_the_termination_message_is_read_from_its_file_or_the_log() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  restartPolicy: Never\n  containers:\n  - {{name: file, image: {message}, args: [\"4\", \"out of paper\"]}}\n  \
             - {{name: log, image: {trap}, terminationMessagePolicy: FallbackToLogsOnError}}\n  \
             - {{name: fine, image: {hello}, terminationMessagePolicy: FallbackToLogsOnError}}",
            message = image("term-message"),
            trap = image("trap"),
            hello = image("hello")
        )),
        &[],
    );
    assert_eq!(
        ran.terminated("file")["message"],
        "out of paper",
        "{}",
        ran.stderr
    );
    assert!(text(&ran.terminated("log")["message"]).contains("unreachable"));
    assert!(
        ran.terminated("fine").get("message").is_none(),
        "success never falls back"
    );
}

#[test]
fn b8_a_trap_is_134_and_its_log_has_the_text_and_the_wasm_backtrace() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  restartPolicy: Never\n  containers:\n  - {{name: c, image: {}}}",
            image("trap")
        )),
        &[],
    );
    assert_eq!(ran.terminated("c")["exitCode"], 134);
    assert_eq!(ran.terminated("c")["reason"], "Error");
    let log = ran.output_of("c").join("\n");
    assert!(
        log.contains("wasm trap: wasm `unreachable` instruction executed"),
        "{log}"
    );
    assert!(
        log.contains("inner_step"),
        "the guest's own function is named: {log}"
    );
    assert!(
        !log.contains("tokio"),
        "nothing of the host is shown: {log}"
    );
}

#[test]
fn b7_more_memory_than_the_limit_is_oom_killed() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  restartPolicy: Never\n  containers:\n  - {{name: c, image: {}, args: [\"256\"], \
             resources: {{limits: {{memory: 32Mi}}}}}}",
            image("eat-memory")
        )),
        &[],
    );
    assert_eq!(ran.terminated("c")["exitCode"], 137, "{}", ran.stderr);
    assert_eq!(ran.terminated("c")["reason"], "OOMKilled");
}

#[test]
fn a14_a_rule_of_the_container_decides_before_its_policy() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  restartPolicy: Never\n  volumes: [{{name: v, emptyDir: {{}}}}]\n  containers:\n  \
             - name: c\n    image: {}\n    args: [/v/runs, \"42\", \"42\", \"9\"]\n    restartPolicy: Never\n    \
             restartPolicyRules: [{{action: Restart, exitCodes: {{operator: In, values: [42]}}}}]\n    \
             volumeMounts: [{{name: v, mountPath: /v}}]",
            image("flaky")
        )),
        &["--backoff-base", "10ms"],
    );
    assert_eq!(ran.container("c")["restartCount"], 2, "{}", ran.stderr);
    assert_eq!(ran.terminated("c")["exitCode"], 9);
    assert_eq!(ran.phase(), "Failed");
}

#[test]
fn statuses_of_init_sidecar_and_two_mains_match_to_the_field() {
    let place = Place::new();
    let ran = place.run(
        &pod(&format!(
            "  restartPolicy: Never\n  terminationGracePeriodSeconds: 30\n  initContainers:\n  - {{name: prepare, image: {hello}}}\n  \
             - {{name: follow, image: {term}, restartPolicy: Always, args: [\"1\", \"0\"]}}\n  containers:\n  \
             - {{name: web, image: {sleepy}, args: [\"50\"]}}\n  - {{name: api, image: {exit}, args: [\"0\"]}}",
            hello = image("hello"),
            term = image("handle-term"),
            sleepy = image("sleepy"),
            exit = image("exit")
        )),
        &[],
    );
    let mut status = ran.status();
    mask(&mut status);
    insta::assert_yaml_snapshot!("init_sidecar_two_mains", status);
}

/// Hides what differs from run to run and machine to machine.
fn mask(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                let masked = match name.as_str() {
                    "startedAt" | "finishedAt" | "startTime" | "lastTransitionTime" => "<time>",
                    "containerID" => "wasm://<id>",
                    "imageID" => "sha256:<digest>",
                    "image" => "<file>",
                    _ => {
                        mask(field);
                        continue;
                    }
                };
                assert!(field.is_string(), "{name}: {field}");
                *field = masked.into();
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}
