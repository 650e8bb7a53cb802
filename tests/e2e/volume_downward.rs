//! downwardAPI volumes, by themselves and projected, as a cluster's own tests hold them to it.
//!
//! Left out: the two cases "as non-root with fsgroup", for a component has no user.

use peapod::machine;

use crate::host::{Host, pod, pod_with, showing};

const MOUNT: &str = ", {name: v, mountPath: /v}";
const STAY: &str = "while true; do sleep 0.1; done";

/// The volume of these items, both ways: by itself and projected.
fn both(items: &str, mode: &str) -> [String; 2] {
    [
        format!(", {{name: v, downwardAPI: {{items: [{items}]{mode}}}}}"),
        format!(
            ", {{name: v, projected: {{sources: [{{downwardAPI: {{items: [{items}]}}}}]{mode}}}}}"
        ),
    ]
}

fn field(path: &str, field: &str) -> String {
    format!("{{path: {path}, fieldRef: {{fieldPath: {field}}}}}")
}

fn resource(resource: &str, divisor: &str) -> String {
    format!(
        "{{path: value, resourceFieldRef: {{containerName: c, resource: {resource}, divisor: {divisor}}}}}"
    )
}

/// What the file says in a container of these resources.
fn value(item: &str, resources: &str) -> Vec<String> {
    let more = format!("    resources: {{{resources}}}\n");
    let volumes = both(item, "").into_iter();
    volumes
        .map(|volume| {
            let host = Host::start();
            host.apply(&pod_with("p", &volume, MOUNT, "cat /v/value", &more));
            host.succeeded("p")
        })
        .collect()
}

// conformance: [sig-storage] Downward API volume should provide podname only (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should provide podname only (projected_downwardapi.go)
#[test]
fn g9_a_file_holds_the_pods_name() {
    for volume in both(&field("podname", "metadata.name"), "") {
        let host = Host::start();
        host.apply(&pod("p", &volume, MOUNT, "cat /v/podname; echo; ls /v"));
        assert_eq!(host.succeeded("p"), "p\npodname\n");
    }
}

// conformance: [sig-storage] Downward API volume should set DefaultMode on files (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should set DefaultMode on files (projected_downwardapi.go)
// conformance: [sig-storage] Downward API volume should set mode on item file (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should set mode on item file (projected_downwardapi.go)
#[test]
fn g6_files_have_the_volumes_mode_or_their_own() {
    let items = "{path: own, mode: 0440, fieldRef: {fieldPath: metadata.name}}, {path: default, fieldRef: {fieldPath: metadata.namespace}}";
    for volume in both(items, ", defaultMode: 0400") {
        let host = Host::start();
        host.apply(&pod(
            "p",
            &volume,
            MOUNT,
            &format!("cat /v/own /v/default; {STAY}"),
        ));
        host.wait_for("p", "pdefault");
        assert_eq!(host.mode("p", "v", "own"), 0o440);
        assert_eq!(host.mode("p", "v", "default"), 0o400);
    }
}

// conformance: [sig-storage] Downward API volume should update labels on modification (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should update labels on modification (projected_downwardapi.go)
// conformance: [sig-storage] Downward API volume should update annotations on modification (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should update annotations on modification (projected_downwardapi.go)
#[test]
fn g9_labels_and_annotations_follow_their_changes() {
    let items = field("labels", "metadata.labels")
        + ", "
        + &field("notes", "metadata.annotations")
        + ", {path: one, fieldRef: {fieldPath: \"metadata.labels['app']\"}}";
    for volume in both(&items, "") {
        let host = Host::start();
        let script = showing("seen", "cat /v/labels /v/notes /v/one");
        host.apply(&pod("p", &volume, MOUNT, &script));
        host.wait_for("seen", "app=\"p\"note=\"first\"p");
        host.describe(
            "p",
            &[("app", "q"), ("tier", "web")],
            &[("note", "second\nline")],
        );
        host.wait_for("seen", "app=\"q\"\ntier=\"web\"note=\"second\\nline\"q");
    }
}

// conformance: [sig-storage] Downward API volume should provide container's cpu limit (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should provide container's cpu limit (projected_downwardapi.go)
// conformance: [sig-storage] Downward API volume should provide container's memory limit (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should provide container's memory limit (projected_downwardapi.go)
// conformance: [sig-storage] Downward API volume should provide container's cpu request (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should provide container's cpu request (projected_downwardapi.go)
// conformance: [sig-storage] Downward API volume should provide container's memory request (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should provide container's memory request (projected_downwardapi.go)
#[test]
fn g9_requests_and_limits_are_files_rounded_up_by_their_divisors() {
    let resources = "limits: {cpu: 1250m, memory: 64Mi}, requests: {cpu: 250m, memory: 32Mi}";
    for (item, expected) in [
        (resource("limits.cpu", "1m"), "1250"),
        (resource("limits.cpu", "1"), "2"),
        (resource("limits.memory", "1Mi"), "64"),
        (resource("requests.cpu", "1m"), "250"),
        (resource("requests.memory", "1"), "33554432"),
    ] {
        assert_eq!(value(&item, resources), [expected, expected], "{item}");
    }
}

// conformance: [sig-storage] Downward API volume should provide node allocatable (cpu) as default cpu limit if the limit is not set (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should provide node allocatable (cpu) as default cpu limit if the limit is not set (projected_downwardapi.go)
// conformance: [sig-storage] Downward API volume should provide node allocatable (memory) as default memory limit if the limit is not set (downwardapi_volume.go)
// conformance: [sig-storage] Projected downwardAPI should provide node allocatable (memory) as default memory limit if the limit is not set (projected_downwardapi.go)
#[test]
fn h7_without_a_limit_it_is_the_machines() {
    let place = tempfile::tempdir().expect("a folder");
    let machine = machine::allocatable(place.path());
    let cpu = machine.cpu.0.to_string();
    assert_eq!(
        value(&resource("limits.cpu", "1m"), ""),
        [cpu.as_str(), &cpu]
    );
    let memory = machine.memory.0.to_string();
    assert_eq!(
        value(&resource("limits.memory", "1"), ""),
        [memory.as_str(), &memory]
    );
}
