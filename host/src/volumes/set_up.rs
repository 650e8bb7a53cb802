//! Making a pod's volumes, and filling them again when what they are made of has changed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::local::{Held, Shared};
use super::mounts::{PodDirs, Ready};
use super::payload::{Pinned, Present, payload};
use super::{atomic, host_path, usage};
use crate::model::{Amount, Bytes, Files, Medium, Pod, Role, SizeLimit, Volume, VolumeSource};
use crate::ports::{Began, Image, LayerFile, MountError, MountSource, PullRequest};

/// A volume whose files change with what they are made of.
pub(super) struct Live {
    volume: String,
    dir: Arc<Dir>,
    files: Files,
}

/// An emptyDir that is looked at.
#[derive(Clone)]
pub(super) struct Limited {
    volume: String,
    dir: Arc<Dir>,
    in_memory: bool,
    limit: Option<SizeLimit>,
}

/// The images of a pod's volumes, by volume.
pub(super) type Images = HashMap<String, Arc<Image>>;

impl Shared {
    /// Makes the images of image volumes present.
    pub(super) async fn images(
        &self,
        pod: &Pod,
        base_dir: &Arc<Path>,
    ) -> Result<Images, MountError> {
        let mut images = Images::new();
        for volume in &pod.spec.volumes {
            let VolumeSource::Image { reference, policy } = &volume.source else {
                continue;
            };
            let request = PullRequest {
                reference: reference.clone(),
                policy: *policy,
                base_dir: Arc::clone(base_dir),
                namespace: pod.meta.namespace.to_string(),
                secrets: pod.spec.pull_secrets.clone(),
                began: Began::default(),
            };
            let pulled = self.settings.images.ensure(request).await;
            let pulled = pulled.map_err(|error| failed(volume, error.to_string()))?;
            images.insert(volume.name.clone(), pulled.image);
        }
        Ok(images)
    }

    /// Makes every volume.
    pub(super) fn set_up(
        &self,
        pod: &Pod,
        base_dir: &Path,
        images: &Images,
        held: &mut Held,
    ) -> Result<PodDirs, MountError> {
        held.pod = Some(pod.clone());
        held.live.clear();
        held.limited.clear();
        let folder = self.folder(&pod.meta.uid);
        let mut volumes = Vec::with_capacity(pod.spec.volumes.len());
        for volume in &pod.spec.volumes {
            let made = self.one(pod, volume, &folder, base_dir, images, held);
            let source = made.map_err(|detail| failed(volume, detail))?;
            volumes.push(Ready {
                name: volume.name.clone(),
                source,
                // Rule G4.
                read_only: match volume.source {
                    VolumeSource::EmptyDir { .. } | VolumeSource::HostPath { .. } => false,
                    VolumeSource::Files(_) | VolumeSource::Image { .. } => true,
                },
            });
        }
        Ok(PodDirs {
            folder,
            volumes,
            in_memory: Arc::clone(&held.in_memory),
        })
    }

    fn one(
        &self,
        pod: &Pod,
        volume: &Volume,
        folder: &Path,
        base_dir: &Path,
        images: &Images,
        held: &mut Held,
    ) -> Result<MountSource, String> {
        let name = &volume.name;
        let dir = match &volume.source {
            VolumeSource::HostPath { path, kind } => {
                return host_path::open(&base_dir.join(path), *kind);
            }
            VolumeSource::EmptyDir { medium, size_limit } => {
                let in_memory = match medium {
                    Medium::Disk => false,
                    Medium::Memory => true,
                    Medium::Unknown(medium) => {
                        return Err(format!("unknown storage medium \"{medium}\""));
                    }
                };
                let dir = Arc::new(self.folder_for(pod, folder, name, in_memory, held)?);
                let limit = match in_memory {
                    true => smaller(size_limit.clone(), memory_limit(pod)),
                    false => size_limit.clone(),
                };
                if in_memory || limit.is_some() {
                    held.limited.push(Limited {
                        volume: name.clone(),
                        dir: Arc::clone(&dir),
                        in_memory,
                        limit,
                    });
                }
                dir
            }
            VolumeSource::Files(files) => {
                let payload = self.payload(pod, files, &mut held.pinned)?;
                let dir = Arc::new(self.folder_for(pod, folder, name, files.in_memory, held)?);
                let written = atomic::write(&dir, &payload, self.settings.clock.now());
                written.map_err(|error| error.to_string())?;
                held.live.push(Live {
                    volume: name.clone(),
                    dir: Arc::clone(&dir),
                    files: files.clone(),
                });
                dir
            }
            VolumeSource::Image { .. } => {
                let image = images.get(name).ok_or("its image is not present")?;
                let dir = empty_dir(folder, name)?;
                let layers = image.layers.iter().map(LayerFile::as_pair);
                let unpacked = crate::layers::unpack(layers, &dir);
                unpacked.map_err(|error| error.to_string())?;
                Arc::new(dir)
            }
        };
        Ok(MountSource::Dir(dir))
    }

