//! Lifecycle hooks against real containers (section E).

use std::time::{Duration, Instant};

use crate::harness::{Place, Ran, guest};
use crate::running::Running;

/// A pod `p`: a sidecar `handler` that writes down what it is asked on port 8080, and a main `c`.
fn pod(spec: &str, main: &str, hooks: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n{spec}  initContainers:\n  - name: handler\n    image: {agnhost}\n    \
         args: [netexec]\n    restartPolicy: Always\n    \
         startupProbe: {{tcpSocket: {{port: 8080}}, periodSeconds: 1, failureThreshold: 60}}\n  \
         containers:\n  - name: c\n    image: {main}\n    lifecycle: {{{hooks}}}\n",
        agnhost = guest("agnhost").display(),
    )
}

fn image(name: &str) -> String {
    guest(name).display().to_string()
}

/// A main that runs until it is stopped.
fn stays() -> String {
    image("sleepy") + "\n    args: [\"600000\"]"
}

const NEVER: &str = "  restartPolicy: Never\n";

fn run(manifest: &str, timeout: &str) -> Ran {
    Place::new().run(manifest, &["--timeout", timeout])
}

fn asked(ran: &Ran, what: &str) -> bool {
    let lines = ran.output_of("handler");
    lines.iter().any(|line| line == &format!("GET {what}"))
}

// conformance: [sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart http hook properly (lifecycle_hook.go)
// conformance: [sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop http hook properly (lifecycle_hook.go)
#[test]
fn e2_e5_hooks_by_http_reach_their_handler_and_500_is_success() {
    let get =
        |what: &str| format!("{{httpGet: {{port: 8080, path: \"/echo?msg={what}&code=500\"}}}}");
    let hooks = format!(
        "postStart: {}, preStop: {}",
        get("poststart"),
        get("prestop")
    );
    let ran = run(&pod("", &stays(), &hooks), "15s");
    assert!(
        asked(&ran, "/echo?msg=poststart&code=500"),
        "{}",
        ran.stderr
    );
    assert!(asked(&ran, "/echo?msg=prestop&code=500"), "{}", ran.stderr);
    assert!(
        !ran.shows("HookFailed") && !ran.shows("FailedPreStopHook"),
        "{}",
        ran.stderr
    );
    assert!(!ran.shows("FailedPostStartHook"), "E5: {}", ran.stderr);
    assert_eq!(ran.container("c")["restartCount"], 0);
}

// conformance: [sig-node] PreStop should call prestop when killing a pod (pre_stop.go)
#[test]
fn e2_a_pre_stop_hook_reaches_another_pod_before_its_container_ends() {
    let agnhost = image("agnhost");
    let manifest = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: server}}\nspec: {{selector: {{app: server}}, ports: [{{port: 80, targetPort: 8080}}]}}\n\
         ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: server, labels: {{app: server}}}}\nspec:\n  terminationGracePeriodSeconds: 1\n  \
         containers:\n  - {{name: handler, image: {agnhost}, args: [netexec]}}\n\
         ---\napiVersion: v1\nkind: Pod\nmetadata: {{name: tester}}\nspec:\n  restartPolicy: Never\n  terminationGracePeriodSeconds: 5\n  \
         containers:\n  - name: c\n    image: {sleepy}\n    args: [\"600000\"]\n    \
         livenessProbe: {{tcpSocket: {{port: 9}}, initialDelaySeconds: 4, periodSeconds: 1, failureThreshold: 1}}\n    \
         lifecycle: {{preStop: {{httpGet: {{host: server, port: 80, path: /write}}}}}}\n",
        sleepy = image("sleepy"),
    );
    let ran = run(&manifest, "20s");
    assert!(ran.shows("GET /write"), "{}", ran.stderr);
    assert!(!ran.shows("FailedPreStopHook"), "{}", ran.stderr);
}

#[test]
fn e1_a_failed_post_start_hook_kills_the_container_and_tells_nothing_of_it() {
    let hooks = "postStart: {httpGet: {port: 9, path: /secret}}";
    let ran = run(&pod(NEVER, &stays(), hooks), "60s");
    assert_eq!(
        (ran.code, ran.phase()),
        (1, "Failed".into()),
        "{}",
        ran.stderr
    );
    assert!(ran.shows("PostStartHook failed"));
    assert!(ran.shows("FailedPostStartHook"));
    assert_eq!(ran.terminated("c")["exitCode"], 143);
    let events: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.contains("{c}"))
        .collect();
    assert!(
        !events.iter().any(|line| line.contains("secret")),
        "{events:#?}"
    );
}

