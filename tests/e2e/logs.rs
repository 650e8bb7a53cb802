//! Logs on disk, `peapod logs`, termination messages and events (rules B15, L12, L13, M1 to M3).

use std::path::PathBuf;
use std::process::{Child, Stdio};

use crate::harness::{Place, Ran, guest, text, until};

/// A pod `p` whose only container `c` is a shell that runs this.
fn shell(script: &str, policy: &str, extra: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: {policy}\n  containers:\n  \
         - {{name: c, image: {}, command: [sh, -c, {script:?}]{extra}}}",
        guest("busybox").display()
    )
}

/// Several containers, each a shell.
fn shells(containers: &[(&str, &str)]) -> String {
    let busybox = guest("busybox").display().to_string();
    let containers: Vec<_> = containers
        .iter()
        .map(|(name, script)| {
            format!("  - {{name: {name}, image: {busybox}, command: [sh, -c, {script:?}]}}\n")
        })
        .collect();
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  containers:\n{}",
        containers.concat()
    )
}

/// The folder of the pod's container.
fn folder(place: &Place, ran: &Ran, container: &str) -> PathBuf {
    let uid = text(&ran.object()["metadata"]["uid"]);
    let pod = format!("logs/default_p_{uid}");
    place.data_dir().join(pod).join(container)
}

fn names(folder: &PathBuf) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("one").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

