//! Probes against real servers (section D).

use crate::harness::{Place, Ran, guest};
use crate::live::Live;

/// A pod `p` of one container `c`: agnhost with these arguments and these further fields of pod and container.
fn agnhost(args: &str, spec: &str, container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  terminationGracePeriodSeconds: 1\n{spec}  containers:\n  \
         - name: c\n    image: {}\n    args: [{args}]\n{container}",
        guest("agnhost").display()
    )
}

fn liveness(probe: &str) -> String {
    format!("    livenessProbe: {{{probe}}}\n")
}

fn readiness(probe: &str) -> String {
    format!("    readinessProbe: {{{probe}}}\n")
}

const NEVER: &str = "  restartPolicy: Never\n";
const WELL: &str = "netexec";
const FALLS_ILL: &str = "netexec, --unhealthy-after=2";
const OFTEN: &str = "periodSeconds: 1, failureThreshold: 1";

/// Runs it for that many seconds.
fn run_for(seconds: u32, manifest: &str) -> Ran {
    compiled();
    Place::new().run(manifest, &["--timeout", &format!("{seconds}s")])
}

/// Compiles the guests before any time counts.
fn compiled() {
    static DONE: std::sync::Once = std::sync::Once::new();
    DONE.call_once(|| {
        let guests = ["agnhost", "echo", "ignore-term", "sleepy"].map(|name| {
            let image = guest(name);
            format!("  - {{name: {name}, image: {}, args: [misused]}}\n", image.display())
        });
        let manifest = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  activeDeadlineSeconds: 60\n  \
             terminationGracePeriodSeconds: 1\n  containers:\n{}",
            guests.concat()
        );
        Place::new().run(&manifest, &["--timeout", "60s"]);
    });
}

/// Runs a pod that ends by itself.
fn run(manifest: &str) -> Ran {
    run_for(120, manifest)
}

fn restarts(ran: &Ran) -> u64 {
    let count = ran.container("c")["restartCount"].as_u64();
    count.expect("a number")
}

// conformance: [sig-node] Probing container should be restarted with a /healthz http liveness probe (container_probe.go)
// conformance: [sig-node] Probing container should have monotonically increasing restart count (container_probe.go)
#[test]
fn d6_d16_a_container_whose_http_liveness_fails_is_restarted_again_and_again() {
    let probe = liveness(&format!("httpGet: {{path: /healthz, port: 8080}}, {OFTEN}"));
    compiled();
    let place = Place::new();
    let ran = place.run(
        &agnhost(FALLS_ILL, "", &probe),
        &[
            "--timeout",
            "25s",
            "--backoff-base",
            "10ms",
            "--backoff-cap",
            "10ms",
        ],
    );
    assert!(restarts(&ran) >= 2, "{}", ran.stderr);
    assert!(ran.shows("Liveness probe failed: HTTP probe failed with statuscode: 500"));
    assert!(ran.shows("Container c failed liveness probe, will be restarted"));
}

#[test]
fn d6_under_never_a_failed_liveness_probe_fails_the_pod() {
    let probe = liveness(&format!("httpGet: {{path: /healthz, port: 8080}}, {OFTEN}"));
    let ran = run(&agnhost(FALLS_ILL, NEVER, &probe));
    assert_eq!(
        (ran.code, ran.phase()),
        (1, "Failed".into()),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.terminated("c")["exitCode"], 143);
    assert!(ran.shows("Container c failed liveness probe"));
    assert!(!ran.shows("will be restarted"));
}