#[test]
fn e7_a_tcp_socket_hook_is_taken_and_fails() {
    let hooks = "postStart: {tcpSocket: {port: 8080}}";
    let ran = run(&pod(NEVER, &stays(), hooks), "60s");
    assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
    assert!(ran.shows("PostStartHook failed"));
}

#[test]
fn e5_https_to_a_plain_server_falls_back_to_http() {
    let hooks = "postStart: {httpGet: {scheme: HTTPS, port: 8080, path: /fallback}}";
    let ran = run(&pod("", &stays(), hooks), "15s");
    assert!(asked(&ran, "/fallback"), "{}", ran.stderr);
    assert!(ran.shows(
        "request to HTTPS lifecycle hook got HTTP response, retrying with HTTP for 10.88.0.2:8080"
    ));
    assert!(!ran.shows("PostStartHook failed"));
}

#[test]
fn e2_a_failed_pre_stop_hook_is_told_and_the_container_is_stopped_all_the_same() {
    let hooks = "preStop: {httpGet: {port: 9}}";
    let ran = run(&pod("", &stays(), hooks), "12s");
    assert!(ran.shows("PreStopHook failed"), "{}", ran.stderr);
    assert_eq!(ran.terminated("c")["exitCode"], 143);
}

// conformance: [sig-node] PreStop graceful pod terminated should wait until preStop hook completes the process (pre_stop.go)
// conformance: [sig-node] Lifecycle Sleep Hook when create a pod with lifecycle hook using sleep action valid prestop hook using sleep action (lifecycle_hook.go)
// conformance: [sig-node] Lifecycle Sleep Hook when create a pod with lifecycle hook using sleep action ignore terminated container (lifecycle_hook.go)
#[test]
fn e6_a_sleeping_pre_stop_hook_delays_term() {
    let begun = Instant::now();
    let hooks = "preStop: {sleep: {seconds: 5}}";
    let ran = run(&pod("", &stays(), hooks), "8s");
    assert!(
        begun.elapsed() >= Duration::from_secs(13),
        "{:?}: {}",
        begun.elapsed(),
        ran.stderr
    );
    assert_eq!(ran.terminated("c")["exitCode"], 143);
    let begun = Instant::now();
    let hooks = "preStop: {sleep: {seconds: 500}}";
    let spec = "  restartPolicy: Never\n  terminationGracePeriodSeconds: 500\n";
    let main = image("sleepy") + "\n    args: [\"20\"]";
    let ran = run(&pod(spec, &main, hooks), "400s");
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(300));
}

// conformance: [sig-node] Lifecycle Sleep Hook when create a pod with lifecycle hook using sleep action reduce GracePeriodSeconds during runtime (lifecycle_hook.go)
#[test]
fn e6_a_sleep_longer_than_the_grace_is_cut_short() {
    let hooks = "preStop: {sleep: {seconds: 500}}";
    let probe = "    livenessProbe: {tcpSocket: {port: 9}, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 2}\n";
    let spec = "  restartPolicy: Never\n  terminationGracePeriodSeconds: 500\n";
    let begun = Instant::now();
    let ran = run(&(pod(spec, &stays(), hooks) + probe), "400s");
    assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(300), "D13, E2");
}

#[test]
fn e3_two_seconds_between_term_and_kill_are_given_after_a_hook_that_took_all_the_grace() {
    let hooks = "preStop: {sleep: {seconds: 3}}";
    let spec = "  terminationGracePeriodSeconds: 3\n";
    let main = image("handle-term") + "\n    args: [\"100\", \"7\"]";
    let ran = run(&pod(spec, &main, hooks), "8s");
    assert_eq!(
        ran.terminated("c")["exitCode"],
        7,
        "it had time to end by itself: {}",
        ran.stderr
    );
}

// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when Running a pod with multiple containers and a PostStart hook should not launch second container before PostStart of the first container completed (container_lifecycle_test.go)
#[test]
fn a4_a_post_start_hook_holds_up_the_next_main() {
    let hooks = "postStart: {sleep: {seconds: 2}}";
    let second = format!(
        "  - {{name: second, image: {}, args: [\"20\"]}}\n",
        image("sleepy")
    );
    let main = image("sleepy") + "\n    args: [\"3000\"]";
    let ran = run(&(pod(NEVER, &main, hooks) + &second), "60s");
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    let started = |name: &str| crate::harness::text(&ran.terminated(name)["startedAt"]);
    assert!(started("c") < started("second"), "{}", ran.stderr);
}

