//! What containers see of a pod's volumes (rules G4, G11, G12, G13).

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex as AsyncMutex;

use super::space::Space;
use super::sub_path;
use crate::model::{Container, expand};
use crate::ports::{
    BoxFuture, Image, LayerFile, MemoryVolume, MountError, MountSource, PodVolumes, ReadyMount,
};

/// A file is read whole that somebody else writes.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// One pod's volumes, each opened.
pub(super) struct PodDirs {
    /// The pod's own, on disk.
    pub(super) folder: PathBuf,
    pub(super) volumes: Vec<Ready>,
    pub(super) filled: Arc<AsyncMutex<Filled>>,
}

/// The image volumes that have their files. Locked while one gets them: the pod's folders do not go before that is over.
pub(super) type Filled = BTreeSet<String>;

/// A volume.
pub(super) struct Ready {
    pub(super) name: String,
    pub(super) source: MountSource,
    pub(super) read_only: bool,
    /// Of a volume that is kept in memory.
    pub(super) space: Option<Arc<Space>>,
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
            let read_only = mount.read_only || volume.read_only;
            let memory = volume.space.clone().filter(|_| !read_only);
            mounts.push(ReadyMount {
                path: mount.path.clone(),
                source,
                read_only,
                memory: memory.map(|space| space as Arc<dyn MemoryVolume>),
            });
        }
        // Rule G13: outer first, or the inner one's mount point would be made under what then covers it.
        mounts.sort_by_key(|mount| mount.path.trim_end_matches('/').matches('/').count());
        Ok(mounts)
    }

    fn fill(&self, volume: &str, image: Arc<Image>) -> BoxFuture<'_, Result<(), MountError>> {
        let found = self.volumes.iter().find(|ready| ready.name == volume);
        let source = found.map(|ready| ready.source.clone());
        let volume = volume.to_owned();
        Box::pin(async move {
            let mut filled = Arc::clone(&self.filled).lock_owned().await;
            let Some(MountSource::Dir(dir)) = source.filter(|_| !filled.contains(&volume)) else {
                return Ok(());
            };
            // Whoever waits here may be told to stop; the lock stays with what goes on.
            let unpacked = tokio::task::spawn_blocking(move || {
                crate::layers::unpack(image.layers.iter().map(LayerFile::as_pair), &dir)
                    .map_err(|error| error.to_string())?;
                filled.insert(volume);
                Ok(())
            });
            let unpacked = unpacked
                .await
                .unwrap_or_else(|error| Err(error.to_string()));
            unpacked.map_err(MountError::Container)
        })
    }

    fn read(&self, volume: &str, path: &str) -> io::Result<String> {
        let found = self.volumes.iter().find(|ready| ready.name == volume);
        let Some(MountSource::Dir(dir)) = found.map(|ready| &ready.source) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        // Guests fill the volume, with pipes and links too, while this looks.
        match sub_path::open_existing(dir, path.trim_start_matches('/'))? {
            MountSource::File(file) => {
                let mut text = String::new();
                let mut start = (&*file).take(TEXT_BYTES_MAX + 1);
                start.read_to_string(&mut text)?;
                if text.len() as u64 > TEXT_BYTES_MAX {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                Ok(text)
            }
            MountSource::Dir(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
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
    let path = path.map_err(|error| MountError::Container(error.to_string()))?;
    let missing = missing.into_inner();
    if missing.is_empty() {
        return Ok(path);
    }
    let names = missing.into_iter().collect::<Vec<_>>().join(", ");
    Err(MountError::Container(format!("missing value for {names}")))
}
