//! Making a pod's volumes, and filling them again when what they are made of has changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::local::{Held, Shared};
use super::mounts::{PodDirs, Ready};
use super::payload::{Pinned, Present, payload};
use super::space::Space;
use super::{atomic, host_path, usage};
use crate::model::{Amount, Bytes, Files, Medium, Pod, SizeLimit, Volume, VolumeSource};
use crate::ports::{MountError, MountSource};

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
    held: Holds,
    limit: SizeLimit,
}

/// Who knows how much it holds.
#[derive(Clone)]
enum Holds {
    Dir(Arc<Dir>),
    Space(Arc<Space>),
}

impl Shared {
    /// Makes every volume.
    pub(super) fn set_up(
        &self,
        pod: &Pod,
        base_dir: &Path,
        held: &mut Held,
    ) -> Result<PodDirs, MountError> {
        held.pod = Some(pod.clone());
        held.live.clear();
        held.limited.clear();
        held.filled = Arc::default();
        let folder = self.folder(&pod.meta.uid);
        let mut volumes = Vec::with_capacity(pod.spec.volumes.len());
        for volume in &pod.spec.volumes {
            let made = self.one(pod, volume, &folder, base_dir, held);
            let (source, space) = made.map_err(|detail| failed(volume, detail))?;
            volumes.push(Ready {
                name: volume.name.clone(),
                source,
                space,
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
            filled: Arc::clone(&held.filled),
        })
    }

    fn one(
        &self,
        pod: &Pod,
        volume: &Volume,
        folder: &Path,
        base_dir: &Path,
        held: &mut Held,
    ) -> Result<(MountSource, Option<Arc<Space>>), String> {
        let name = &volume.name;
        let mut space = None;
        let dir = match &volume.source {
            VolumeSource::HostPath { path, kind } => {
                return Ok((host_path::open(&base_dir.join(path), *kind)?, None));
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
                let mut limit = size_limit.clone();
                if in_memory {
                    let most = pod
                        .spec
                        .memory_limit()
                        .unwrap_or(self.settings.machine.memory);
                    let smallest = smaller(limit, in_words(most));
                    let clock = Arc::clone(&self.settings.clock);
                    space = Some(Space::new(Arc::clone(&dir), smallest.bytes, clock));
                    limit = Some(smallest);
                }
                if let Some(limit) = limit {
                    held.limited.push(Limited {
                        volume: name.clone(),
                        held: match &space {
                            Some(space) => Holds::Space(Arc::clone(space)),
                            None => Holds::Dir(Arc::clone(&dir)),
                        },
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
            // Filled before the first container starts that mounts it.
            VolumeSource::Image { .. } => Arc::new(empty_dir(folder, name)?),
        };
        Ok((MountSource::Dir(dir), space))
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
            machine: &self.settings.machine.within(&pod.spec),
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
    /// Looks at all of them: the words for the first that holds too much (rule G2).
    pub(super) fn exceeded(all: &[Self]) -> Option<String> {
        let mut told = None;
        for one in all {
            let limit = &one.limit;
            let used = match &one.held {
                Holds::Space(space) => Ok(space.measure()),
                Holds::Dir(dir) => usage::measure(dir, limit.bytes),
            };
            match used {
                Ok(used) if used > limit.bytes => {
                    told.get_or_insert_with(|| {
                        format!(
                            "Usage of EmptyDir volume \"{}\" exceeds the limit \"{}\". ",
                            one.volume, limit.text
                        )
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(volume = one.volume, %error, "cannot be measured");
                }
            }
        }
        told
    }
}

fn in_words(bytes: Bytes) -> SizeLimit {
    let text = match bytes.0 % 1024 {
        0 => format!("{}Ki", bytes.0 / 1024),
        _ => bytes.0.to_string(),
    };
    let text = Amount::parse(&text).map(Amount::canonical).unwrap_or(text);
    SizeLimit { bytes, text }
}

fn smaller(one: Option<SizeLimit>, other: SizeLimit) -> SizeLimit {
    match one {
        Some(one) if one.bytes <= other.bytes => one,
        _ => other,
    }
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