// conformance: [sig-node] Containers Lifecycle when A pod with restartable init containers is terminating when the restartable init containers have multiple PreStop hooks should call sidecar container PreStop hook simultaneously (container_lifecycle_test.go)
#[test]
fn f6_hooks_of_sidecars_run_with_those_of_the_mains() {
    let sidecar = format!(
        "  - name: late\n    image: {}\n    restartPolicy: Always\n    args: [\"50\", \"0\"]\n    \
         lifecycle: {{preStop: {{httpGet: {{port: 8080, path: /late}}}}}}\n  containers:",
        image("handle-term")
    );
    let hooks = "preStop: {sleep: {seconds: 4}}";
    let manifest = pod("", &stays(), hooks).replacen("  containers:", &sidecar, 1);
    let ran = run(&manifest, "12s");
    // The sidecar's hook is over long before its turn, which comes when the main is gone.
    let (hook, term) = (ran.at("GET /late"), ran.at("TERM: finishing"));
    assert!(hook < term, "{}", ran.stderr);
    assert_eq!(ran.terminated("late")["exitCode"], 0, "{}", ran.stderr);
}

// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when A regular container has a PreStop hook when A regular container fails a liveness probe should call the container's preStop hook and terminate it if its liveness probe fails (container_lifecycle_test.go)
// conformance: [sig-node] Containers Lifecycle when Running a pod with init containers and regular containers, restartPolicy=Never when A regular container has a PreStop hook when A regular container fails a startup probe should call the container's preStop hook and terminate it if its startup probe fails (container_lifecycle_test.go)
#[test]
fn e2_pre_stop_runs_when_a_probe_has_the_container_killed() {
    for kind in ["livenessProbe", "startupProbe"] {
        let hooks = "preStop: {httpGet: {port: 8080, path: /prestop}}";
        let probe = format!(
            "    {kind}: {{tcpSocket: {{port: 9}}, periodSeconds: 1, failureThreshold: 1}}\n"
        );
        let ran = run(&(pod(NEVER, &stays(), hooks) + &probe), "60s");
        assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
        assert!(asked(&ran, "/prestop"), "{kind}: {}", ran.stderr);
    }
}

// conformance: [sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute poststart exec hook properly (lifecycle_hook.go)
// conformance: [sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute prestop exec hook properly (lifecycle_hook.go)
#[test]
fn e1_e2_e4_hooks_by_exec_run_in_their_container() {
    let manifest = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  terminationGracePeriodSeconds: 30\n  containers:\n  - name: c\n    \
         image: busybox:1.28\n    command: [sh, -c, 'until test -f /started; do sleep 0.1; done; echo started; sleep 600']\n    \
         env: [{name: NAME, value: expanded}]\n    lifecycle:\n      postStart: {exec: {command: [sh, -c, 'echo $0 >/started', $(NAME)]}}\n      \
         preStop: {exec: {command: [sh, -c, 'cat /started >/dev/termination-log']}}\n";
    let ran = Place::with_images().run(manifest, &["--timeout", "20s"]);
    assert_eq!(ran.output_of("c"), ["started"], "{}", ran.stderr);
    assert_eq!(
        ran.terminated("c")["message"],
        "$(NAME)\n",
        "E4: nothing is expanded: {}",
        ran.stderr
    );
    assert_eq!(ran.container("c")["restartCount"], 0);
}

#[test]
fn e4_a_command_that_exits_with_another_code_than_0_fails_its_hook() {
    let manifest = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  restartPolicy: Never\n  containers:\n  - name: c\n    \
         image: busybox:1.28\n    command: [sleep, '600']\n    lifecycle: {postStart: {exec: {command: [sh, -c, 'echo secret; exit 3']}}}\n";
    let ran = Place::with_images().run(manifest, &["--timeout", "120s"]);
    assert_eq!(ran.phase(), "Failed", "{}", ran.stderr);
    assert!(ran.shows("PostStartHook failed"), "{}", ran.stderr);
    assert!(
        !ran.output_of("c")
            .iter()
            .any(|line| line.contains("secret")),
        "E1"
    );
}

