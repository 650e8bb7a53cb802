//! The probes of a cluster's own tests again, of sidecars: one pod has a sidecar for each case, and one run shows what becomes of them.

use std::time::Duration;

use peapod::model::{ContainerState, ContainerStatus, PodStatus};

use crate::harness::{Place, guest};
use crate::live::Live;

const OFTEN: &str = "periodSeconds: 1, failureThreshold: 1";
/// For those that are well: a busy machine may need its time to start a server, and to answer.
const PATIENT: &str =
    "initialDelaySeconds: 3, periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 3";

/// A sidecar of agnhost with these arguments and probes.
fn agnhost(name: &str, args: &str, probes: &str) -> String {
    one(
        name,
        &format!("image: {}, args: [{args}]", guest("agnhost").display()),
        probes,
    )
}

/// A sidecar of a shell.
fn shell(name: &str, script: &str, probes: &str) -> String {
    let image = guest("busybox").display().to_string();
    one(
        name,
        &format!("image: {image}, command: [sh, -c, \"{script}\"]"),
        probes,
    )
}

fn one(name: &str, what: &str, probes: &str) -> String {
    format!("  - {{name: {name}, restartPolicy: Always, {what}, {probes}}}\n")
}

fn liveness(probe: &str, times: &str) -> String {
    format!("livenessProbe: {{{probe}, {times}}}")
}

