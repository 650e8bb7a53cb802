//! Whatever a person gets wrong: one clear line, the right status, no panic.

use crate::harness::{Place, guest};

/// Refused before anything starts: exit status 2, one line a fault, nothing on standard output.
fn refused(place: &Place, args: &[&str]) -> String {
    let ran = place.peapod(args);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert!(
        ran.stderr.lines().all(|line| line.starts_with("error: ")),
        "{}",
        ran.stderr
    );
    ran.stderr
}

fn refused_pod(text: &str) -> String {
    let place = Place::new();
    place.file("pod.yaml", text);
    refused(&place, &["run", "pod.yaml"])
}

const HEAD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n";

#[test]
fn what_is_no_yaml_is_named_with_line_and_column() {
    let text = refused_pod("apiVersion: v1\nkind: Pod\nmetadata: {name: [\n");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(
        text.contains("pod.yaml") && text.contains("line "),
        "{text}"
    );
}

#[test]
fn a_wrong_type_is_named_with_its_path() {
    let text = refused_pod(&format!(
        "{HEAD}  containers:\n  - {{name: c, image: x, command: echo}}"
    ));
    assert!(text.contains("spec.containers[0].command"), "{text}");
}

#[test]
fn an_unknown_field_is_named_with_the_nearest_known_one() {
    let text = refused_pod(&format!(
        "{HEAD}  containers:\n  - {{name: c, imagee: x}}\n  restartPolice: Never"
    ));
    assert!(
        text.contains("spec.containers[0].imagee") && text.contains("\"image\""),
        "{text}"
    );
    assert!(
        text.contains("spec.restartPolice") && text.contains("\"restartPolicy\""),
        "all at once: {text}"
    );
}

#[test]
fn k9_and_k15_are_told_together() {
    let text = refused_pod(&format!(
        "{HEAD}  containers:\n  - {{name: c, image: x}}\n  - {{name: c, image: x, volumeMounts: [{{name: v, mountPath: /v}}]}}"
    ));
    assert!(
        text.contains("spec.containers[1].name: Duplicate value: \"c\""),
        "{text}"
    );
    assert!(
        text.contains("spec.containers[1].volumeMounts[0].name: Not found: \"v\""),
        "{text}"
    );
}

#[test]
fn every_document_and_file_is_checked_before_anything_starts() {
    let place = Place::new();
    let good = format!(
        "{HEAD}  containers:\n  - {{name: c, image: {}}}\n",
        guest("hello").display()
    );
    place.file("a.yaml", &format!("{good}---\nkind: Pod\napiVersion: v1\nmetadata: {{name: Q_}}\nspec: {{containers: []}}\n"));
    place.file("b.json", "{\"kind\": \"Pod\"");
    let text = refused(&place, &["run", "a.yaml", "b.json", "none.yaml"]);
    assert!(text.contains("a.yaml: document 2, line "), "{text}");
    assert!(
        text.contains("metadata.name: Invalid value: \"Q_\""),
        "{text}"
    );
    assert!(
        text.contains("b.json") && text.contains("none.yaml"),
        "{text}"
    );
    let text = refused(&place, &["run", "."]);
    assert!(
        text.contains("document 2"),
        "a directory is all its manifests: {text}"
    );
}

#[test]
fn two_pods_of_one_name_are_refused() {
    let place = Place::new();
    let good = format!(
        "{HEAD}  containers:\n  - {{name: c, image: {}}}\n",
        guest("hello").display()
    );
    place.file("a.yaml", &good);
    place.file("b.yaml", &good);
    let text = refused(&place, &["run", "a.yaml", "b.yaml"]);
    assert!(text.contains("already exists"), "{text}");
}

#[test]
fn a_missing_image_file_and_one_that_is_no_wasm_are_refused() {
    let place = Place::new();
    place.file("text.wasm", "hello");
    place.file(
        "pod.yaml",
        &format!("{HEAD}  containers:\n  - {{name: a, image: ./missing.wasm}}\n  - {{name: b, image: text.wasm}}"),
    );
    let text = refused(&place, &["run", "pod.yaml"]);
    assert!(
        text.contains("spec.containers[0].image: ") && text.contains("missing.wasm: No such file"),
        "{text}"
    );
    assert!(
        text.contains("spec.containers[1].image: ")
            && text.contains("text.wasm: not a WebAssembly file"),
        "{text}"
    );
}

#[test]
fn a_component_with_a_foreign_import_waits_with_its_name() {
    let place = Place::new();
    let ran = place.run(
        &format!(
            "{HEAD}  restartPolicy: Never\n  containers:\n  - {{name: c, image: {}}}",
            guest("needs-missing").display()
        ),
        &["--timeout", "500ms"],
    );
    assert_eq!(ran.code, 124);
    assert!(ran.shows("acme:missing/thing"), "{}", ran.stderr);
    assert!(ran.shows("Warning Failed"), "{}", ran.stderr);
}

#[test]
fn i2_images_that_are_not_there_wait_with_the_proper_reason() {
    let place = Place::new();
    for (policy, reason, detail) in [
        (
            "Never",
            "ErrImageNeverPull",
            "Container image \"nowhere:1\" is not present with pull policy of Never",
        ),
        (
            "IfNotPresent",
            "ErrImagePull",
            "Failed to pull image \"nowhere:1\"",
        ),
        (
            "Always",
            "ErrImagePull",
            "Failed to pull image \"nowhere:1\"",
        ),
    ] {
        let ran = place.run(
            &format!("{HEAD}  containers:\n  - {{name: c, image: \"nowhere:1\", imagePullPolicy: {policy}}}"),
            &["--timeout", "300ms"],
        );
        assert_eq!(ran.code, 124);
        assert!(ran.shows(detail), "{policy}: {}", ran.stderr);
        assert!(ran.shows(reason), "{policy}: {}", ran.stderr);
        assert_eq!(ran.phase(), "Failed", "B4: deleted while Pending");
    }
}