#[test]
fn e2_the_toolbox_is_compiled_before_a_container_with_hooks_counts_as_started() {
    let place = Place::new();
    // A toolbox that nobody has run yet: the same in another file would be known by its content.
    let code = place.data_dir().join("cache/code");
    std::fs::remove_file(&code).expect("the one of all tests");
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  terminationGracePeriodSeconds: 30\n  containers:\n  - name: c\n    \
               image: SLEEPY\n    args: [\"600000\"]\n    lifecycle: {preStop: {exec: {command: [sh, -c, 'echo x']}}}\n";
    let file = place.file("p.yaml", &pod.replace("SLEEPY", &image("sleepy")));
    let (file, toolbox) = (file.display().to_string(), image("busybox"));
    let running = Running::start(&place, &["--toolbox", &toolbox, &file]);
    running.wait_for("{c}: Container started");
    let compiled = |folder: &std::path::Path| -> usize {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let files = entries.flat_map(|folder| std::fs::read_dir(folder.path()));
        files.flatten().flatten().count()
    };
    assert_eq!(
        compiled(&code),
        2,
        "the container's program and the toolbox"
    );
}

/// A sidecar that stays, with these hooks.
fn sidecar(name: &str, hooks: &str) -> String {
    format!(
        "  - {{name: {name}, restartPolicy: Always, image: {}, lifecycle: {{{hooks}}}}}\n",
        stays().replace('\n', ",")
    )
}

// conformance: [sig-node] Container Lifecycle Hook when create a pod with lifecycle hook should execute {poststart|prestop} https hook properly (lifecycle_hook.go)
// conformance: [sig-node] Restartable Init Container Lifecycle Hook when create a pod with lifecycle hook should execute {poststart|prestop} {exec|http|https} hook properly (lifecycle_hook.go)
// conformance: [sig-node] Lifecycle sleep action zero value when create a pod with lifecycle hook using sleep action with a duration of zero seconds prestop hook using sleep action with zero duration (lifecycle_hook.go)
#[test]
fn e5_e6_e9_hooks_of_sidecars_over_https_and_a_sleep_of_no_time() {
    let get = |scheme: &str, port: u16, what: &str| {
        format!("{{httpGet: {{scheme: {scheme}, port: {port}, path: /{what}}}}}")
    };
    let both = |scheme, port, name: &str| {
        let (start, stop) = (format!("{name}-started"), format!("{name}-stopped"));
        format!(
            "postStart: {}, preStop: {}",
            get(scheme, port, &start),
            get(scheme, port, &stop)
        )
    };
    let tls = format!(
        "  - name: tls\n    restartPolicy: Always\n    image: {}\n    args: [--listen, \"0.0.0.0:8443\", --upstream, \"127.0.0.1:8080\"]\n    \
         startupProbe: {{httpGet: {{scheme: HTTPS, port: 8443}}, periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 60}}\n",
        image("tls-proxy")
    );
    let shell = format!(
        "  - name: shell\n    restartPolicy: Always\n    image: {}\n    command: [sh, -c, 'until test -f /started; do sleep 0.1; done; echo started; sleep 600']\n    \
         lifecycle: {{postStart: {{exec: {{command: [sh, -c, 'echo yes >/started']}}}}, preStop: {{exec: {{command: [sh, -c, 'cat /started >/dev/termination-log']}}}}}}\n",
        image("busybox")
    );
    let sidecars = [
        tls,
        shell,
        sidecar("http", &both("HTTP", 8080, "http")),
        sidecar("https", &both("HTTPS", 8443, "https")),
        sidecar("zero", "preStop: {sleep: {seconds: 0}}"),
        "  containers:".to_owned(),
    ];
    let manifest = pod("", &stays(), &both("HTTPS", 8443, "main"));
    let manifest = manifest.replacen("  containers:", &sidecars.concat(), 1);
    let ran = run(&manifest, "40s");
    for name in ["http", "https", "main"] {
        for moment in ["started", "stopped"] {
            assert!(
                asked(&ran, &format!("/{name}-{moment}")),
                "{name} {moment}: {}",
                ran.stderr
            );
        }
    }
    assert!(!ran.shows("LifecycleHTTPFallback"), "{}", ran.stderr);
    assert!(
        !ran.shows("PostStartHook failed") && !ran.shows("PreStopHook failed"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.output_of("shell"), ["started"]);
    assert_eq!(ran.terminated("shell")["message"], "yes\n");
    assert_eq!(ran.terminated("zero")["exitCode"], 143);
}
