//! What containers see of a pod's volumes (rules G4, G11, G12, G13).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::sub_path;
use crate::model::{Bytes, Container, expand};
use crate::ports::{MountError, MountSource, PodVolumes, ReadyMount};

/// One pod's volumes, each opened.
pub(super) struct PodDirs {
    /// The pod's own, on disk.
    pub(super) folder: PathBuf,
    pub(super) volumes: Vec<Ready>,
    /// Bytes.
    pub(super) in_memory: Arc<AtomicU64>,
}

/// A volume.
pub(super) struct Ready {
    pub(super) name: String,
    pub(super) source: MountSource,
    pub(super) read_only: bool,
}

impl PodVolumes for PodDirs {
    fn mounts(
        &self,
        container: &Container,
        env: &[(String, String)],
    ) -> Result<Vec<ReadyMount>, MountError> {
        let mut mounts = Vec::with_capacity(container.mounts.len());
        for mount in &container.mounts {
            let found = self.volumes.iter().find(|v| v.name == mount.volume);
            let Some(volume) = found else {
                let detail = format!("no volume \"{}\" in this pod", mount.volume);
                return Err(MountError::Container(detail));
            };
            let sub_path = match (&mount.sub_path, &mount.sub_path_expr) {
                (Some(path), _) => Some(path.clone()),
                (None, Some(expression)) => Some(resolve(expression, env)?),
                (None, None) => None,
            };
            let source = match (sub_path.filter(|path| !path.is_empty()), &volume.source) {
                (None, source) => source.clone(),
                (Some(path), source) => {
                    descends(&path)?;
                    let opened = match source {
                        MountSource::Dir(dir) => sub_path::open(dir, &path),
                        MountSource::File(_) => Err(std::io::ErrorKind::NotADirectory.into()),
                    };
                    opened.map_err(|error| unprepared(&mount.volume, container, &error))?
                }
            };
            mounts.push(ReadyMount {
                path: mount.path.clone(),
                source,
                read_only: mount.read_only || volume.read_only,
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

    fn in_memory(&self) -> Bytes {
        Bytes(self.in_memory.load(Ordering::Relaxed))
    }
}

/// Rule G11.
fn unprepared(volume: &str, container: &Container, error: &std::io::Error) -> MountError {
    MountError::Container(format!(
        "failed to prepare subPath for volumeMount \"{volume}\" of container \"{}\": {error}",
        container.name
    ))
}

/// Rule G12: what an expression comes to is checked as what was written is with the manifest.
fn descends(path: &str) -> Result<(), MountError> {
    if path.starts_with('/') {
        let text = format!("error SubPath `{path}` must not be an absolute path");
        return Err(MountError::Container(text));
    }
    if path.split('/').any(|part| part == "..") {
        let text = format!("unable to provision SubPath `{path}`: must not contain '..'");
        return Err(MountError::Container(text));
    }
    Ok(())
}

/// Rule G12.
fn resolve(expression: &str, env: &[(String, String)]) -> Result<String, MountError> {
    let missing = RefCell::new(BTreeSet::new());
    let path = expand(expression, |name| {
        let value = env.iter().rev().find(|(key, _)| key == name);
        match value {
            Some((_, value)) if !value.is_empty() => Some(value.as_str()),
            _ => {
                missing.borrow_mut().insert(name.to_owned());
                None
            }
        }
    });
    let missing = missing.into_inner();
    if missing.is_empty() {
        return Ok(path);
    }
    let names = missing.into_iter().collect::<Vec<_>>().join(", ");
    Err(MountError::Container(format!("missing value for {names}")))
}