// conformance: [sig-node] Probing container should *not* be restarted with a /healthz http liveness probe (container_probe.go)
// conformance: [sig-node] Probing container should *not* be restarted with a tcp:8080 liveness probe (container_probe.go)
// conformance: [sig-node] Probing container should *not* be restarted with a GRPC liveness probe (container_probe.go)
#[test]
fn d9_d11_a_container_whose_liveness_succeeds_is_left_alone() {
    for (args, probe, asked) in [
        (
            WELL,
            "httpGet: {path: /healthz, port: 8080}",
            "GET /healthz",
        ),
        (
            "netexec, --unhealthy-after=0",
            "tcpSocket: {port: 8080}",
            "serving on 8080",
        ),
        ("grpc-health-checking", "grpc: {port: 5000}", "check: 0 1"),
        (
            "grpc-health-checking, --service=web",
            "grpc: {port: 5000, service: web}",
            "check: 0 1",
        ),
    ] {
        let probe = liveness(&format!(
            "{probe}, initialDelaySeconds: 3, timeoutSeconds: 5, periodSeconds: 1"
        ));
        let ran = run_for(10, &agnhost(args, "", &probe));
        assert_eq!(restarts(&ran), 0, "{probe}: {}", ran.stderr);
        assert!(ran.shows(asked), "{probe}: {}", ran.stderr);
    }
}

// conformance: [sig-node] Probing container should be restarted with a GRPC liveness probe (container_probe.go)
#[test]
fn d11_a_grpc_server_that_stops_serving_is_restarted() {
    let probe = liveness(&format!("grpc: {{port: 5000}}, {OFTEN}"));
    let args = "grpc-health-checking, --delay-unhealthy-sec=2";
    let ran = run(&agnhost(args, NEVER, &probe));
    assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
    let said = "Liveness probe failed: service unhealthy (responded with \"NOT_SERVING\")";
    assert!(ran.shows(said), "{}", ran.stderr);
    let probe = liveness(&format!(
        "grpc: {{port: 5000, service: none}}, initialDelaySeconds: 2, {OFTEN}"
    ));
    let ran = run(&agnhost(args, NEVER, &probe));
    assert!(
        ran.shows("code = NotFound desc = unknown service"),
        "{}",
        ran.stderr
    );
}

