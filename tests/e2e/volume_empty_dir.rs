//! emptyDir volumes, as a cluster's own tests hold them to it.
//!
//! Left out: the six cases "non-root", for a component has no user, and those of the modes 0666 and 0777, for WASI has no way to set a mode: a
//! guest's files are 0644 less the host's umask, and that is what is looked at here.

use std::os::unix::fs::PermissionsExt;

use peapod::model::{ContainerState, Phase};

use crate::host::{Host, pod, pod_with, until};

const MOUNT: &str = ", {name: v, mountPath: /v}";
const STAY: &str = "while true; do sleep 0.1; done";
const MEDIA: [&str; 2] = ["", "medium: Memory"];

fn volume(medium: &str) -> String {
    format!(", {{name: v, emptyDir: {{{medium}}}}}")
}

// conformance: [sig-storage] EmptyDir volumes volume on default medium should have the correct mode (empty_dir.go)
// conformance: [sig-storage] EmptyDir volumes volume on tmpfs should have the correct mode (empty_dir.go)
// conformance: [sig-storage] EmptyDir volumes should support (root,0644,default) (empty_dir.go)
// conformance: [sig-storage] EmptyDir volumes should support (root,0644,tmpfs) (empty_dir.go)
#[test]
fn g2_the_folder_is_for_everybody_and_takes_files() {
    for medium in MEDIA {
        let host = Host::start();
        let script = format!("echo content > /v/f; cat /v/f; {STAY}");
        host.apply(&pod("p", &volume(medium), MOUNT, &script));
        host.wait_for("p", "content\n");
        let folder = host.volume("p", "v");
        let mode = folder.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o777, "{medium}");
        assert_eq!(host.mode("p", "v", "f") & !0o022, 0o644, "{medium}");
        let in_memory = folder.starts_with("/dev/shm");
        let can = cfg!(target_os = "linux") && std::path::Path::new("/dev/shm").exists();
        assert_eq!(in_memory, can && !medium.is_empty(), "{}", folder.display());
        host.delete("p");
        assert!(!folder.exists(), "F7");
    }
}

// conformance: [sig-storage] EmptyDir volumes pod should support shared volumes between containers (empty_dir.go)
#[test]
fn g2_containers_share_it() {
    for medium in MEDIA {
        let host = Host::start();
        let reader = pod(
            "p",
            &volume(medium),
            MOUNT,
            "until cat /v/f 2>/dev/null; do sleep 0.1; done",
        );
        let image = crate::harness::guest("busybox").display().to_string();
        let writer = format!(
            "  - name: writer\n    image: {image}\n    volumeMounts: [{{name: v, mountPath: /w}}]\n    command: [sh, -c, \"echo shared > /w/.f; mv /w/.f /w/f\"]\n"
        );
        host.apply(&(reader + &writer));
        assert_eq!(host.succeeded("p"), "shared\n");
    }
}

#[test]
fn g2_it_survives_restarts_of_its_containers() {
    let host = Host::start();
    let script = "if [ -e /v/f ]; then cat /v/f; exit 0; fi; echo first > /v/f; exit 1";
    let pod = pod("p", &volume(""), MOUNT, script);
    host.apply(&pod.replace("restartPolicy: Never", "restartPolicy: OnFailure"));
    assert_eq!(host.succeeded("p"), "first\n");
    assert_eq!(host.status("p").expect("there").mains[0].restart_count, 1);
}

#[test]
fn g2_a_pod_past_its_size_limit_is_evicted() {
    let mut host = Host::start();
    let script = format!("yes | head -c 2000000 > /v/f; {STAY}");
    host.apply(&pod("p", &volume("sizeLimit: 1Mi"), MOUNT, &script));
    let status = host.ended("p");
    let message = "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ";
    assert_eq!(status.phase, Phase::Failed);
    assert_eq!(status.reason.as_deref(), Some("Evicted"));
    assert_eq!(status.message.as_deref(), Some(message));
    until("the event", || host.told("Evicted", message));
}

