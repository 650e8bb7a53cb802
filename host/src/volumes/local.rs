//! The [`Volumes`] of a machine without root: plain folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::{host_path, sub_path};
use crate::model::{Container, Pod, VolumeSource, expand};
use crate::ports::{BoxFuture, MountError, MountSource, PodVolumes, ReadyMount, Volumes};

/// Keeps a folder for each pod under one root.
pub struct LocalVolumes {
    pods: PathBuf,
}

impl LocalVolumes {
    /// Pods' folders go under `pods`.
    pub fn new(pods: PathBuf) -> Self {
        Self { pods }
    }

    fn folder(&self, pod: &Pod) -> PathBuf {
        self.pods.join(pod.meta.uid.as_str())
    }
}

impl Volumes for LocalVolumes {
    fn mount(
        &self,
        pod: Pod,
        base_dir: Arc<Path>,
    ) -> BoxFuture<'_, Result<Arc<dyn PodVolumes>, MountError>> {
        Box::pin(async move {
            let folder = self.folder(&pod);
            let ready = PodDirs::new(&pod, folder, &base_dir)?;
            Ok(Arc::new(ready) as Arc<dyn PodVolumes>)
        })
    }

    fn unmount(&self, pod: Pod) -> BoxFuture<'_, Result<(), MountError>> {
        let folder = self.folder(&pod);
        Box::pin(async move {
            // An emptyDir may hold any number of files.
            let removed = tokio::task::spawn_blocking(move || match crate::tree::remove(&folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            });
            match removed.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(MountError::Release(error.to_string())),
                Err(error) => Err(MountError::Release(error.to_string())),
            }
        })
    }
}

/// One pod's volumes, each opened.
struct PodDirs {
    folder: PathBuf,
    volumes: Vec<(String, MountSource)>,
}

impl PodDirs {
    fn new(pod: &Pod, folder: PathBuf, base_dir: &Path) -> Result<Self, MountError> {
        let mut volumes = Vec::with_capacity(pod.spec.volumes.len());
        for volume in &pod.spec.volumes {
            let opened = match &volume.source {
                VolumeSource::EmptyDir { .. } => {
                    empty_dir(&folder, &volume.name).map(|dir| MountSource::Dir(Arc::new(dir)))
                }
                VolumeSource::HostPath { path, kind } => {
                    host_path::open(&base_dir.join(path), *kind)
                }
                VolumeSource::ConfigMap { name, .. } => {
                    Err(format!("configmap {name:?} not found"))
                }
            };
            let source = opened.map_err(|detail| MountError::SetUp {
                volume: volume.name.clone(),
                detail,
            })?;
            volumes.push((volume.name.clone(), source));
        }
        Ok(Self { folder, volumes })
    }
}

/// Rule G2: mode 0777, so that containers of any user may write.
fn empty_dir(folder: &Path, name: &str) -> Result<Dir, String> {
    let path = folder.join("volumes").join(name);
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

impl PodVolumes for PodDirs {
    fn mounts(
        &self,
        container: &Container,
        env: &[(String, String)],
    ) -> Result<Vec<ReadyMount>, MountError> {
        let mut mounts = Vec::with_capacity(container.mounts.len());
        for mount in &container.mounts {
            let found = self.volumes.iter().find(|(name, _)| *name == mount.volume);
            let Some((_, volume)) = found else {
                let detail = format!("no volume \"{}\" in this pod", mount.volume);
                return Err(MountError::Container(detail));
            };
            let sub_path = match (&mount.sub_path, &mount.sub_path_expr) {
                (Some(path), _) => Some(path.clone()),
                (None, Some(expression)) => Some(resolve(expression, env)?),
                (None, None) => None,
            };
            let source = match (sub_path, volume) {
                (None, volume) => volume.clone(),
                (Some(path), MountSource::Dir(dir)) => sub_path::open(dir, &path)
                    .map_err(|error| unprepared(&mount.volume, container, &error))?,
                (Some(_), MountSource::File(_)) => {
                    let error = std::io::ErrorKind::NotADirectory.into();
                    return Err(unprepared(&mount.volume, container, &error));
                }
            };
            mounts.push(ReadyMount {
                path: mount.path.clone(),
                source,
                read_only: mount.read_only,
            });
        }
        // Rule G13: outer first, or the inner one's mount point would be made under what then covers it.
        mounts.sort_by_key(|mount| mount.path.trim_end_matches('/').matches('/').count());
        Ok(mounts)
    }

    fn scratch(&self, container: &Container, attempt: u32) -> PathBuf {
        // One folder, not a tree of them: making inodes is what starting many containers spends its time on. A name has no dot in it.
        self.folder.join(format!("{}.{attempt}", container.name))
    }
}

/// Rule G11.
fn unprepared(volume: &str, container: &Container, error: &std::io::Error) -> MountError {
    MountError::Container(format!(
        "failed to prepare subPath for volumeMount \"{volume}\" of container \"{}\": {error}",
        container.name
    ))
}

/// Rule G12.
fn resolve(expression: &str, env: &[(String, String)]) -> Result<String, MountError> {
    let missing = std::cell::RefCell::new(None);
    let path = expand(expression, |name| {
        let value = env.iter().rev().find(|(key, _)| key == name);
        match value {
            Some((_, value)) if !value.is_empty() => Some(value.as_str()),
            _ => {
                missing.borrow_mut().get_or_insert_with(|| name.to_owned());
                None
            }
        }
    });
    match missing.into_inner() {
        Some(name) => Err(MountError::Container(format!("missing value for {name}"))),
        None => Ok(path),
    }
}