#[test]
fn an_unwritable_data_directory_is_named() {
    let place = Place::new();
    place.file("file", "");
    place.file(
        "pod.yaml",
        &format!(
            "{HEAD}  containers:\n  - {{name: c, image: {}}}",
            guest("hello").display()
        ),
    );
    let text = refused(&place, &["run", "--data-dir", "file/x", "pod.yaml"]);
    assert!(
        text.contains("file/x") && text.lines().count() == 1,
        "{text}"
    );
}

#[test]
fn what_later_versions_will_do_is_refused_by_field() {
    let text = refused_pod(&format!(
        "{HEAD}  containers:\n  - {{name: c, image: x, securityContext: {{privileged: true}}}}\n  hostNetwork: true"
    ));
    assert!(
        text.contains("spec.containers[0].securityContext.privileged")
            && text.contains("not supported yet"),
        "{text}"
    );
    assert!(text.contains("spec.hostNetwork"), "{text}");
}

#[test]
fn validate_prints_the_defaulted_objects_or_the_servers_words() {
    let place = Place::new();
    place.file("a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}\n");
    place.file(
        "b.yaml",
        &format!("{HEAD}  containers:\n  - {{name: c, image: nowhere}}"),
    );
    let ran = place.peapod(&["validate", "a.yaml", "b.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(
        ran.stdout,
        "configmap/m valid\nservice/s valid\npod/p valid\n"
    );
    let ran = place.peapod(&["validate", "-o", "json", "b.yaml"]);
    let pod = ran.object();
    assert_eq!(
        pod["spec"]["containers"][0]["imagePullPolicy"], "Always",
        "I1"
    );
    assert_eq!(pod["spec"]["terminationGracePeriodSeconds"], 30);
    let ran = place.peapod(&["validate", "-o", "yaml", "a.yaml"]);
    assert!(ran.stdout.contains("kind: List"), "{}", ran.stdout);
    place.file(
        "bad.yaml",
        &format!("{HEAD}  containers:\n  - {{name: C, image: x}}"),
    );
    let ran = place.peapod(&["validate", "bad.yaml", "b.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(
        ran.stderr
            .contains("spec.containers[0].name: Invalid value: \"C\": a lowercase RFC 1123 label"),
        "{}",
        ran.stderr
    );
}

#[test]
fn usage_errors_are_status_2_and_help_is_0() {
    let place = Place::new();
    assert_eq!(place.peapod(&["run"]).code, 2);
    assert_eq!(place.peapod(&["run", "--timeout", "soon", "x"]).code, 2);
    assert_eq!(place.peapod(&["run", "--image", "x", "y"]).code, 2);
    assert_eq!(place.peapod(&["--help"]).code, 0);
    assert_eq!(place.peapod(&["--version"]).code, 0);
}

#[test]
fn a_publish_nobody_can_do_is_refused_before_anything_starts() {
    let place = Place::new();
    place.file(
        "pod.yaml",
        &format!("{HEAD}  containers:\n  - {{name: c, image: x, ports: [{{name: http, containerPort: 80}}, {{containerPort: 81}}]}}"),
    );
    for (publish, said) in [
        ("8080:q", "no pod \"q\" in these manifests; there is p"),
        ("8080:p", "several TCP ports: say which, 80 or 81"),
        ("8080:p:https", "no TCP port named \"https\""),
        ("8080:p/udp", "names no UDP port"),
    ] {
        let text = refused(&place, &["run", "--publish", publish, "pod.yaml"]);
        let start = format!("error: --publish {publish}: ");
        assert!(text.starts_with(&start) && text.contains(said), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
    for publish in ["0:p", "p", "8080:p:0", "1.2.3:80:p", "::1:80:p"] {
        let ran = place.peapod(&["run", "--publish", publish, "pod.yaml"]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(
            ran.stderr.contains("--publish") && ran.stderr.contains(publish),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn ranges_and_rules_that_are_none_are_refused() {
    let place = Place::new();
    place.file(
        "pod.yaml",
        &format!("{HEAD}  containers: [{{name: c, image: x}}]"),
    );
    for (flag, value) in [
        ("--pod-cidr", "10.0.0.0"),
        ("--service-cidr", "10.0.0.0/33"),
        ("--service-cidr", "10.0.0.0/30"),
        ("--egress", "some"),
    ] {
        let ran = place.peapod(&["run", flag, value, "pod.yaml"]);
        assert_eq!(ran.code, 2, "{flag}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(flag) && ran.stderr.contains(value),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn n11_services_are_checked_over_all_files_and_need_a_pod_beside_them() {
    let place = Place::new();
    let service = |name: &str, spec: &str| {
        format!("{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{{spec}}}}}")
    };
    place.file(
        "a.yaml",
        &service("a", "type: NodePort, ports: [{port: 80, nodePort: 30080}]"),
    );
    place.file(
        "b.yaml",
        &service("b", "type: NodePort, ports: [{port: 80, nodePort: 30080}]"),
    );
    place.file("c.yaml", &service("a", "ports: [{port: 80}]"));
    let text = refused(&place, &["run", "a.yaml", "b.yaml", "c.yaml"]);
    assert!(
        text.contains("b.yaml: document 1: Service \"b\": spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"),
        "{text}"
    );
    assert!(
        text.contains(
            "c.yaml: document 1: Service \"a\": metadata.name: services \"a\" already exists"
        ),
        "{text}"
    );
    let text = refused(&place, &["run", "a.yaml"]);
    assert_eq!(text, "error: no pods in these manifests\n");
}
