//! Volumes of the model.

use k8s_openapi::api::core::v1 as k8s;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::container::pull_policy;
use super::environment::resource_field;
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;
use crate::model::{
    Amount, Bytes, ContainerName, DownwardFile, DownwardValue, FileSource, Files, HostPathType,
    KeyToPath, Keys, Medium, MetaField, SizeLimit, Volume, VolumeSource,
};

/// G6: what the defaults have filled in already.
const FILE_MODE: u32 = 0o644;

/// Converts `spec.volumes`; kinds that are refused elsewhere become nothing here.
pub(super) fn volumes(
    path: &Path<'_>,
    volumes: &[k8s::Volume],
    faults: &mut Faults,
) -> Vec<Volume> {
    volumes
        .iter()
        .enumerate()
        .filter_map(|(at, volume)| {
            Some(Volume {
                name: volume.name.clone(),
                source: source(&path.index(at), volume, faults)?,
            })
        })
        .collect()
}

fn source(path: &Path<'_>, volume: &k8s::Volume, faults: &mut Faults) -> Option<VolumeSource> {
    if let Some(source) = &volume.host_path {
        return Some(VolumeSource::HostPath {
            path: source.path.clone(),
            kind: host_path_type(path, source, faults),
        });
    }
    if let Some(source) = &volume.config_map {
        let keys = keys(&source.name, source.items.as_deref(), source.optional);
        let one = vec![FileSource::ConfigMap(keys)];
        return Some(files(one, source.default_mode, false));
    }
    if let Some(source) = &volume.secret {
        let name = source.secret_name.as_deref().unwrap_or_default();
        let keys = keys(name, source.items.as_deref(), source.optional);
        let one = vec![FileSource::Secret(keys)];
        return Some(files(one, source.default_mode, true));
    }
    if let Some(source) = &volume.downward_api {
        let place = path.field("downwardAPI");
        let one = downward(&place, source.items.as_deref(), faults);
        return Some(files(vec![one], source.default_mode, true));
    }
    if let Some(source) = &volume.projected {
        let list = path.field("projected");
        let list = list.field("sources");
        let all = source.sources.iter().flatten().enumerate();
        let all = all.filter_map(|(at, one)| projection(&list.index(at), one, faults));
        return Some(files(all.collect(), source.default_mode, true));
    }
    if let Some(source) = &volume.image {
        return Some(VolumeSource::Image {
            reference: source.reference.clone().unwrap_or_default(),
            policy: pull_policy(
                &path.field("image").field("pullPolicy"),
                source.pull_policy.as_deref(),
                faults,
            ),
        });
    }
    let source = volume.empty_dir.as_ref()?;
    Some(VolumeSource::EmptyDir {
        medium: match source.medium.as_deref() {
            None | Some("") => Medium::Disk,
            Some("Memory") => Medium::Memory,
            Some(other) => Medium::Unknown(other.to_owned()),
        },
        size_limit: source.size_limit.as_ref().and_then(size_limit),
    })
}

fn files(sources: Vec<FileSource>, default_mode: Option<i32>, in_memory: bool) -> VolumeSource {
    VolumeSource::Files(Files {
        sources,
        default_mode: mode(default_mode).unwrap_or(FILE_MODE),
        in_memory,
    })
}

/// Validation holds modes to 0–0777 (rule G6).
fn mode(mode: Option<i32>) -> Option<u32> {
    mode.and_then(|mode| u32::try_from(mode).ok())
}

/// 0 is no limit (rule G2).
fn size_limit(quantity: &Quantity) -> Option<SizeLimit> {
    let amount = Amount::parse(&quantity.0).ok().filter(|a| !a.is_zero())?;
    Some(SizeLimit {
        bytes: Bytes(amount.units()?),
        text: amount.canonical(),
    })
}

fn projection(
    path: &Path<'_>,
    one: &k8s::VolumeProjection,
    faults: &mut Faults,
) -> Option<FileSource> {
    if let Some(source) = &one.config_map {
        let keys = keys(&source.name, source.items.as_deref(), source.optional);
        return Some(FileSource::ConfigMap(keys));
    }
    if let Some(source) = &one.secret {
        let keys = keys(&source.name, source.items.as_deref(), source.optional);
        return Some(FileSource::Secret(keys));
    }
    let source = one.downward_api.as_ref()?;
    let place = path.field("downwardAPI");
    Some(downward(&place, source.items.as_deref(), faults))
}

/// G7.
fn keys(name: &str, items: Option<&[k8s::KeyToPath]>, optional: Option<bool>) -> Keys {
    let item = |item: &k8s::KeyToPath| KeyToPath {
        key: item.key.clone(),
        path: item.path.clone(),
        mode: mode(item.mode),
    };
    Keys {
        name: name.to_owned(),
        // None in a list is the same as no list.
        items: items
            .filter(|items| !items.is_empty())
            .map(|items| items.iter().map(item).collect()),
        optional: optional.unwrap_or_default(),
    }
}

/// G9.
fn downward(
    path: &Path<'_>,
    items: Option<&[k8s::DownwardAPIVolumeFile]>,
    faults: &mut Faults,
) -> FileSource {
    let list = path.field("items");
    let mut all = Vec::new();
    for (at, item) in items.into_iter().flatten().enumerate() {
        let value = match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), _) => meta_field(&field.field_path).map(DownwardValue::Field),
            (None, Some(wanted)) => {
                resource_field(wanted).map(|resource| DownwardValue::Resource {
                    container: ContainerName::new(
                        wanted.container_name.as_deref().unwrap_or_default(),
                    ),
                    resource,
                })
            }
            (None, None) => None,
        };
        match value {
            Some(value) => all.push(DownwardFile {
                path: item.path.clone(),
                mode: mode(item.mode),
                value,
            }),
            None => faults.required(&list.index(at), ""),
        }
    }
    FileSource::DownwardApi(all)
}

fn meta_field(path: &str) -> Option<MetaField> {
    let key = |map: &str| {
        let key = path.strip_prefix(map)?.strip_prefix("['")?;
        key.strip_suffix("']").map(str::to_owned)
    };
    Some(match path {
        "metadata.name" => MetaField::Name,
        "metadata.namespace" => MetaField::Namespace,
        "metadata.uid" => MetaField::Uid,
        "metadata.labels" => MetaField::Labels,
        "metadata.annotations" => MetaField::Annotations,
        _ => match key("metadata.labels") {
            Some(key) => MetaField::Label(key),
            None => MetaField::Annotation(key("metadata.annotations")?),
        },
    })
}

fn host_path_type(
    path: &Path<'_>,
    source: &k8s::HostPathVolumeSource,
    faults: &mut Faults,
) -> HostPathType {
    match source.type_.as_deref().unwrap_or_default() {
        "" => HostPathType::Unset,
        "BlockDevice" => HostPathType::BlockDevice,
        "CharDevice" => HostPathType::CharDevice,
        "Directory" => HostPathType::Directory,
        "DirectoryOrCreate" => HostPathType::DirectoryOrCreate,
        "File" => HostPathType::File,
        "FileOrCreate" => HostPathType::FileOrCreate,
        "Socket" => HostPathType::Socket,
        other => {
            faults.invalid(&path.field("hostPath").field("type"), other, "");
            HostPathType::Unset
        }
    }
}
