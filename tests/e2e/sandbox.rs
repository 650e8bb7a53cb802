//! What a container is given and what it is not.

use crate::harness::{Place, guest};

fn image(name: &str) -> String {
    guest(name).display().to_string()
}

/// Runs `files` with these operations in a container with these mounts; gives what it printed.
fn files(
    place: &Place,
    volumes: &str,
    mounts: &str,
    extra: &str,
    operations: &[&str],
) -> Vec<String> {
    let args: Vec<String> = operations.iter().map(|o| format!("{o:?}")).collect();
    let ran = place.run(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  volumes: [{volumes}]\n  \
             containers:\n  - {{name: c, image: {}, args: [{}], volumeMounts: [{mounts}]{extra}}}",
            image("files"),
            args.join(", ")
        ),
        &[],
    );
    assert!(ran.stdout.contains("\"phase\""), "{}", ran.stderr);
    ran.output_of("c")
}

#[test]
fn nothing_of_the_machine_leaks_in() {
    let place = Place::new();
    let ran = place.run(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  hostname: web\n  \
             hostAliases: [{{ip: 1.2.3.4, hostnames: [a, b]}}]\n  containers:\n  \
             - {{name: env, image: {}, env: [{{name: A, value: one}}, {{name: B, value: $(A)+}}], args: [$(B), $$(A)]}}\n  \
             - {{name: net, image: {}}}\n  - {{name: root, image: {}, args: [ls, /, read, /etc/hostname, read, /etc/hosts, ls, /proc, ls, /tmp]}}",
            image("env"),
            image("std-net"),
            image("files")
        ),
        &[],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert_eq!(
        ran.output_of("env"),
        [
            "env A=one",
            "env B=one+",
            "env HOSTNAME=web",
            "arg 0 env",
            "arg 1 one+",
            "arg 2 $(A)",
            "cwd /"
        ],
        "H2, H3: the pod's own environment and nothing else"
    );
    assert_eq!(
        ran.output_of("net"),
        [
            "tcp bind 127.0.0.1:0: ok 127.0.0.1:32768",
            "tcp connect 127.0.0.1:80: ConnectionRefused (Connection refused (os error 14))",
            "udp bind 127.0.0.1:0: ok 127.0.0.1:32768",
            "look up localhost: ok Some(127.0.0.1:80)",
        ],
        "the pod's own loopback, not the machine's"
    );
    let root = ran.output_of("root").join("\n");
    assert!(
        root.contains("web") && root.contains("1.2.3.4\ta\tb"),
        "H9, H10: {root}"
    );
    assert!(!root.contains("home") && !root.contains("usr"), "{root}");
}