#[test]
fn g2_memory_is_full_at_its_size_limit_whoever_writes() {
    let host = Host::start();
    // The shell's own files, then a program's.
    let script = "yes | head -c 600000 > /v/a; cp /v/a /v/b 2> /out/copy || echo full; \
                  yes 2> /out/shell | head -c 2000000 2>> /out/shell > /v/c; wc -c < /v/c; \
                  rm /v/a /v/b /v/c; yes | head -c 1048576 > /v/d && echo room";
    host.apply(&pod(
        "p",
        &volume("medium: Memory, sizeLimit: 1Mi"),
        MOUNT,
        script,
    ));
    let said = host.succeeded("p");
    let lines: Vec<_> = said.lines().collect();
    assert!(matches!(lines.as_slice(), ["full", _, "room"]), "{said}");
    let size: u64 = lines[1].trim().parse().expect("a number");
    assert!(size < 1 << 20, "{size}");
    // All that the C library makes of a stream that fails; what it is of is told elsewhere.
    for file in ["copy", "shell"] {
        let said = host.out(file);
        assert!(said.contains("I/O error"), "{file}: {said}");
    }
}

#[test]
fn g2_j8_what_is_in_memory_counts_against_the_limit_of_who_wrote_it() {
    let host = Host::start();
    let limits = "    resources: {limits: {memory: 24Mi}}\n";
    // Twice what the container may have, but never at once; then at once.
    let script =
        "for n in 1 2 3 4; do yes | head -c 12000000 > /v/f; echo $n; rm /v/f; done; yes > /v/g";
    host.apply(&pod_with(
        "p",
        &volume("medium: Memory"),
        MOUNT,
        script,
        limits,
    ));
    let status = host.ended("p");
    assert_eq!(host.out("p"), "1\n2\n3\n4\n");
    let ContainerState::Terminated(ended) = &status.mains[0].state else {
        panic!("{status:#?}");
    };
    assert_eq!(ended.reason, "OOMKilled");
    assert_eq!(ended.exit_code, 137);
}

#[test]
fn g2_an_unknown_medium_fails_the_mount() {
    let mut host = Host::start();
    host.apply(&pod("p", &volume("medium: Tape"), MOUNT, "true"));
    let words = "unknown storage medium \"Tape\"";
    until("the event", || host.told("FailedMount", words));
}

// conformance: [sig-storage] EmptyDir wrapper volumes should not conflict (empty_dir_wrapper.go)
#[test]
fn volumes_of_every_kind_stand_beside_each_other() {
    let host = Host::start();
    let objects = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: secret}\n---\n\
                   apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: map}\n---\n";
    let volumes = ", {name: v, emptyDir: {}}, {name: s, secret: {secretName: s}}, {name: m, configMap: {name: m}}";
    let mounts =
        ", {name: s, mountPath: /v/s}, {name: m, mountPath: /v/m}, {name: v, mountPath: /v}";
    let script = "echo own > /v/own; cat /v/own /v/s/k; echo; cat /v/m/k";
    host.apply(&(objects.to_owned() + &pod("p", volumes, mounts, script)));
    assert_eq!(host.succeeded("p"), "own\nsecret\nmap", "G13: outer first");
}

// conformance: [sig-storage] EmptyDir wrapper volumes should not cause race condition when used for configmaps (empty_dir_wrapper.go)
#[test]
fn fifty_config_maps_are_mounted_without_a_race() {
    let host = Host::start();
    let mut objects = String::new();
    let (mut volumes, mut mounts) = (String::new(), String::new());
    for at in 0..50 {
        objects.push_str(&format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m{at}}}\ndata: {{k: v{at}}}\n---\n"
        ));
        volumes.push_str(&format!(", {{name: m{at}, configMap: {{name: m{at}}}}}"));
        mounts.push_str(&format!(", {{name: m{at}, mountPath: /m/{at}}}"));
    }
    host.apply(&objects);
    let pods = ["a", "b", "c", "d", "e"];
    for name in pods {
        let script = "for n in 0 7 49; do cat /m/$n/k; done; ls /m | wc -l";
        host.apply(&pod(name, &volumes, &mounts, script));
    }
    for name in pods {
        assert_eq!(host.succeeded(name), "v0v7v4950\n", "{name}");
    }
}
