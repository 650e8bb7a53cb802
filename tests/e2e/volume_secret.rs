//! secret volumes, as a cluster's own tests hold them to it.
//!
//! Left out: "as non-root with defaultMode and fsGroup set", for a component has no user. That an immutable object cannot be changed is for an
//! API server to say; here stands what a pod sees of it.

use crate::host::{Host, pod};
use crate::volume_keys::{self as keys, Of};

// conformance: [sig-storage] Secrets should be consumable from pods in volume (secrets_volume.go)
#[test]
fn g7_every_key_is_a_file() {
    keys::is_consumable(Of::Secret);
}

// conformance: [sig-storage] Secrets should be consumable from pods in volume with defaultMode set (secrets_volume.go)
#[test]
fn g6_files_have_the_default_mode() {
    keys::default_mode(Of::Secret);
}

// conformance: [sig-storage] Secrets should be consumable from pods in volume with mappings (secrets_volume.go)
#[test]
fn g7_items_choose_and_rename() {
    keys::mappings(Of::Secret);
}

// conformance: [sig-storage] Secrets should be consumable from pods in volume with mappings and Item Mode set (secrets_volume.go)
#[test]
fn g6_an_item_may_have_its_own_mode() {
    keys::item_mode(Of::Secret);
}

// conformance: [sig-storage] Secrets should be consumable in multiple volumes in a pod (secrets_volume.go)
#[test]
fn g7_one_secret_may_be_several_volumes() {
    keys::several_volumes(Of::Secret);
}

#[test]
fn g8_updates_reach_running_containers() {
    keys::updates(Of::Secret);
}

// conformance: [sig-storage] Secrets optional updates should be reflected in volume (secrets_volume.go)
#[test]
fn g7_optional_secrets_come_change_and_go() {
    keys::optional_updates(Of::Secret);
}

#[test]
fn g8_an_immutable_secret_is_not_watched() {
    keys::immutable(Of::Secret);
}

// conformance: [sig-storage] Secrets should be able to mount in a volume regardless of a different secret existing with same name in different namespace (secrets_volume.go)
#[test]
fn g14_only_the_pods_namespace_counts() {
    let host = Host::start();
    let other = Of::Secret.object("web", "one: wrong");
    let other = other.replace("name: web", "name: web, namespace: other");
    let volume = Of::Secret.volume("v", "web", "", "");
    let pod = pod("p", &volume, ", {name: v, mountPath: /v}", "cat /v/one");
    host.apply(&(other + &Of::Secret.object("web", "one: right") + &pod));
    assert_eq!(host.succeeded("p"), "right");
}

#[test]
fn g4_a_secret_is_kept_in_memory_and_goes_with_its_pod() {
    let host = Host::start();
    let volume = Of::Secret.volume("v", "web", "", "");
    let script = "cat /v/one; while true; do sleep 0.1; done";
    let pod = pod("p", &volume, ", {name: v, mountPath: /v}", script);
    host.apply(&(Of::Secret.object("web", "one: hidden") + &pod));
    host.wait_for("p", "hidden");
    let folder = host.volume("p", "v");
    if cfg!(target_os = "linux") && std::path::Path::new("/dev/shm").exists() {
        assert!(folder.starts_with("/dev/shm"), "{}", folder.display());
    }
    host.delete("p");
    assert!(!folder.exists());
}