#[test]
fn d9_a_server_on_loopback_alone_fails_its_probes_as_on_a_cluster() {
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  containers:\n  \
         - {{name: c, image: {}, args: [\"127.0.0.1:7000\"], \
         livenessProbe: {{tcpSocket: {{port: 7000}}, initialDelaySeconds: 1, {OFTEN}}}}}\n",
        guest("echo").display()
    );
    let ran = run(&manifest);
    assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
    assert!(
        ran.shows("Liveness probe failed: dial tcp 10.88.0.2:7000: connect: connection refused")
    );
}

#[test]
fn d9_https_is_probed_without_verifying_the_certificate() {
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  terminationGracePeriodSeconds: 1\n  containers:\n  \
         - {{name: web, image: {}}}\n  - name: c\n    image: {}\n    args: [--listen, \"0.0.0.0:8443\", --upstream, \"127.0.0.1:8080\"]\n    \
         startupProbe: {{httpGet: {{scheme: HTTPS, port: 8443}}, periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 60}}\n",
        guest("kubia").display(),
        guest("tls-proxy").display()
    );
    let mut live = Live::new(&[&manifest]);
    live.until("ready", |status| status.mains.iter().all(|main| main.ready));
}

// conformance: [sig-node] Probing container should be restarted with a local redirect http liveness probe (container_probe.go)
#[test]
fn d10_a_local_redirect_is_followed_and_its_end_counts() {
    let probe = liveness(&format!(
        "httpGet: {{path: \"/redirect?loc=/healthz\", port: 8080}}, {OFTEN}"
    ));
    let ran = run(&agnhost(FALLS_ILL, NEVER, &probe));
    assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
    assert!(ran.shows("HTTP probe failed with statuscode: 500"));
}

// conformance: [sig-node] Probing container should *not* be restarted with a non-local redirect http liveness probe (container_probe.go)
#[test]
fn d10_a_redirect_to_elsewhere_succeeds_with_a_warning() {
    let path = "/redirect?loc=http://0.0.0.0/";
    let probe = liveness(&format!(
        "httpGet: {{path: \"{path}\", port: 8080}}, initialDelaySeconds: 3, timeoutSeconds: 5, {OFTEN}"
    ));
    let ran = run_for(8, &agnhost(FALLS_ILL, "", &probe));
    assert_eq!(restarts(&ran), 0, "{}", ran.stderr);
    assert!(
        ran.shows("Liveness probe warning: Probe terminated redirects, Response body: this way")
    );
}

#[test]
fn d9_a_named_port_is_found_and_one_that_is_not_named_is_an_error_that_changes_nothing() {
    let ports = "    ports: [{name: web, containerPort: 8080}]\n".to_owned();
    let named = ports.clone()
        + &liveness(&format!(
            "httpGet: {{port: web}}, initialDelaySeconds: 3, timeoutSeconds: 5, {OFTEN}"
        ));
    let ran = run_for(10, &agnhost(WELL, "", &named));
    assert_eq!(restarts(&ran), 0, "{}", ran.stderr);
    assert!(ran.shows("GET /"), "{}", ran.stderr);
    let other = ports + &liveness(&format!("httpGet: {{port: api}}, {OFTEN}"));
    let ran = run_for(4, &agnhost(WELL, "", &other));
    assert_eq!(restarts(&ran), 0, "D7: {}", ran.stderr);
    assert!(ran.shows("Liveness probe errored and resulted in unknown state: strconv.Atoi: parsing \"api\": invalid syntax"));
}

// conformance: [sig-node] Probing container should be restarted startup probe fails (container_probe.go)
#[test]
fn d6_a_startup_probe_that_never_succeeds_has_the_container_killed() {
    let probe = format!("    startupProbe: {{tcpSocket: {{port: 9}}, {OFTEN}}}\n");
    let ran = run(&agnhost(WELL, NEVER, &probe));
    assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
    assert!(ran.shows("Container c failed startup probe"));
    assert_eq!(ran.container("c")["started"], false);
}

// conformance: [sig-node] Probing container should *not* be restarted by liveness probe because startup probe delays it (container_probe.go)
// conformance: [sig-node] Probing container should be restarted by liveness probe after startup probe enables it (container_probe.go)
#[test]
fn d4_a_startup_probe_delays_the_liveness_probe() {
    let probes = format!(
        "    startupProbe: {{httpGet: {{path: /readyz, port: 8080}}, periodSeconds: 1, failureThreshold: 1000}}\n{}",
        liveness(&format!("tcpSocket: {{port: 9}}, {OFTEN}"))
    );
    let ran = run_for(10, &agnhost("netexec, --ready-after=1000", NEVER, &probes));
    assert!(
        ran.shows("Startup probe failed: HTTP probe failed with statuscode: 503"),
        "{}",
        ran.stderr
    );
    assert!(!ran.shows("Liveness probe"), "{}", ran.stderr);
    let ran = run(&agnhost("netexec, --ready-after=2", NEVER, &probes));
    assert!(
        ran.shows("Container c failed liveness probe"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.phase(), "Failed");
}

// conformance: [sig-node] Probing container should override timeoutGracePeriodSeconds when LivenessProbe field is set (container_probe.go)
// conformance: [sig-node] Probing container should override timeoutGracePeriodSeconds when StartupProbe field is set (container_probe.go)
#[test]
fn d13_a_probes_own_grace_is_shorter_than_the_pods() {
    for probe in ["livenessProbe", "startupProbe"] {
        let manifest = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 500\n  \
             containers:\n  - {{name: c, image: {}, {probe}: {{tcpSocket: {{port: 9}}, terminationGracePeriodSeconds: 2, {OFTEN}}}}}\n",
            guest("ignore-term").display()
        );
        let ran = run(&manifest);
        assert_eq!(ran.code, 1, "not after 500 seconds: {}", ran.stderr);
        assert_eq!(ran.terminated("c")["exitCode"], 137, "{}", ran.stderr);
    }
}

// conformance: [sig-node] Probing container with readiness probe should not be ready before initial delay and never restart (container_probe.go)
#[test]
fn d3_a_container_is_not_ready_before_the_initial_delay() {
    let probe = readiness(
        "httpGet: {port: 8080}, initialDelaySeconds: 4, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 30",
    );
    let mut live = Live::new(&[&agnhost(WELL, "", &probe)]);
    let started = live.until("running", |status| {
        matches!(
            status.mains[0].state,
            peapod::model::ContainerState::Running { .. }
        )
    });
    let peapod::model::ContainerState::Running { started_at } = started.mains[0].state else {
        panic!("it ran");
    };
    let ready = live.until("ready", |status| status.mains[0].ready);
    assert!(live.now() - started_at >= std::time::Duration::from_secs(4));
    assert_eq!(ready.mains[0].restart_count, 0);
}

// conformance: [sig-node] Probing container with readiness probe that fails should never be ready and never restart (container_probe.go)
#[test]
fn d12_a_container_whose_readiness_fails_is_never_ready_and_never_restarted() {
    let probe = readiness(&format!(
        "httpGet: {{path: \"/echo?code=500\", port: 8080}}, {OFTEN}"
    ));
    let mut live = Live::new(&[&agnhost(WELL, "", &probe)]);
    live.pass(std::time::Duration::from_secs(6));
    let seen = live.statuses();
    assert!(seen.iter().any(|status| status.mains[0].started));
    assert!(
        seen.iter()
            .all(|status| !status.mains[0].ready && status.mains[0].restart_count == 0)
    );
}

// conformance: [sig-node] Probing container should be ready immediately after startupProbe succeeds (container_probe.go)
#[test]
fn d3_a_container_is_ready_as_soon_as_its_startup_probe_succeeded() {
    let probes = "    startupProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1, failureThreshold: 60}\n".to_owned()
        + &readiness("httpGet: {port: 8080}, periodSeconds: 600, timeoutSeconds: 5");
    let mut live = Live::new(&[&agnhost("netexec, --ready-after=3", "", &probes)]);
    // A machine may be slow, but not by ten minutes.
    live.until("started", |status| status.mains[0].started);
    live.until("ready", |status| status.mains[0].ready);
}

// conformance: [sig-node] Probing container should mark readiness on pods to false while pod is in progress of terminating when a pod has a readiness probe (container_probe.go)
#[test]
fn d14_a_pod_turns_unready_while_it_is_being_stopped() {
    let probe = readiness(&format!(
        "httpGet: {{path: /readyz, port: 8080}}, timeoutSeconds: 5, {OFTEN}"
    )) + "    lifecycle: {preStop: {httpGet: {path: \"/drain?seconds=20\", port: 8080}}}\n";
    let manifest = agnhost(WELL, "", &probe).replace("PeriodSeconds: 1\n", "PeriodSeconds: 60\n");
    let mut live = Live::new(&[&manifest]);
    live.until("ready", |status| status.mains[0].ready);
    live.delete(None);
    live.until("unready and running still", |status| {
        !status.mains[0].ready
            && matches!(
                status.mains[0].state,
                peapod::model::ContainerState::Running { .. }
            )
    });
    live.delete(Some(0));
}

#[test]
fn d15_a_sidecars_probes_count() {
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  \
         initContainers:\n  - name: s\n    image: {agnhost}\n    args: [netexec, --ready-after=2]\n    restartPolicy: Always\n    \
         startupProbe: {{httpGet: {{path: /readyz, port: 8080}}, periodSeconds: 1, failureThreshold: 60}}\n    \
         livenessProbe: {{tcpSocket: {{port: 9}}, {OFTEN}}}\n  \
         containers:\n  - {{name: c, image: {sleepy}, args: [\"6000\"]}}\n",
        agnhost = guest("agnhost").display(),
        sleepy = guest("sleepy").display()
    );
    let ran = run(&manifest);
    assert_eq!(ran.phase(), "Succeeded", "A10: {}", ran.stderr);
    let (refused, main) = (
        ran.at("Startup probe failed"),
        ran.at("{c}: Container started"),
    );
    assert!(refused < main, "A8: the main waits for the startup probe");
    assert!(
        ran.shows("Container s failed liveness probe, will be restarted"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.container("s")["restartCount"].as_u64() >= Some(1),
        "D6: only the sidecar"
    );
    assert_eq!(ran.container("c")["restartCount"], 0);
}

/// A shell in a container `c`.
fn shell(script: &str, spec: &str, container: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  terminationGracePeriodSeconds: 1\n{spec}  containers:\n  \
         - name: c\n    image: busybox:1.28\n    command: [sh, -c, '{script}']\n{container}"
    )
}

fn run_shell(manifest: &str, timeout: &str) -> Ran {
    Place::with_images().run(manifest, &["--timeout", timeout])
}

// conformance: [sig-node] Probing container should be restarted with a exec "cat /tmp/health" liveness probe (container_probe.go)
#[test]
fn d8_a_container_whose_command_fails_is_killed() {
    let script = "mkdir -p /tmp; echo ok >/tmp/health; sleep 5; rm /tmp/health; sleep 600";
    let probe = liveness(
        "exec: {command: [cat, /tmp/health]}, initialDelaySeconds: 2, timeoutSeconds: 30, periodSeconds: 1, failureThreshold: 1",
    );
    let ran = run_shell(&shell(script, NEVER, &probe), "120s");
    assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
    assert!(
        ran.shows("Liveness probe failed: cat: "),
        "D16: its output is told: {}",
        ran.stderr
    );
    assert!(ran.shows("Container c failed liveness probe"));
}

// conformance: [sig-node] Probing container should *not* be restarted with a exec "cat /tmp/health" liveness probe (container_probe.go)
#[test]
fn d8_a_container_whose_command_succeeds_is_left_alone() {
    let script = "mkdir -p /tmp; echo ok >/tmp/health; sleep 600";
    let probe = liveness(
        "exec: {command: [sh, -c, \"test \\\"$(cat /tmp/health)\\\" = $(WORD) && echo seen >>/tmp/seen\"]}, \
         initialDelaySeconds: 2, timeoutSeconds: 30, periodSeconds: 1, failureThreshold: 1",
    ) + "    env: [{name: WORD, value: ok}]\n    lifecycle: {preStop: {exec: {command: [sh, -c, \"cat /tmp/seen >/dev/termination-log\"]}}}\n";
    let manifest = shell(script, "", &probe).replace("PeriodSeconds: 1\n", "PeriodSeconds: 30\n");
    let ran = run_shell(&manifest, "15s");
    assert_eq!(restarts(&ran), 0, "{}", ran.stderr);
    assert!(!ran.shows("Liveness probe failed"), "{}", ran.stderr);
    let message = ran.terminated("c")["message"].clone();
    assert!(
        message
            .as_str()
            .is_some_and(|message| message.starts_with("seen\n")),
        "it was asked: {message}"
    );
}

// conformance: [sig-node] Probing container should be restarted with an exec liveness probe with timeout (container_probe.go)
// conformance: [sig-node] Probing container should be restarted with a failing exec liveness probe that took longer than the timeout (container_probe.go)
#[test]
fn d8_a_command_that_takes_longer_than_its_time_has_failed() {
    for command in ["sleep 600", "sleep 600; exit 1"] {
        let probe = liveness(&format!(
            "exec: {{command: [sh, -c, \"{command}\"]}}, timeoutSeconds: 1, periodSeconds: 1, failureThreshold: 1"
        ));
        let ran = run_shell(&shell("sleep 600", NEVER, &probe), "120s");
        assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
        let said = format!(
            "Liveness probe failed: command timed out: \"sh -c {command}\" timed out after 1s"
        );
        assert!(ran.shows(&said), "{}", ran.stderr);
    }
}