#[test]
fn g2_an_empty_dir_is_shared_and_survives_a_restart() {
    let place = Place::new();
    let ran = place.run(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: OnFailure\n  \
             volumes: [{{name: v, emptyDir: {{}}}}]\n  initContainers:\n  \
             - {{name: i, image: {files}, args: [write, /in/x, hi], volumeMounts: [{{name: v, mountPath: /in}}]}}\n  containers:\n  \
             - {{name: c, image: {flaky}, args: [/v/runs, \"1\", \"0\"], volumeMounts: [{{name: v, mountPath: /v}}]}}\n  \
             - {{name: d, image: {files}, args: [read, /data/x], volumeMounts: [{{name: v, mountPath: /data}}]}}",
            files = image("files"),
            flaky = image("flaky")
        ),
        &["--backoff-base", "10ms"],
    );
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert_eq!(ran.container("c")["restartCount"], 1);
    let run = place.data_dir().join("run");
    let left = std::fs::read_dir(run).expect("made").flatten();
    let left = left.filter(|entry| entry.path().is_dir()).count();
    assert_eq!(left, 0, "F7: an emptyDir's data dies with the pod");
}

#[test]
fn g13_read_only_mounts_and_roots_refuse_writes() {
    let place = Place::new();
    let printed = files(
        &place,
        "{name: v, emptyDir: {}}",
        "{name: v, mountPath: /ro, readOnly: true}, {name: v, mountPath: /rw}",
        ", securityContext: {readOnlyRootFilesystem: true}",
        &[
            "write",
            "/rw/x",
            "hi",
            "read",
            "/ro/x",
            "write",
            "/ro/x",
            "no",
            "mkdir",
            "/ro/d",
            "rm",
            "/ro/x",
            "write",
            "/y",
            "no",
            "mkdir",
            "/d",
            "write",
            "/dev/termination-log",
            "bye",
        ],
    );
    let ok: Vec<bool> = printed.iter().map(|line| line.contains(": ok")).collect();
    assert_eq!(
        ok,
        [true, true, false, false, false, false, false, true],
        "{printed:#?}"
    );
}

#[test]
fn no_symlink_or_dot_dot_gets_out_of_a_volume() {
    let place = Place::new();
    let volume = place.path().join("volume");
    std::fs::create_dir(&volume).expect("made");
    std::fs::write(place.path().join("secret"), "of the machine").expect("written");
    std::os::unix::fs::symlink("../secret", volume.join("up")).expect("linked");
    std::os::unix::fs::symlink(place.path().join("secret"), volume.join("absolute"))
        .expect("linked");
    std::os::unix::fs::symlink("/etc", volume.join("etc")).expect("linked");
    let printed = files(
        &place,
        "{name: v, hostPath: {path: ./volume, type: Directory}}",
        "{name: v, mountPath: /v}",
        "",
        &[
            "read",
            "/v/up",
            "read",
            "/v/absolute",
            "read",
            "/v/etc/passwd",
            "read",
            "/v/../../secret",
            "write",
            "/v/up",
            "no",
            "ls",
            "/v/etc",
        ],
    );
    assert!(
        !printed.iter().any(|line| line.contains(": ok")),
        "{printed:#?}"
    );
    assert!(
        !printed.join("\n").contains("of the machine"),
        "{printed:#?}"
    );
    assert_eq!(
        std::fs::read_to_string(place.path().join("secret")).expect("read"),
        "of the machine"
    );
}

#[test]
fn g11_sub_paths_hold_and_g3_host_paths_are_the_machines_own() {
    let place = Place::new();
    std::fs::create_dir_all(place.path().join("volume/a/b")).expect("made");
    let printed = files(
        &place,
        "{name: v, hostPath: {path: ./volume}}",
        "{name: v, mountPath: /b, subPath: a/b}, {name: v, mountPath: /new, subPath: made/deep}",
        "",
        &[
            "write",
            "/b/x",
            "hi",
            "write",
            "/new/y",
            "hi",
            "read",
            "/b/../../secret",
            "read",
            "/b/../../../etc/passwd",
        ],
    );
    assert!(place.path().join("volume/a/b/x").exists(), "{printed:#?}");
    assert!(
        place.path().join("volume/made/deep/y").exists(),
        "{printed:#?}"
    );
    let out: Vec<_> = printed.iter().filter(|line| line.contains("..")).collect();
    assert!(
        out.iter().all(|line| !line.contains(": ok")),
        "{printed:#?}"
    );
}

#[test]
fn a_sub_path_through_a_planted_link_is_a_config_error() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("volume")).expect("made");
    std::os::unix::fs::symlink("/etc", place.path().join("volume/out")).expect("linked");
    let ran = place.run(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  \
             volumes: [{{name: v, hostPath: {{path: ./volume}}}}]\n  containers:\n  \
             - {{name: c, image: {}, volumeMounts: [{{name: v, mountPath: /v, subPath: out}}]}}",
            image("hello")
        ),
        &["--timeout", "500ms"],
    );
    assert_eq!(ran.code, 124);
    assert!(
        ran.shows("failed to prepare subPath for volumeMount \"v\" of container \"c\""),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_long_line_stays_one_line_and_a_deep_tree_is_removed() {
    let place = Place::with_images();
    let file = place.file(
        "pod.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  restartPolicy: Never\n  volumes: [{name: v, emptyDir: {}}]\n  containers:\n  \
         - name: c\n    image: busybox:1.28\n    volumeMounts: [{name: v, mountPath: /v}]\n    \
         command: [sh, -c, 'yes long | head -n 10000 | tr -d \"\\n\"; echo; p=/v; while [ ${#p} -lt 3500 ]; do p=$p/d; done; mkdir -p $p; echo made']\n",
    );
    let ran = place.peapod(&["run", file.to_str().expect("plain")]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert_eq!(
        (lines[0].len(), lines[1]),
        (40_000, "made"),
        "{}",
        ran.stderr
    );
    let left = std::fs::read_dir(place.data_dir().join("run")).expect("made");
    let left = left.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir()));
    assert_eq!(left.count(), 0);
}

#[test]
fn what_still_runs_when_the_first_process_ends_goes_with_it() {
    let place = Place::with_images();
    let ran = place.run(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  restartPolicy: Never\n  containers:\n  \
         - name: c\n    image: busybox:1.28\n    command: [sh, -c, '(while :; do sleep 1000 & done) & sleep 0.3; echo over']\n",
        &["--timeout", "60s"],
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let printed = ran.output_of("c");
    assert!(printed.iter().any(|line| line == "over"), "{printed:#?}");
}

#[test]
fn stdin_is_closed_and_streams_are_kept_apart() {
    let place = Place::new();
    let file = place.file(
        "pod.yaml",
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  containers:\n  \
             - {{name: c, image: {}}}\n  - {{name: t, image: {}}}",
            image("cat-stdin"),
            image("trap")
        ),
    );
    let ran = place.peapod(&["run", file.to_str().expect("plain")]);
    assert!(ran.stderr.contains("p/c | 0 bytes\n"), "{}", ran.stderr);
    assert!(
        ran.stdout.contains("p/t | about to trap\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("wasm trap") && !ran.stdout.contains("wasm trap"));
}

#[test]
fn components_for_0_3_core_modules_and_text_run_too() {
    let place = Place::new();
    let wat = place.file("answer.wat", include_str!("answer.wat"));
    let ran = place.run(
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n  containers:\n  \
             - {{name: p3, image: {}}}\n  - {{name: p1, image: {}, args: [a, b]}}\n  - {{name: text, image: {}}}",
            image("p3-hello"),
            image("preview1"),
            wat.display()
        ),
        &[],
    );
    assert!(
        ran.output_of("p3")
            .iter()
            .any(|line| line.contains("WASI 0.3")),
        "{}",
        ran.stderr
    );
    assert!(
        ran.output_of("p1")
            .iter()
            .any(|line| line.contains("preview1")),
        "{}",
        ran.stderr
    );
    assert_eq!(
        ran.terminated("p1")["exitCode"],
        2,
        "a module's own exit code, not 1 for every failure"
    );
    assert_eq!(ran.terminated("text")["exitCode"], 42);
}
