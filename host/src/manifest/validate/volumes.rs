//! `spec.volumes` (K20–K25).

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::api::core::v1::{
    DownwardAPIVolumeFile, HostPathVolumeSource, KeyToPath, ProjectedVolumeSource, Volume,
};

use super::env::{field_ref, resource_ref};
use super::{forms, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;
use crate::model::Amount;

/// The volumes a mount can name: those without a fault.
pub(super) struct Volumes<'v> {
    good: HashMap<&'v str, &'v Volume>,
}

impl<'v> Volumes<'v> {
    /// The volume of that name, if there was nothing wrong with it.
    pub(super) fn get(&self, name: &str) -> Option<&'v Volume> {
        self.good.get(name).copied()
    }
}

/// Validates the volumes. One with a fault does not count as there, so mounts of it are reported too, as the server does.
pub(super) fn check<'v>(
    path: &Path<'_>,
    volumes: &'v [Volume],
    faults: &mut Faults,
) -> Volumes<'v> {
    let mut known = Volumes {
        good: HashMap::new(),
    };
    for (at, volume) in volumes.iter().enumerate() {
        let path = path.index(at);
        let before = faults.len();
        source(&path, volume, faults);
        let name = path.field("name");
        if volume.name.is_empty() {
            faults.required(&name, "");
        } else {
            forms(&name, Some(&volume.name), text::label, faults);
        }
        if known.get(&volume.name).is_some() {
            faults.duplicate(&name, &volume.name);
        }
        if faults.len() == before {
            known.good.insert(&volume.name, volume);
        }
    }
    known
}

