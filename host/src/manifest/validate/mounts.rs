//! `volumeMounts` and `volumeDevices` (K15–K19).

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, VolumeMount};

use super::volumes::Volumes;
use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

/// Validates the mounts and block devices of one container.
pub(super) fn check(
    path: &Path<'_>,
    container: &Container,
    volumes: &Volumes<'_>,
    faults: &mut Faults,
) {
    let list = path.field("volumeMounts");
    let devices = container.volume_devices.as_deref().unwrap_or_default();
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let mut paths = BTreeSet::new();
    for (at, mount) in mounts.iter().enumerate() {
        let path = list.index(at);
        let (name, mount_path) = (path.field("name"), path.field("mountPath"));
        if mount.name.is_empty() {
            faults.required(&name, "");
        }
        if volumes.get(&mount.name).is_none() {
            faults.not_found(&name, &mount.name);
        }
        if mount.mount_path.is_empty() {
            faults.required(&mount_path, "");
        }
        if !paths.insert(&mount.mount_path) {
            faults.invalid(&mount_path, &mount.mount_path, "must be unique");
        }
        if devices.iter().any(|d| d.name == mount.name) {
            let message = "must not already exist in volumeDevices";
            faults.invalid(&name, &mount.name, message);
        }
        if devices.iter().any(|d| d.device_path == mount.mount_path) {
            let message = "must not already exist as a path in volumeDevices";
            faults.invalid(&mount_path, &mount.mount_path, message);
        }
        // From here on the server forgets the index.
        let sub_path = mount.sub_path.as_deref();
        forms(
            &list.field("subPath"),
            sub_path,
            text::descending_path,
            faults,
        );
        if let Some(expression) = &mount.sub_path_expr {
            if sub_path.is_some() {
                let message = "subPathExpr and subPath are mutually exclusive";
                faults.invalid(&path.field("subPathExpr"), expression, message);
            }
            let field = list.field("subPathExpr");
            forms(&field, Some(expression), text::descending_path, faults);
        }
        propagation(&list, container, mount, faults);
    }
    self::devices(path, container, volumes, faults);
}

fn propagation(list: &Path<'_>, container: &Container, mount: &VolumeMount, faults: &mut Faults) {
    let how = mount.mount_propagation.as_deref();
    if let Some(how) = how {
        let path = list.field("mountPropagation");
        faults.one_of(&path, how, &["Bidirectional", "HostToContainer", "None"]);
        let privileged = container
            .security_context
            .as_ref()
            .is_some_and(|context| context.privileged == Some(true));
        if how == "Bidirectional" && !privileged {
            faults.forbidden(
                &path,
                "Bidirectional mount propagation is available only to privileged containers",
            );
        }
    }
    if let Some(recursive) = mount.recursive_read_only.as_deref() {
        let path = list.field("recursiveReadOnly");
        if matches!(recursive, "Enabled" | "IfPossible") {
            if mount.read_only != Some(true) {
                faults.forbidden(&path, "may only be specified when readOnly is true");
            }
            if !matches!(how, None | Some("None")) {
                faults.forbidden(
                    &path,
                    "may only be specified when mountPropagation is None or not specified",
                );
            }
        }
        faults.one_of(&path, recursive, &["Disabled", "Enabled", "IfPossible"]);
    }
}

fn devices(path: &Path<'_>, container: &Container, volumes: &Volumes<'_>, faults: &mut Faults) {
    let list = path.field("volumeDevices");
    let mounts = container.volume_mounts.as_deref().unwrap_or_default();
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    for (at, device) in container.volume_devices.iter().flatten().enumerate() {
        let path = list.index(at);
        let (name, device_path) = (path.field("name"), path.field("devicePath"));
        if device.name.is_empty() {
            faults.required(&name, "");
        } else if !names.insert(&device.name) {
            faults.invalid(&name, &device.name, "must be unique");
        }
        match volumes.get(&device.name) {
            None => faults.not_found(&name, &device.name),
            Some(v) if v.persistent_volume_claim.is_none() && v.ephemeral.is_none() => faults
                .invalid(
                    &name,
                    &device.name,
                    "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode",
                ),
            Some(_) => {}
        }
        if device.device_path.is_empty() {
            faults.required(&device_path, "");
        }
        if paths.contains(&device.device_path) {
            faults.invalid(&device_path, &device.device_path, "must be unique");
        }
        if text::no_backsteps(&device.device_path).is_some() {
            let message = "can not contain backsteps ('..')";
            faults.invalid(&device_path, &device.device_path, message);
        } else {
            paths.insert(&device.device_path);
        }
        if mounts.iter().any(|m| m.name == device.name) {
            let message = "must not already exist in volumeMounts";
            faults.invalid(&name, &device.name, message);
        }
        if mounts.iter().any(|m| m.mount_path == device.device_path) {
            let message = "must not already exist as a path in volumeMounts";
            faults.invalid(&device_path, &device.device_path, message);
        }
    }
}
