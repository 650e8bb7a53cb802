//! Defaults of one volume.

use k8s_openapi::api::core::v1::{DownwardAPIVolumeFile, Volume};

use super::container::selectors;
use super::{default, image, unset};

/// `0644`, as it is written in JSON.
const FILE_MODE: i32 = 0o644;

/// Fills in the defaults of one volume; one without a source is an emptyDir (G1).
pub(super) fn apply(volume: &mut Volume) {
    let named = Volume {
        name: volume.name.clone(),
        ..Volume::default()
    };
    if *volume == named {
        volume.empty_dir = Some(Default::default());
    }
    if let Some(source) = &mut volume.empty_dir {
        unset(&mut source.medium);
    }
    if let Some(source) = &mut volume.host_path {
        source.type_.get_or_insert_default();
    }
    if let Some(source) = &mut volume.config_map {
        source.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(source) = &mut volume.secret {
        source.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(source) = &mut volume.downward_api {
        source.default_mode.get_or_insert(FILE_MODE);
        source.items.iter_mut().flatten().for_each(downward);
    }
    if let Some(source) = &mut volume.projected {
        source.default_mode.get_or_insert(FILE_MODE);
        for one in source.sources.iter_mut().flatten() {
            if let Some(token) = &mut one.service_account_token {
                token.expiration_seconds.get_or_insert(60 * 60);
            }
            if let Some(api) = &mut one.downward_api {
                api.items.iter_mut().flatten().for_each(downward);
            }
        }
    }
    if let Some(source) = &mut volume.image {
        let reference = source.reference.as_deref().unwrap_or_default();
        let policy = image::pull_policy(reference);
        unset(&mut source.pull_policy);
        default(&mut source.pull_policy, policy);
    }
    if let Some(template) = volume
        .ephemeral
        .as_mut()
        .and_then(|source| source.volume_claim_template.as_mut())
    {
        template.metadata.get_or_insert_default();
        default(&mut template.spec.volume_mode, "Filesystem");
        template.spec.resources.get_or_insert_default();
    }
    network(volume);
}

/// Kinds only a cluster has. They are refused later; until then the object looks as a server would store it.
fn network(volume: &mut Volume) {
    if let Some(source) = &mut volume.iscsi {
        default(&mut source.iscsi_interface, "default");
    }
    if let Some(source) = &mut volume.rbd {
        default(&mut source.pool, "rbd");
        default(&mut source.user, "admin");
        default(&mut source.keyring, "/etc/ceph/keyring");
    }
    if let Some(source) = &mut volume.scale_io {
        default(&mut source.storage_mode, "ThinProvisioned");
        default(&mut source.fs_type, "xfs");
    }
    if let Some(source) = &mut volume.azure_disk {
        default(&mut source.caching_mode, "ReadWrite");
        default(&mut source.kind, "Shared");
        default(&mut source.fs_type, "ext4");
        source.read_only.get_or_insert(false);
    }
}

fn downward(file: &mut DownwardAPIVolumeFile) {
    selectors(file.field_ref.as_mut(), file.resource_field_ref.as_mut());
}
