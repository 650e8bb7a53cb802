//! projected volumes, as a cluster's own tests hold them to it.
//!
//! Left out: the cases "as non-root" and "with fsGroup", for a component has no user. Tokens of service accounts, trust bundles and
//! certificates of pods are refused with the manifest: there is no API server that would know them.

use crate::harness::Place;
use crate::host::{Host, pod};
use crate::volume_keys::{self as keys, Of};

// conformance: [sig-storage] Projected configMap should be consumable from pods in volume (projected_configmap.go)
#[test]
fn g7_every_key_of_a_map_is_a_file() {
    keys::is_consumable(Of::ProjectedConfigMap);
}

// conformance: [sig-storage] Projected configMap should be consumable from pods in volume with defaultMode set (projected_configmap.go)
#[test]
fn g6_files_of_a_map_have_the_default_mode() {
    keys::default_mode(Of::ProjectedConfigMap);
}

// conformance: [sig-storage] Projected configMap should be consumable from pods in volume with mappings (projected_configmap.go)
#[test]
fn g7_items_of_a_map_choose_and_rename() {
    keys::mappings(Of::ProjectedConfigMap);
}

// conformance: [sig-storage] Projected configMap should be consumable from pods in volume with mappings and Item mode set (projected_configmap.go)
#[test]
fn g6_an_item_of_a_map_may_have_its_own_mode() {
    keys::item_mode(Of::ProjectedConfigMap);
}

// conformance: [sig-storage] Projected configMap should be consumable in multiple volumes in the same pod (projected_configmap.go)
#[test]
fn g7_one_map_may_be_projected_twice() {
    keys::several_volumes(Of::ProjectedConfigMap);
}

// conformance: [sig-storage] Projected configMap updates should be reflected in volume (projected_configmap.go)
#[test]
fn g8_updates_of_a_map_reach_running_containers() {
    keys::updates(Of::ProjectedConfigMap);
}

// conformance: [sig-storage] Projected configMap optional updates should be reflected in volume (projected_configmap.go)
#[test]
fn g7_optional_maps_come_change_and_go() {
    keys::optional_updates(Of::ProjectedConfigMap);
}

// conformance: [sig-storage] Projected secret should be consumable from pods in volume (projected_secret.go)
#[test]
fn g7_every_key_of_a_secret_is_a_file() {
    keys::is_consumable(Of::ProjectedSecret);
}

// conformance: [sig-storage] Projected secret should be consumable from pods in volume with defaultMode set (projected_secret.go)
#[test]
fn g6_files_of_a_secret_have_the_default_mode() {
    keys::default_mode(Of::ProjectedSecret);
}

// conformance: [sig-storage] Projected secret should be consumable from pods in volume with mappings (projected_secret.go)
#[test]
fn g7_items_of_a_secret_choose_and_rename() {
    keys::mappings(Of::ProjectedSecret);
}

// conformance: [sig-storage] Projected secret should be consumable from pods in volume with mappings and Item Mode set (projected_secret.go)
#[test]
fn g6_an_item_of_a_secret_may_have_its_own_mode() {
    keys::item_mode(Of::ProjectedSecret);
}

// conformance: [sig-storage] Projected secret should be consumable in multiple volumes in a pod (projected_secret.go)
#[test]
fn g7_one_secret_may_be_projected_twice() {
    keys::several_volumes(Of::ProjectedSecret);
}

// conformance: [sig-storage] Projected secret optional updates should be reflected in volume (projected_secret.go)
#[test]
fn g7_optional_secrets_come_change_and_go() {
    keys::optional_updates(Of::ProjectedSecret);
}

// conformance: [sig-storage] Projected combined should project all components that make up the projection API (projected_combined.go)
#[test]
fn g10_all_sources_stand_under_one_mount_and_later_ones_win() {
    let host = Host::start();
    let objects = Of::ConfigMap.object("map", "conf: of the map, both: map")
        + &Of::Secret.object("secret", "password: hidden, both: secret");
    let volume = ", {name: v, projected: {sources: [{configMap: {name: map}}, {secret: {name: secret}}, \
                  {downwardAPI: {items: [{path: podname, fieldRef: {fieldPath: metadata.name}}]}}]}}";
    let script = "for f in conf password podname both; do cat /v/$f; echo; done";
    let pod = pod("p", volume, ", {name: v, mountPath: /v}", script);
    host.apply(&(objects + &pod));
    assert_eq!(host.succeeded("p"), "of the map\nhidden\np\nsecret\n");
}

#[test]
fn g10_what_only_a_cluster_can_project_is_refused_with_a_reason() {
    let place = Place::new();
    let ran = place.run(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  serviceAccountName: me\n  containers: [{name: c, image: x}]\n  \
         volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: token}}]}}]\n",
        &[],
    );
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert!(
        ran.shows("spec.volumes[0].projected.sources[0].serviceAccountToken"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.shows("there is no API server to take a token"),
        "{}",
        ran.stderr
    );
}