    /// A folder of the pod's own, on disk or, where the machine has a place for it, in memory.
    fn folder_for(
        &self,
        pod: &Pod,
        folder: &Path,
        volume: &str,
        in_memory: bool,
        held: &mut Held,
    ) -> Result<Dir, String> {
        if in_memory && held.memory.is_none() {
            let root = (self.settings.memory)();
            held.memory = root.map(|root| root.join(pod.meta.uid.as_str()));
        }
        match held.memory.as_deref().filter(|_| in_memory) {
            Some(memory) => empty_dir(memory, volume),
            None => empty_dir(folder, volume),
        }
    }

    /// Of the metadata as it is now: what the pod was created with may be old.
    fn payload(
        &self,
        pod: &Pod,
        files: &Files,
        pinned: &mut Pinned,
    ) -> Result<atomic::Payload, String> {
        let configs = &*self.settings.configs;
        let now = configs.pod_meta(&pod.meta.uid);
        let present = Present {
            configs,
            meta: now.as_ref().unwrap_or(&pod.meta),
            spec: &pod.spec,
            machine: &self.settings.machine,
        };
        payload(files, &present, pinned)
    }

    /// Rules G5, G8. What cannot be made now stays as it is; the others change all the same.
    pub(super) fn refill(&self, held: &mut Held) -> Result<(), MountError> {
        let Some(pod) = held.pod.clone() else {
            return Ok(());
        };
        let mut result = Ok(());
        let now = self.settings.clock.now();
        for live in &held.live {
            let payload = self.payload(&pod, &live.files, &mut held.pinned);
            let written = payload.and_then(|payload| {
                let written = atomic::write(&live.dir, &payload, now);
                written.map_err(|error| error.to_string())
            });
            if let Err(detail) = written
                && result.is_ok()
            {
                let volume = live.volume.clone();
                result = Err(MountError::SetUp { volume, detail });
            }
        }
        result
    }
}

impl Limited {
    /// Looks at all of them: the words for the first that holds too much (rule G2), and how much those in memory hold together.
    pub(super) fn exceeded(all: &[Self], in_memory: &AtomicU64) -> Option<String> {
        let mut held = 0_u64;
        let mut told = None;
        for one in all {
            let enough = match (&one.limit, one.in_memory) {
                (Some(limit), false) => limit.bytes,
                (_, _) => Bytes(u64::MAX),
            };
            let used = match usage::measure(&one.dir, enough) {
                Ok(used) => used,
                Err(error) => {
                    tracing::debug!(volume = one.volume, %error, "cannot be measured");
                    continue;
                }
            };
            if one.in_memory {
                held = held.saturating_add(used.0);
            }
            if let Some(limit) = one.limit.as_ref().filter(|limit| used > limit.bytes) {
                told.get_or_insert_with(|| {
                    format!(
                        "Usage of EmptyDir volume \"{}\" exceeds the limit \"{}\". ",
                        one.volume, limit.text
                    )
                });
            }
        }
        in_memory.store(held, Ordering::Relaxed);
        told
    }
}

/// What all containers together may have, if each has a limit: memory of a volume is theirs.
fn memory_limit(pod: &Pod) -> Option<SizeLimit> {
    let own = pod.spec.containers().filter(|one| one.role != Role::Init);
    let bytes = own
        .map(|one| one.resources.memory_limit.map(|limit| limit.0))
        .try_fold(0_u64, |sum, limit| Some(sum.saturating_add(limit?)))?;
    let text = match bytes % 1024 {
        0 => format!("{}Ki", bytes / 1024),
        _ => bytes.to_string(),
    };
    let text = Amount::parse(&text).map(Amount::canonical).unwrap_or(text);
    let bytes = Bytes(bytes);
    Some(SizeLimit { bytes, text })
}

fn smaller(one: Option<SizeLimit>, other: Option<SizeLimit>) -> Option<SizeLimit> {
    let both = one.into_iter().chain(other);
    both.min_by_key(|limit| limit.bytes)
}

/// Rule G2: mode 0777, so that containers of any user may write.
fn empty_dir(folder: &Path, name: &str) -> Result<Dir, String> {
    let path: PathBuf = folder.join("volumes").join(name);
    let made = || {
        std::fs::create_dir_all(&path)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777))?;
        }
        Dir::open_ambient_dir(&path, ambient_authority())
    };
    made().map_err(|error| format!("{}: {error}", path.display()))
}

fn failed(volume: &Volume, detail: String) -> MountError {
    MountError::SetUp {
        volume: volume.name.clone(),
        detail,
    }
}
