//! subPath and subPathExpr, as a cluster's own tests hold them to it.

use peapod::model::{ContainerState, Phase};

use crate::host::{Host, pod, pod_with, until};

const OBJECTS: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: secret}\n---\n\
                       apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: map}\n---\n";

/// What a pod sees of one file of the volume, and of a whole folder of it.
fn sees(source: &str, sub_path: &str, at: &str) -> String {
    let host = Host::start();
    let volume = format!(", {{name: v, {source}}}");
    let mount = format!(", {{name: v, mountPath: {at}, subPath: {sub_path}}}");
    let script = format!("cat {at}; echo; echo x > {at} || echo G4");
    host.apply(&(OBJECTS.to_owned() + &pod("p", &volume, &mount, &script)));
    host.succeeded("p")
}

// conformance: [sig-storage] Subpath Atomic writer volumes should support subpaths with secret pod (subpath.go)
#[test]
fn g11_one_file_of_a_secret() {
    assert_eq!(
        sees("secret: {secretName: s}", "k", "/etc/k"),
        "secret\nG4\n"
    );
}

// conformance: [sig-storage] Subpath Atomic writer volumes should support subpaths with configmap pod (subpath.go)
#[test]
fn g11_one_file_of_a_config_map() {
    assert_eq!(sees("configMap: {name: m}", "k", "/etc/k"), "map\nG4\n");
}

// conformance: [sig-storage] Subpath Atomic writer volumes should support subpaths with configmap pod with mountPath of existing file (subpath.go)
#[test]
fn g11_one_file_over_another() {
    assert_eq!(sees("configMap: {name: m}", "k", "/etc/hosts"), "map\nG4\n");
}

// conformance: [sig-storage] Subpath Atomic writer volumes should support subpaths with downward pod (subpath.go)
#[test]
fn g11_one_file_of_the_downward_api() {
    let source = "downwardAPI: {items: [{path: deep/name, fieldRef: {fieldPath: metadata.name}}]}";
    assert_eq!(sees(source, "deep/name", "/name"), "p\nG4\n");
}

// conformance: [sig-storage] Subpath Atomic writer volumes should support subpaths with projected pod (subpath.go)
#[test]
fn g11_one_file_of_a_projected_volume() {
    let source = "projected: {sources: [{configMap: {name: m}}, {secret: {name: s, items: [{key: k, path: sub/k}]}}]}";
    assert_eq!(sees(source, "sub/k", "/k"), "secret\nG4\n");
}

#[test]
fn g12_an_expression_is_resolved_at_every_start() {
    let host = Host::start();
    let mount = ", {name: v, mountPath: /v}, {name: v, mountPath: /own, subPathExpr: logs/$(NAME)}";
    let env = "    env: [{name: NAME, value: mine}]\n";
    let script = "echo line > /own/log; cat /v/logs/mine/log";
    host.apply(&pod_with(
        "p",
        ", {name: v, emptyDir: {}}",
        mount,
        script,
        env,
    ));
    assert_eq!(host.succeeded("p"), "line\n");
}

#[test]
fn g12_an_expression_that_leads_away_waits_with_its_reason() {
    for (value, why) in [
        ("/etc", "error SubPath `/etc` must not be an absolute path"),
        (
            "a/../../b",
            "unable to provision SubPath `a/../../b`: must not contain '..'",
        ),
        ("", "missing value for NAME"),
    ] {
        let mut host = Host::start();
        let mount = ", {name: v, mountPath: /own, subPathExpr: $(NAME)}";
        let env = format!("    env: [{{name: NAME, value: \"{value}\"}}]\n");
        host.apply(&pod_with(
            "p",
            ", {name: v, emptyDir: {}}",
            mount,
            "true",
            &env,
        ));
        until(why, || host.told("Failed", why));
    }
}

#[test]
fn g11_a_link_that_a_container_made_leads_nowhere_else() {
    let mut host = Host::start();
    let first = pod(
        "p",
        ", {name: v, emptyDir: {}}",
        ", {name: v, mountPath: /escape, subPath: link/etc}",
        "ls /escape",
    );
    let image = crate::harness::guest("busybox").display().to_string();
    let init = format!(
        "  initContainers:\n  - name: i\n    image: {image}\n    volumeMounts: [{{name: v, mountPath: /v}}]\n    command: [sh, -c, \"ln -s ../../../../../.. /v/link\"]\n"
    );
    host.apply(&(first + &init));
    let words = "failed to prepare subPath for volumeMount \"v\" of container \"c\"";
    until("the reason", || host.told("Failed", words));
    assert_eq!(host.out("p"), "");
}

// conformance: [sig-node] Variable Expansion should verify that a failing subpath expansion can be modified during the lifecycle of a container (expansion.go)
#[test]
fn g12_a_sub_path_that_could_not_be_made_is_once_its_annotation_is_there() {
    let host = Host::start();
    let mounts = ", {name: v, mountPath: /all}, {name: v, mountPath: /sub, subPathExpr: $(NOTE)/$(POD_NAME)}";
    let env = "    env: [{name: POD_NAME, value: foo}, {name: NOTE, valueFrom: {fieldRef: {fieldPath: \"metadata.annotations['mysubpath']\"}}}]\n";
    let script = "echo written >/sub/file; cat /all/mypath/foo/file";
    host.apply(&pod_with(
        "p",
        ", {name: v, emptyDir: {}}",
        mounts,
        script,
        env,
    ));
    let waits = || {
        let status = host.status("p")?;
        match &status.mains[0].state {
            ContainerState::Waiting { reason, .. } => Some((status.phase, reason.clone())),
            ContainerState::Running { .. } | ContainerState::Terminated(_) => None,
        }
    };
    let stuck = Some((Phase::Pending, "CreateContainerConfigError".to_owned()));
    until("it cannot start", || waits() == stuck);
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(waits(), stuck);
    host.describe("p", &[], &[("mysubpath", "mypath")]);
    assert_eq!(host.succeeded("p"), "written\n");
}