fn source(path: &Path<'_>, volume: &Volume, faults: &mut Faults) {
    let mut sources = 0;
    // The server's order decides which of two sources is the one too many.
    let mut first = |field: &'static str, used: bool, faults: &mut Faults| {
        if !used {
            return false;
        }
        sources += 1;
        if sources > 1 {
            faults.forbidden(
                &path.field(field),
                "may not specify more than 1 volume type",
            );
        }
        sources == 1
    };
    if first("emptyDir", volume.empty_dir.is_some(), faults) {
        let limit = volume
            .empty_dir
            .as_ref()
            .and_then(|s| s.size_limit.as_ref());
        let limit = limit.and_then(|limit| Amount::parse(&limit.0).ok());
        if limit.is_some_and(Amount::is_negative) {
            faults.forbidden(
                &path.field("emptyDir").field("sizeLimit"),
                "SizeLimit field must be a valid resource quantity",
            );
        }
    }
    if let Some(source) = &volume.host_path
        && first("hostPath", true, faults)
    {
        host_path(&path.field("hostPath"), source, faults);
    }
    for (field, used) in [
        ("gitRepo", volume.git_repo.is_some()),
        ("gcePersistentDisk", volume.gce_persistent_disk.is_some()),
        (
            "awsElasticBlockStore",
            volume.aws_elastic_block_store.is_some(),
        ),
    ] {
        first(field, used, faults);
    }
    if let Some(source) = &volume.secret
        && first("secret", true, faults)
    {
        let path = path.field("secret");
        let name = source.secret_name.as_deref().unwrap_or_default();
        if name.is_empty() {
            faults.required(&path.field("secretName"), "");
        }
        mode(&path.field("defaultMode"), source.default_mode, faults);
        items(&path.field("items"), source.items.as_deref(), faults);
    }
    if let Some(source) = &volume.nfs
        && first("nfs", true, faults)
    {
        let path = path.field("nfs");
        if source.server.is_empty() {
            faults.required(&path.field("server"), "");
        }
        if source.path.is_empty() {
            faults.required(&path.field("path"), "");
        }
        if !source.path.starts_with('/') {
            faults.invalid(
                &path.field("path"),
                &source.path,
                "must be an absolute path",
            );
        }
    }
    for (field, used) in [
        ("iscsi", volume.iscsi.is_some()),
        ("glusterfs", volume.glusterfs.is_some()),
        ("flocker", volume.flocker.is_some()),
    ] {
        first(field, used, faults);
    }
    if let Some(source) = &volume.persistent_volume_claim
        && first("persistentVolumeClaim", true, faults)
        && source.claim_name.is_empty()
    {
        let path = path.field("persistentVolumeClaim");
        faults.required(&path.field("claimName"), "");
    }
    for (field, used) in [
        ("rbd", volume.rbd.is_some()),
        ("cinder", volume.cinder.is_some()),
        ("cephfs", volume.cephfs.is_some()),
        ("quobyte", volume.quobyte.is_some()),
    ] {
        first(field, used, faults);
    }
    if let Some(source) = &volume.downward_api
        && first("downwardAPI", true, faults)
    {
        let path = path.field("downwardAPI");
        mode(&path.field("defaultMode"), source.default_mode, faults);
        for file in source.items.iter().flatten() {
            downward(&path, file, faults);
        }
    }
    for (field, used) in [
        ("fc", volume.fc.is_some()),
        ("flexVolume", volume.flex_volume.is_some()),
    ] {
        first(field, used, faults);
    }
    if let Some(source) = &volume.config_map
        && first("configMap", true, faults)
    {
        let path = path.field("configMap");
        if source.name.is_empty() {
            faults.required(&path.field("name"), "");
        }
        mode(&path.field("defaultMode"), source.default_mode, faults);
        items(&path.field("items"), source.items.as_deref(), faults);
    }
    for (field, used) in [
        ("azureFile", volume.azure_file.is_some()),
        ("vsphereVolume", volume.vsphere_volume.is_some()),
        (
            "photonPersistentDisk",
            volume.photon_persistent_disk.is_some(),
        ),
        ("portworxVolume", volume.portworx_volume.is_some()),
        ("azureDisk", volume.azure_disk.is_some()),
        ("storageos", volume.storageos.is_some()),
    ] {
        first(field, used, faults);
    }
    if let Some(source) = &volume.projected
        && first("projected", true, faults)
    {
        projected(&path.field("projected"), source, faults);
    }
    for (field, used) in [
        ("scaleIO", volume.scale_io.is_some()),
        ("csi", volume.csi.is_some()),
        ("ephemeral", volume.ephemeral.is_some()),
    ] {
        first(field, used, faults);
    }
    if let Some(source) = &volume.image
        && first("image", true, faults)
    {
        let path = path.field("image");
        if source.reference.as_ref().is_none_or(String::is_empty) {
            faults.required(&path.field("reference"), "");
        }
        faults.one_of(
            &path.field("pullPolicy"),
            source.pull_policy.as_deref().unwrap_or_default(),
            &["Always", "IfNotPresent", "Never"],
        );
    }
}

fn host_path(path: &Path<'_>, source: &HostPathVolumeSource, faults: &mut Faults) {
    let field = path.field("path");
    if source.path.is_empty() {
        return faults.required(&field, "");
    }
    if let Some(message) = text::no_backsteps(&source.path) {
        faults.invalid(&field, &source.path, &message);
    }
    faults.one_of(
        &path.field("type"),
        source.type_.as_deref().unwrap_or_default(),
        &[
            "",
            "BlockDevice",
            "CharDevice",
            "Directory",
            "DirectoryOrCreate",
            "File",
            "FileOrCreate",
            "Socket",
        ],
    );
}

fn mode(path: &Path<'_>, mode: Option<i32>, faults: &mut Faults) {
    if let Some(mode) = mode
        && !(0..=0o777).contains(&mode)
    {
        faults.invalid(
            path,
            mode,
            "must be a number between 0 and 0777 (octal), both inclusive",
        );
    }
}

fn items(path: &Path<'_>, items: Option<&[KeyToPath]>, faults: &mut Faults) {
    for (at, item) in items.into_iter().flatten().enumerate() {
        key_to_path(&path.index(at), item, faults);
    }
}

fn key_to_path(path: &Path<'_>, item: &KeyToPath, faults: &mut Faults) {
    if item.key.is_empty() {
        faults.required(&path.field("key"), "");
    }
    if item.path.is_empty() {
        faults.required(&path.field("path"), "");
    }
    forms(
        &path.field("path"),
        Some(&item.path),
        text::file_path,
        faults,
    );
    mode(&path.field("mode"), item.mode, faults);
}