fn pod(grace: u32, sidecars: &[String]) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  terminationGracePeriodSeconds: {grace}\n  initContainers:\n{}  \
         containers:\n  - {{name: c, image: {}, command: [sleep, \"600000\"]}}\n",
        sidecars.concat(),
        guest("busybox").display()
    )
}

const SLEEP: &str = "sleep 600";
const HEALTH: &str = "mkdir -p /tmp; echo ok >/tmp/health; sleep 600";
const CAT: &str = "exec: {command: [cat, /tmp/health]}";
const SLOW: &str = "exec: {command: [sleep, '600']}, timeoutSeconds: 1";

// conformance: [sig-node] Probing restartable init container should be restarted with {a exec "cat /tmp/health" liveness probe|a /healthz http liveness probe|an exec liveness probe with timeout|a failing exec liveness probe that took longer than the timeout|a local redirect http liveness probe|a GRPC liveness probe} (container_probe.go)
// conformance: [sig-node] Probing restartable init container should *not* be restarted with a {exec "cat /tmp/health" liveness probe|tcp:8080 liveness probe|/healthz http liveness probe|non-local redirect http liveness probe|GRPC liveness probe} (container_probe.go)
// conformance: [sig-node] Probing restartable init container should have monotonically increasing restart count (container_probe.go)
// conformance: [sig-node] Probing {container|restartable init container} should not be ready with an exec readiness probe timeout (container_probe.go)
// conformance: [sig-node] Probing restartable init container with readiness probe that fails should never be ready and never restart (container_probe.go)
#[test]
fn d6_to_d12_what_probes_do_to_mains_they_do_to_sidecars() {
    let http = |port: u16, path: &str| format!("httpGet: {{path: \"{path}\", port: {port}}}");
    let fails = "mkdir -p /tmp; echo ok >/tmp/health; sleep 2; rm /tmp/health; sleep 600";
    let slow_failure = "exec: {command: [sh, -c, 'sleep 600; exit 1']}, timeoutSeconds: 1";
    let ill = "--unhealthy-after=2";
    let sidecars = [
        shell(
            "exec-fails",
            fails,
            &liveness(
                CAT,
                &format!("initialDelaySeconds: 1, timeoutSeconds: 20, {OFTEN}"),
            ),
        ),
        shell("exec-slow", SLEEP, &liveness(SLOW, OFTEN)),
        shell("exec-slow-failure", SLEEP, &liveness(slow_failure, OFTEN)),
        agnhost(
            "http-fails",
            &format!("netexec, --http-port=8081, {ill}"),
            &liveness(&http(8081, "/healthz"), OFTEN),
        ),
        agnhost(
            "redirect-fails",
            &format!("netexec, --http-port=8082, {ill}"),
            &liveness(&http(8082, "/redirect?loc=/healthz"), OFTEN),
        ),
        agnhost(
            "grpc-fails",
            "grpc-health-checking, --port=5001, --delay-unhealthy-sec=2",
            &liveness("grpc: {port: 5001}", OFTEN),
        ),
        shell("exec-well", HEALTH, &liveness(CAT, PATIENT)),
        agnhost(
            "http-well",
            "netexec, --http-port=8083",
            &liveness(&http(8083, "/healthz"), PATIENT),
        ),
        agnhost(
            "tcp-well",
            "netexec, --http-port=8084, --unhealthy-after=0",
            &liveness("tcpSocket: {port: 8084}", PATIENT),
        ),
        agnhost(
            "redirect-well",
            "netexec, --http-port=8085, --unhealthy-after=0",
            &liveness(&http(8085, "/redirect?loc=http://0.0.0.0/"), PATIENT),
        ),
        agnhost(
            "grpc-well",
            "grpc-health-checking, --port=5002",
            &liveness("grpc: {port: 5002}", PATIENT),
        ),
        shell(
            "never-ready",
            SLEEP,
            &format!("readinessProbe: {{exec: {{command: [\"false\"]}}, {OFTEN}}}"),
        ),
        shell(
            "slowly-ready",
            SLEEP,
            &format!("readinessProbe: {{{SLOW}, {OFTEN}}}"),
        ),
    ];
    let main = format!("readinessProbe: {{{SLOW}, {OFTEN}}}, image");
    let manifest = pod(1, &sidecars).replacen("{name: c, image", &format!("{{name: c, {main}"), 1);
    let place = Place::new();
    // Once before any time counts, for the guests to be compiled.
    place.run(&manifest, &["--timeout", "5s"]);
    let often = [
        "--timeout",
        "45s",
        "--backoff-base",
        "10ms",
        "--backoff-cap",
        "10ms",
    ];
    let ran = place.run(&manifest, &often);
    let restarts = |name: &str| ran.container(name)["restartCount"].as_u64();
    for name in [
        "exec-fails",
        "exec-slow",
        "exec-slow-failure",
        "redirect-fails",
        "grpc-fails",
    ] {
        assert!(restarts(name) >= Some(1), "{name}: {}", ran.stderr);
    }
    assert!(
        restarts("http-fails") >= Some(2),
        "again and again: {}",
        ran.stderr
    );
    for name in [
        "exec-well",
        "http-well",
        "tcp-well",
        "redirect-well",
        "grpc-well",
        "never-ready",
        "slowly-ready",
        "c",
    ] {
        assert_eq!(restarts(name), Some(0), "{name}: {}", ran.stderr);
    }
    assert!(
        ran.shows("Liveness probe warning: Probe terminated redirects"),
        "D10: {}",
        ran.stderr
    );
    for name in ["never-ready", "slowly-ready", "c"] {
        let failed = format!("{{{name}}}: Readiness probe failed");
        assert!(ran.shows(&failed), "{name}: {}", ran.stderr);
    }
}

fn started_at(container: &ContainerStatus) -> Option<peapod::model::Time> {
    match container.state {
        ContainerState::Running { started_at } => Some(started_at),
        ContainerState::Waiting { .. } | ContainerState::Terminated(_) => None,
    }
}

// conformance: [sig-node] Probing restartable init container with readiness probe should not be ready before initial delay and never restart (container_probe.go)
#[test]
fn d3_a_sidecar_is_not_ready_before_the_initial_delay() {
    let probe = "readinessProbe: {httpGet: {port: 8080}, initialDelaySeconds: 4, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 30}";
    let mut live = Live::new(&[&pod(1, &[agnhost("s", "netexec", probe)])]);
    let ready = live.until("ready", |status| status.init[0].ready);
    let started = started_at(&ready.init[0]).expect("it runs");
    assert!(live.now() - started >= Duration::from_secs(4));
    assert_eq!(ready.init[0].restart_count, 0);
    live.delete(None);
}

// conformance: [sig-node] Probing restartable init container should be ready immediately after startupProbe succeeds (container_probe.go)
// conformance: [sig-node] Probing restartable init container should *not* be restarted by liveness probe because startup probe delays it (container_probe.go)
// conformance: [sig-node] Probing restartable init container should be restarted by liveness probe after startup probe enables it (container_probe.go)
#[test]
fn d3_d4_a_sidecar_is_ready_as_soon_as_it_started_and_only_then_may_be_found_ill() {
    let startup = "startupProbe: {httpGet: {path: /readyz, port: 8080}, periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 600}";
    let probes = |times: &str| format!("{startup}, {}", liveness("tcpSocket: {port: 9}", times));
    // A machine may be slow, but not by ten minutes.
    let readiness =
        "readinessProbe: {httpGet: {port: 8080}, periodSeconds: 600, timeoutSeconds: 5}";
    let sidecar = agnhost(
        "s",
        "netexec, --ready-after=3",
        &format!("{startup}, {readiness}"),
    );
    let mut live = Live::new(&[&pod(1, &[sidecar])]);
    live.until("ready", |status| {
        status.init[0].started && status.init[0].ready
    });
    live.delete(None);

    let never = agnhost("s", "netexec, --ready-after=600", &probes(OFTEN));
    let mut live = Live::new(&[&pod(1, &[never])]);
    live.until("running", |status| started_at(&status.init[0]).is_some());
    live.pass(Duration::from_secs(5));
    let last = live.statuses().last().expect("seen");
    assert!(
        !last.init[0].started && last.init[0].restart_count == 0,
        "{last:#?}"
    );
    live.delete(None);

    let mut live = Live::new(&[&pod(
        1,
        &[agnhost("s", "netexec, --ready-after=2", &probes(OFTEN))],
    )]);
    live.until("restarted", |status| status.init[0].restart_count > 0);
    let started = |status: &PodStatus| status.init[0].started && status.init[0].restart_count == 0;
    assert!(live.statuses().iter().any(|status| started(status)));
    live.delete(None);
}

// conformance: [sig-node] Probing restartable init container should be restarted startup probe fails (container_probe.go)
// conformance: [sig-node] Probing restartable init container should override timeoutGracePeriodSeconds when {LivenessProbe|StartupProbe} field is set (container_probe.go)
#[test]
fn d6_d13_a_sidecars_probe_may_have_a_grace_of_its_own() {
    for kind in ["livenessProbe", "startupProbe"] {
        let deaf = format!("image: {}", guest("ignore-term").display());
        let probe = format!(
            "{kind}: {{tcpSocket: {{port: 9}}, terminationGracePeriodSeconds: 2, {OFTEN}}}"
        );
        // Patience ends long before the pod's grace.
        let mut live = Live::new(&[&pod(500, &[one("s", &deaf, &probe)])]);
        let status = live.until("restarted", |status| status.init[0].restart_count > 0);
        let last = status.init[0].last_state.as_ref().expect("it ended");
        assert_eq!(last.exit_code, 137, "{kind}");
        live.delete(Some(0));
    }
}

// conformance: [sig-node] Probing {container|restartable init container} should mark readiness on pods to false and disable liveness probes while pod is in progress of terminating (container_probe.go)
// conformance: [sig-node] Probing restartable init container should mark readiness on pods to false while pod is in progress of terminating when a pod has a readiness probe (container_probe.go)
// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when A regular container has a PreStop hook when A regular container fails a liveness probe when a pod is terminating because its liveness probe fails should execute readiness probe while in preStop, but not liveness (container_lifecycle_test.go)
#[test]
fn d14_mains_and_sidecars_turn_unready_and_are_not_found_ill_while_they_are_stopped() {
    let drain = |port: u16| {
        format!(
            "lifecycle: {{preStop: {{httpGet: {{path: \"/drain?seconds=15\", port: {port}}}}}}}, \
             readinessProbe: {{httpGet: {{path: /readyz, port: {port}}}, timeoutSeconds: 5, {OFTEN}}}, \
             livenessProbe: {{httpGet: {{path: /readyz, port: {port}}}, initialDelaySeconds: 3, timeoutSeconds: 20, {OFTEN}}}"
        )
    };
    let sidecar = agnhost("s", "netexec, --http-port=8081", &drain(8081));
    let main = format!(
        "{{name: c, image: {}, args: [netexec], {}}}",
        guest("agnhost").display(),
        drain(8080)
    );
    let manifest = pod(60, &[sidecar]);
    let at = manifest.find("{name: c").expect("the main");
    let mut live = Live::new(&[&format!("{}{main}\n", &manifest[..at])]);
    live.until("ready", |status| {
        status.init[0].ready && status.mains[0].ready
    });
    live.delete(None);
    let running = |one: &ContainerStatus| matches!(one.state, ContainerState::Running { .. });
    live.until("unready and running still", |status| {
        let mut both = status.init.iter().chain(&status.mains);
        both.all(|one| !one.ready && running(one))
    });
    // A liveness probe would have found both of them ill by now, and KILL come after the two seconds.
    live.pass(Duration::from_secs(5));
    let last = live.statuses().last().expect("seen");
    assert!(
        last.init.iter().chain(&last.mains).all(running),
        "{last:#?}"
    );
    live.delete(Some(0));
}
