//! Volumes of a pod.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, io};

use super::{BoxFuture, Image};
use crate::budget::Memory;
use crate::model::{Container, Pod, PodUid};

/// Makes volumes ready and releases them.
pub trait Volumes: Send + Sync {
    /// Makes every volume of the pod ready. May be called again after a failure.
    fn mount(
        &self,
        pod: Pod,
        base_dir: Arc<Path>,
    ) -> BoxFuture<'_, Result<Arc<dyn PodVolumes>, MountError>>;
    /// Makes the files of the pod's volumes those of the objects and the metadata as they are now (rule G8); containers see them at once.
    /// Nothing is done for a pod without volumes here.
    fn refresh(&self, pod: PodUid) -> BoxFuture<'_, Result<(), MountError>>;
    /// The pods whose volumes hold more than they may, each with the words for it (rule G2).
    fn exceeded(&self) -> BoxFuture<'_, Vec<(PodUid, String)>>;
    /// Releases them; an emptyDir's data ends here (rule F7). May be called again, also for a pod that never had any.
    fn unmount(&self, pod: Pod) -> BoxFuture<'_, Result<(), MountError>>;
}

/// The volumes of one pod, ready.
pub trait PodVolumes: Send + Sync {
    /// What one container sees, outer mount paths before inner ones. Resolves `subPath` (rule G11) at every start.
    fn mounts(
        &self,
        container: &Container,
        env: &[(String, String)],
    ) -> Result<Vec<ReadyMount>, MountError>;
    /// Puts the files of the image into the volume, unless some are there already: before a container that mounts it starts.
    fn fill(&self, volume: &str, image: Arc<Image>) -> BoxFuture<'_, Result<(), MountError>>;
    /// The text of a file in a volume; of a file that is too long for it, and of what is no file, none.
    fn read(&self, volume: &str, path: &str) -> io::Result<String>;
    /// A folder for one instance of a container, made by whoever uses it and gone with the pod.
    fn scratch(&self, container: &Container, attempt: u32) -> PathBuf;
}

/// A volume that is kept in memory (`medium: Memory`, rule G2): what is in it counts as memory of the containers that put it there.
pub trait MemoryVolume: Send + Sync {
    /// A container that may write there begins. What nobody was seen to write (folders, names) counts for all of them alike.
    fn enter(&self, container: &Arc<Memory>);
    /// It has ended. What it wrote stays, and counts for its pod.
    fn leave(&self, container: &Arc<Memory>);
    /// Writes to an open file of the volume at that place, or at its end; says how much fitted. Fails with "no space left on device" when
    /// nothing does. A container that may not have that much memory is told to end.
    fn write(
        &self,
        container: &Arc<Memory>,
        file: &File,
        at: Option<u64>,
        bytes: &[u8],
    ) -> io::Result<usize>;
    /// A file was opened to be written: also without a name it takes memory until it is closed.
    fn opened(&self, file: &Arc<File>);
    /// Counts anew: what was removed is free from now on.
    fn look(&self);
}

/// What is mounted: opened, so that nobody can put something else in its place.
#[derive(Clone, Debug)]
pub enum MountSource {
    /// A directory; nothing outside it can be reached through it.
    Dir(Arc<cap_std::fs::Dir>),
    /// A regular file. It stays this one, also when another takes its name (rule G8: a `subPath` never updates).
    File(Arc<std::fs::File>),
}

/// A directory or file of the machine, opened, and where the container sees it.
#[derive(Clone)]
pub struct ReadyMount {
    /// `mountPath`, absolute and without `.` or `..`.
    pub path: String,
    /// What stands there.
    pub source: MountSource,
    /// Writes are refused (rule G13).
    pub read_only: bool,
    /// The volume, if it is kept in memory and may be written to: this is who writes.
    pub memory: Option<Arc<dyn MemoryVolume>>,
}

impl fmt::Debug for ReadyMount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReadyMount({}, {:?})", self.path, self.source)
    }
}

/// Why volumes are not ready.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// A volume cannot be set up (rule G1).
    #[error("MountVolume.SetUp failed for volume \"{volume}\" : {detail}")]
    SetUp {
        /// Its name.
        volume: String,
        /// What is wrong.
        detail: String,
    },
    /// A mount of a container cannot be resolved (rule G11).
    #[error("{0}")]
    Container(String),
    /// They cannot be released.
    #[error("releasing volumes: {0}")]
    Release(String),
}