/// `peapod run` in the background.
fn start(place: &Place, manifest: &str, args: &[&str]) -> Child {
    let file = place.file("background.yaml", manifest);
    let file = file.to_str().expect("a plain path");
    let args = [&["run", file][..], args].concat();
    let mut command = place.command(&args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("peapod runs")
}

// conformance: [sig-node] Kubelet when scheduling a busybox command in a pod should print the output to logs (kubelet.go)
#[test]
fn l12_what_a_container_wrote_is_there_after_the_run() {
    let place = Place::new();
    let ran = place.run(
        &shell("echo Hello World; echo oops >&2; printf DONE", "Never", ""),
        &[],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    let logs = place.peapod(&["logs", "p"]);
    assert_eq!(logs.code, 0, "{}", logs.stderr);
    assert_eq!(logs.stdout, "Hello World\noops\nDONE");
    assert_eq!(logs.stderr, "", "no choice, no note");
    let tail = place.peapod(&["logs", "p", "c", "--tail", "1", "--timestamps", "--prefix"]);
    let line = tail
        .stdout
        .strip_prefix("[pod/p/c] 20")
        .expect("the prefix first");
    assert!(line.ends_with("Z DONE"), "{line}");
}

// conformance: [sig-node] ContainerLogPath Pod with a container printed log to stdout should print log to correct log path (log_path_test.go)
#[test]
fn the_files_are_where_a_kubelet_has_them_and_as_a_container_runtime_writes_them() {
    let place = Place::new();
    let ran = place.run(&shell("echo out; echo err >&2", "Never", ""), &[]);
    let folder = folder(&place, &ran, "c");
    assert_eq!(names(&folder), ["0.log"]);
    let file = std::fs::read_to_string(folder.join("0.log")).expect("read");
    let lines: Vec<Vec<&str>> = file.lines().map(|line| line.split(' ').collect()).collect();
    assert_eq!(lines[0][1..], ["stdout", "F", "out"], "{file}");
    assert_eq!(lines[1][1..], ["stderr", "F", "err"], "{file}");
    assert_eq!(lines[0][0].len(), "2026-01-31T12:00:00.000000000Z".len());
}

// conformance: [sig-node] ContainerLogRotation when a container generates a lot of log should be rotated and limited to a fixed amount of files (container_log_rotation_test.go)
#[test]
fn a_lot_of_output_is_rotated_and_limited_to_so_many_files() {
    let place = Place::new();
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  containers:\n  \
         - {{name: c, image: {}, args: [\"2\"]}}",
        guest("flood").display()
    );
    let ran = place.run(
        &manifest,
        &["--log-max-size", "256Ki", "--log-max-files", "3"],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    let folder = folder(&place, &ran, "c");
    let files = names(&folder);
    assert_eq!(files.len(), 3, "{files:?}");
    for file in &files {
        let len = std::fs::metadata(folder.join(file)).expect("there").len();
        assert!(len <= 256 << 10, "{file}: {len}");
    }
    let logs = place.peapod(&["logs", "p"]).stdout;
    let last = 2 * 1024 * 1024 / 64 - 1;
    assert!(logs.ends_with(&format!("{last:063}\n")));
    let first = last + 1 - logs.lines().count();
    let lines = logs.lines().zip(first..);
    assert!(lines.clone().count() > 3000);
    for (line, number) in lines {
        assert_eq!(
            line,
            format!("{number:063}"),
            "no line torn or lost between files"
        );
    }
}

#[test]
fn logs_are_followed_across_restarts_until_the_pod_is_over() {
    let place = Place::new();
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: OnFailure\n  volumes: [{{name: v, emptyDir: {{}}}}]\n  \
         containers:\n  - name: c\n    image: {}\n    volumeMounts: [{{name: v, mountPath: /v}}]\n    \
         command: [sh, -c, 'echo x >> /v/runs; n=$(wc -l < /v/runs); echo run $n begins; sleep 0.3; echo run $n ends; [ $n -ge 3 ]']",
        guest("busybox").display()
    );
    let mut run = start(&place, &manifest, &["--backoff-base", "100ms"]);
    until("its first line", || {
        place.peapod(&["logs", "p"]).stdout.starts_with("run ")
    });
    let logs = place.peapod(&["logs", "-f", "p"]);
    let status = run.wait().expect("it ends");
    assert_eq!(logs.code, 0, "{}", logs.stderr);
    assert!(status.success());
    let lines: Vec<String> = logs
        .stdout
        .lines()
        .map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let all: Vec<String> = (1..=3)
        .flat_map(|n| [format!("run {n} begins"), format!("run {n} ends")])
        .collect();
    assert!(
        lines.len() >= 2 && all.ends_with(&lines),
        "from the instance it began with to the last line, nothing left out: {lines:?}"
    );
    // One dead instance is kept.
    let previous = place.peapod(&["logs", "p", "--previous"]).stdout;
    assert!(previous.contains("2 ends"), "{previous}");
    let uid = std::fs::read_dir(place.data_dir().join("logs"))
        .expect("a folder")
        .map(|entry| entry.expect("one").path())
        .find(|path| path.join("c").exists())
        .expect("the pod's");
    assert_eq!(names(&uid.join("c")), ["1.log", "2.log"]);
}

#[test]
fn logs_of_a_killed_run_are_there_and_following_them_ends() {
    let place = Place::new();
    let mut run = start(&place, &shell("echo here; sleep 600", "Never", ""), &[]);
    until("its line", || {
        place.peapod(&["logs", "p"]).stdout == "here\n"
    });
    let follower = place
        .command(&["logs", "-f", "p"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("peapod runs");
    run.kill().expect("killed");
    run.wait().expect("dead");
    let followed = Ran::from(follower.wait_with_output().expect("it ends"));
    assert_eq!((followed.code, &*followed.stdout), (0, "here\n"));
    assert_eq!(place.peapod(&["logs", "p"]).stdout, "here\n");
    // The next run sweeps what is too much, the dead run's logs above all.
    place.run(&shell("true", "Never", ""), &["--log-keep-size", "1"]);
    until("the dead run's logs are gone", || {
        std::fs::read_dir(place.data_dir().join("logs"))
            .expect("a folder")
            .all(|entry| !entry.expect("one").path().join("c").exists())
    });
}

#[test]
fn l13_what_has_no_log_is_refused_as_kubectl_refuses_it() {
    let place = Place::new();
    let none = place.peapod(&["logs", "p"]);
    assert_eq!(
        (none.code, &*none.stderr),
        (2, "error: pods \"p\" not found\n")
    );
    place.run(&shells(&[("a", "echo from a"), ("b", "echo from b")]), &[]);
    for (args, error) in [
        (
            &["-c", "x"][..],
            "error: container x is not valid for pod p\n",
        ),
        (
            &["-c", "a", "-p"],
            "error: previous terminated container \"a\" in pod \"p\" not found\n",
        ),
        (&["-n", "other"], "error: pods \"p\" not found\n"),
        (
            &["--tail", "-2"],
            "error: --tail must be greater than or equal to -1\n",
        ),
    ] {
        let refused = place.peapod(&[&["logs", "p"][..], args].concat());
        assert_eq!((refused.code, &*refused.stderr), (2, error), "{args:?}");
    }
    for args in [
        &["--since", "5s", "--since-time", "2026-01-01T00:00:00Z"][..],
        &["--limit-bytes", "0"],
        &["--since-time", "yesterday"],
    ] {
        assert_eq!(place.peapod(&[&["logs", "p"][..], args].concat()).code, 2);
    }
    let defaulted = place.peapod(&["logs", "p"]);
    assert_eq!(defaulted.stdout, "from a\n");
    assert_eq!(defaulted.stderr, "Defaulted container \"a\" out of: a, b\n");
    let all = place.peapod(&["logs", "p", "--all-containers", "--prefix"]);
    assert_eq!(all.stdout, "[pod/p/a] from a\n[pod/p/b] from b\n");
    let cut = place.peapod(&["logs", "p", "-c", "b", "--limit-bytes", "6"]);
    assert_eq!(cut.stdout, "from b");
}

#[test]
fn l12_lines_without_end_of_several_containers_stay_apart() {
    let place = Place::new();
    place.run(&shells(&[("a", "printf half"), ("b", "echo b")]), &[]);
    let all = place.peapod(&["logs", "p", "--all-containers"]);
    assert_eq!(all.stdout, "half\nb\n");
    let all = place.peapod(&["logs", "p", "--all-containers", "--prefix"]);
    assert_eq!(all.stdout, "[pod/p/a] half\n[pod/p/b] b\n");
    let alone = place.peapod(&["logs", "p", "a", "--since", "0"]);
    assert_eq!(alone.stdout, "half", "no time is no limit");
}

#[test]
fn l12_what_is_no_text_comes_back_byte_by_byte() {
    let place = Place::new();
    let script = r"printf 'a\377\000\r\nb\033[1m'";
    place.run(&shell(script, "Never", ""), &[]);
    let logs = place.command(&["logs", "p"]).output().expect("peapod runs");
    assert_eq!(logs.stdout, b"a\xff\0\r\nb\x1b[1m");
}

#[test]
fn l13_a_container_that_waits_says_for_what_and_a_silent_one_has_an_empty_log() {
    let place = Place::new();
    place.run(&shell("true", "Never", ""), &[]);
    let silent = place.peapod(&["logs", "p"]);
    assert_eq!((silent.code, &*silent.stdout, &*silent.stderr), (0, "", ""));
    let missing = "apiVersion: v1\nkind: Pod\nmetadata: {name: w}\nspec:\n  containers:\n  \
                   - {name: c, image: none, imagePullPolicy: Never}";
    place.run(missing, &["--timeout", "1s"]);
    let waiting = place.peapod(&["logs", "w"]);
    assert_eq!(waiting.code, 2);
    assert!(
        waiting
            .stderr
            .starts_with("error: container \"c\" in pod \"w\" is "),
        "{}",
        waiting.stderr
    );
}

/// The termination message of a container that ran this.
fn message(place: &Place, script: &str, extra: &str) -> Option<String> {
    let ran = place.run(&shell(script, "Never", extra), &[]);
    let message = ran.terminated("c")["message"].clone();
    (!message.is_null()).then(|| text(&message))
}

const FALLBACK: &str = ", terminationMessagePolicy: FallbackToLogsOnError";

// conformance: [sig-node] Container Runtime blackbox test on terminated container should report termination message from log output if TerminationMessagePolicy FallbackToLogsOnError is set (runtime.go)
#[test]
fn b15_a_failure_without_a_message_has_the_end_of_its_log() {
    let place = Place::new();
    let found = message(&place, "printf DONE; false", FALLBACK);
    assert_eq!(found.as_deref(), Some("DONE"));
    let long = "i=0; while [ $i -lt 100 ]; do echo line $i; i=$((i+1)); done; exit 3";
    let found = message(&place, long, FALLBACK).expect("some");
    assert_eq!(found.lines().count(), 80);
    assert!(found.ends_with("line 99\n"), "{found}");
    assert_eq!(
        message(&place, "printf DONE; false", ""),
        None,
        "File is File"
    );
}

// conformance: [sig-node] Container Runtime blackbox test on terminated container should report termination message as empty when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set (runtime.go)
#[test]
fn b15_success_never_falls_back_to_the_log() {
    let place = Place::new();
    assert_eq!(message(&place, "printf DONE; true", FALLBACK), None);
}

// conformance: [sig-node] Container Runtime blackbox test on terminated container should report termination message from file when pod succeeds and TerminationMessagePolicy FallbackToLogsOnError is set (runtime.go)
#[test]
fn b15_the_file_comes_before_the_log() {
    let place = Place::new();
    let script = "printf OK > /dev/termination-log; printf DONE";
    assert_eq!(message(&place, script, FALLBACK).as_deref(), Some("OK"));
    let failing = format!("{script}; false");
    assert_eq!(message(&place, &failing, FALLBACK).as_deref(), Some("OK"));
}

// conformance: [sig-node] Container Runtime blackbox test on terminated container should report termination message if TerminationMessagePath is set as non-root user and at a non-default path (runtime.go)
#[test]
fn b15_the_message_may_stand_at_another_path_also_in_a_read_only_root() {
    let place = Place::new();
    for extra in [
        ", terminationMessagePath: /dev/termination-custom-log",
        ", terminationMessagePath: /some/deep/path, securityContext: {readOnlyRootFilesystem: true}",
    ] {
        let path = extra.split_whitespace().nth(2).expect("the path");
        let script = format!("printf DONE > {}", path.trim_end_matches(','));
        assert_eq!(
            message(&place, &script, extra).as_deref(),
            Some("DONE"),
            "{extra}"
        );
    }
}

#[test]
fn b15_a_message_in_a_volume_is_the_containers_own_and_the_volume_is_not_written() {
    let place = Place::new();
    let file = place.file("kept", "the user's\n");
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  \
         volumes: [{{name: v, hostPath: {{path: .}}}}]\n  containers:\n  \
         - {{name: c, image: {}, terminationMessagePath: /v/kept, volumeMounts: [{{name: v, mountPath: /v}}], \
         command: [sh, -c, 'cat /v/kept; printf mine > /v/kept']}}",
        guest("busybox").display()
    );
    let ran = place.run(&manifest, &[]);
    assert_eq!(ran.terminated("c")["message"], "mine", "{}", ran.stderr);
    assert!(ran.output_of("c").is_empty(), "it begins empty");
    let kept = std::fs::read_to_string(file).expect("read");
    assert_eq!(kept, "the user's\n");
}

#[test]
fn b15_a_link_in_its_place_leaks_nothing_of_the_machine() {
    let place = Place::new();
    place.file("secret", "of the machine");
    let secret = place.path().join("secret").display().to_string();
    for to in [
        &*secret,
        "/etc/passwd",
        "../../../../../../../../etc/passwd",
    ] {
        let script = format!("rm /dev/termination-log; ln -s {to} /dev/termination-log; exit 1");
        assert_eq!(message(&place, &script, ""), None, "{to}");
    }
}

// conformance: [sig-node] Events should be sent by kubelets and the scheduler about pods scheduling and running (events.go)
#[test]
fn m3_events_come_in_order_and_repeated_ones_are_counted() {
    let place = Place::new();
    let ran = place.run(
        &shell("exit 1", "OnFailure", ""),
        &["--backoff-base", "100ms", "--timeout", "3s"],
    );
    let order = ["Scheduled", "Pulled", "Created", "Started", "BackOff"];
    let at: Vec<usize> = order
        .iter()
        .map(|reason| ran.at(&format!(" {reason} ")))
        .collect();
    assert!(at.is_sorted_by(|a, b| a < b), "{}", ran.stderr);
    assert!(
        ran.shows("Successfully assigned default/p to "),
        "{}",
        ran.stderr
    );
    let started = "pod/p spec.containers{c}: Container started";
    assert!(ran.shows(&format!("{started}\n")), "{}", ran.stderr);
    assert!(ran.shows(&format!("{started} (x2)\n")), "{}", ran.stderr);
}

#[test]
fn m1_a_node_port_that_is_taken_is_an_event_of_its_service() {
    let place = Place::new();
    // Somebody else's already, in the range that Services may have.
    let (port, _taken) = (30_000..32_768)
        .find_map(|port| Some((port, std::net::TcpListener::bind(("127.0.0.1", port)).ok()?)))
        .expect("a free port");
    let service = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{type: NodePort, selector: {{app: web}}, \
         ports: [{{port: 80, nodePort: {port}}}]}}"
    );
    let manifest = [service, shell("sleep 1", "Never", "")].join("\n---\n");
    let file = place.file("both.yaml", &manifest);
    let ran = place.peapod(&["run", file.to_str().expect("a plain path")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let event = format!("Warning FailedNodePort     service/web: node port {port}: ");
    assert!(ran.shows(&event), "{}", ran.stderr);
}

#[test]
fn a_flood_is_slowed_and_kept_whole_while_nobody_is_in_a_hurry_to_read_it() {
    let place = Place::new();
    let manifest = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  containers:\n  \
         - {{name: c, image: {}, args: [\"24\"]}}",
        guest("flood").display()
    );
    let ran = place.run(&manifest, &["--log-max-size", "1Gi"]);
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    let logs = place.peapod(&["logs", "p"]).stdout;
    assert_eq!(logs.len(), 24 << 20);
    assert!(logs.ends_with(&format!("{:063}\n", (24 << 20) / 64 - 1)));
}