/// The path of a downward API file has no index: the server's own omission, kept because people search for its text.
fn downward(path: &Path<'_>, file: &DownwardAPIVolumeFile, faults: &mut Faults) {
    if file.path.is_empty() {
        faults.required(&path.field("path"), "");
    }
    forms(
        &path.field("path"),
        Some(&file.path),
        text::file_path,
        faults,
    );
    match (&file.field_ref, &file.resource_field_ref) {
        (Some(field), resource) => {
            let supported = [
                "metadata.annotations",
                "metadata.labels",
                "metadata.name",
                "metadata.namespace",
                "metadata.uid",
            ];
            field_ref(&path.field("fieldRef"), field, &supported, faults);
            if resource.is_some() {
                faults.invalid(
                    path,
                    "resource",
                    "fieldRef and resourceFieldRef can not be specified simultaneously",
                );
            }
        }
        (None, Some(resource)) => {
            resource_ref(&path.field("resourceFieldRef"), resource, true, faults);
        }
        (None, None) => faults.required(path, "one of fieldRef and resourceFieldRef is required"),
    }
    mode(&path.field("mode"), file.mode, faults);
}

fn projected(path: &Path<'_>, source: &ProjectedVolumeSource, faults: &mut Faults) {
    mode(&path.field("defaultMode"), source.default_mode, faults);
    let sources = path.field("sources");
    let mut paths: BTreeSet<&str> = BTreeSet::new();
    for (at, source) in source.sources.iter().flatten().enumerate() {
        let place = sources.index(at);
        let named = [
            (
                "secret",
                source
                    .secret
                    .as_ref()
                    .map(|s| (s.name.as_str(), s.items.as_deref())),
            ),
            (
                "configMap",
                source
                    .config_map
                    .as_ref()
                    .map(|s| (s.name.as_str(), s.items.as_deref())),
            ),
        ];
        for (field, projection) in named {
            let Some((name, list)) = projection else {
                continue;
            };
            let place = place.field(field);
            if name.is_empty() {
                faults.required(&place.field("name"), "");
            }
            let items = place.field("items");
            for (at, item) in list.into_iter().flatten().enumerate() {
                key_to_path(&items.index(at), item, faults);
                if !item.path.is_empty() && !paths.insert(&item.path) {
                    faults.invalid(path, name, "conflicting duplicate paths");
                }
            }
        }
        let files = source
            .downward_api
            .as_ref()
            .and_then(|api| api.items.as_ref());
        for file in files.into_iter().flatten() {
            downward(&place.field("downwardAPI"), file, faults);
            if !file.path.is_empty() && !paths.insert(&file.path) {
                faults.invalid(path, &file.path, "conflicting duplicate paths");
            }
        }
        if let Some(token) = &source.service_account_token {
            let field = place.field("serviceAccountToken");
            let field = field.field("expirationSeconds");
            let seconds = token.expiration_seconds.unwrap_or_default();
            if seconds < 10 * 60 {
                let message = "may not specify a duration less than 10 minutes";
                faults.invalid(&field, seconds, message);
            }
            if seconds > 1 << 32 {
                let message = "may not specify a duration larger than 2^32 seconds";
                faults.invalid(&field, seconds, message);
            }
            // The server tells of the token's path as if it were the volume's.
            let field = path.field("path");
            if token.path.is_empty() {
                faults.required(&field, "");
            } else {
                forms(&field, Some(&token.path), text::file_path, faults);
            }
        }
        let kinds = [
            source.secret.is_some(),
            source.config_map.is_some(),
            source.downward_api.is_some(),
            source.service_account_token.is_some(),
            source.cluster_trust_bundle.is_some(),
            source.pod_certificate.is_some(),
        ];
        if kinds.into_iter().filter(|used| *used).count() > 1 {
            let message = "may not specify more than 1 volume type per source";
            faults.forbidden(&place, message);
        }
    }
}
