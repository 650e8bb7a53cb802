//! configMap volumes, as a cluster's own tests hold them to it.
//!
//! Left out: the cases "as non-root" and "with FSGroup", for a component has no user. That an immutable object cannot be changed is for an API
//! server to say; here stands what a pod sees of it.

use crate::host::{Host, pod, until};
use crate::volume_keys::{self as keys, Of};

// conformance: [sig-storage] ConfigMap should be consumable from pods in volume (configmap_volume.go)
#[test]
fn g7_every_key_is_a_file() {
    keys::is_consumable(Of::ConfigMap);
}

// conformance: [sig-storage] ConfigMap should be consumable from pods in volume with defaultMode set (configmap_volume.go)
#[test]
fn g6_files_have_the_default_mode() {
    keys::default_mode(Of::ConfigMap);
}

// conformance: [sig-storage] ConfigMap should be consumable from pods in volume with mappings (configmap_volume.go)
#[test]
fn g7_items_choose_and_rename() {
    keys::mappings(Of::ConfigMap);
}

// conformance: [sig-storage] ConfigMap should be consumable from pods in volume with mappings and Item mode set (configmap_volume.go)
#[test]
fn g6_an_item_may_have_its_own_mode() {
    keys::item_mode(Of::ConfigMap);
}

// conformance: [sig-storage] ConfigMap should be consumable in multiple volumes in the same pod (configmap_volume.go)
#[test]
fn g7_one_map_may_be_several_volumes() {
    keys::several_volumes(Of::ConfigMap);
}

// conformance: [sig-storage] ConfigMap updates should be reflected in volume (configmap_volume.go)
#[test]
fn g8_updates_reach_running_containers() {
    keys::updates(Of::ConfigMap);
}

// conformance: [sig-storage] ConfigMap optional updates should be reflected in volume (configmap_volume.go)
#[test]
fn g7_optional_maps_come_change_and_go() {
    keys::optional_updates(Of::ConfigMap);
}

#[test]
fn g8_an_immutable_map_is_not_watched() {
    keys::immutable(Of::ConfigMap);
}

// conformance: [sig-storage] ConfigMap binary data should be reflected in volume (configmap_volume.go)
#[test]
fn g7_binary_data_is_a_file_like_any_other() {
    let host = Host::start();
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {text: hello}\nbinaryData: {blob: 3q2+7w==}\n---\n";
    let volume = Of::ConfigMap.volume("v", "web", "", "");
    let mount = ", {name: v, mountPath: /v}";
    let pod = pod(
        "p",
        &volume,
        mount,
        "cat /v/text; echo; cp /v/blob /out/blob",
    );
    host.apply(&(map.to_owned() + &pod));
    assert_eq!(host.succeeded("p"), "hello\n");
    let blob = std::fs::read(host.path().join("out/blob")).expect("copied");
    assert_eq!(blob, [0xde, 0xad, 0xbe, 0xef]);
}

#[test]
fn g8_a_sub_path_never_updates_while_the_volume_does() {
    let host = Host::start();
    let volume = Of::ConfigMap.volume("v", "web", "", "");
    let mounts = ", {name: v, mountPath: /v}, {name: v, mountPath: /etc/one, subPath: one}";
    let script = crate::host::showing("seen", "cat /v/one /etc/one");
    host.apply(&(Of::ConfigMap.object("web", "one: a") + &pod("p", &volume, mounts, &script)));
    host.wait_for("seen", "aa");
    let changed = std::time::Instant::now();
    host.apply(&Of::ConfigMap.object("web", "one: b"));
    host.wait_for("seen", "ba");
    println!("seen by a running container after {:?}", changed.elapsed());
}

#[test]
fn g1_a_pod_waits_with_events_until_its_map_appears() {
    let mut host = Host::start();
    let volume = Of::ConfigMap.volume("v", "web", "", "");
    let mount = ", {name: v, mountPath: /v}";
    host.apply(&pod("p", &volume, mount, "cat /v/one"));
    let words = "MountVolume.SetUp failed for volume \"v\" : configmap \"web\" not found";
    until("the event", || host.told("FailedMount", words));
    let status = host.status("p").expect("published");
    assert_eq!(status.phase, peapod::model::Phase::Pending);
    host.apply(&Of::ConfigMap.object("web", "one: here"));
    assert_eq!(host.succeeded("p"), "here");
}

#[test]
fn g8_files_that_can_no_longer_be_made_stay_and_are_told_once() {
    let mut host = Host::start();
    let volume = Of::ConfigMap.volume("v", "web", ", items: [{key: one, path: one}]", "");
    let mount = ", {name: v, mountPath: /v}";
    let script = crate::host::showing("seen", "cat /v/one");
    host.apply(&(Of::ConfigMap.object("web", "one: a") + &pod("p", &volume, mount, &script)));
    host.wait_for("seen", "a");
    host.apply(&Of::ConfigMap.object("web", "two: b"));
    let words = "configmap references non-existent config key: one";
    until("the event", || host.told("FailedMount", words));
    assert_eq!(host.out("seen"), "a");
    host.apply(&Of::ConfigMap.object("web", "one: c"));
    host.wait_for("seen", "c");
    assert!(!host.told("FailedMount", words));
}
