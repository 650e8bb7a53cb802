//! Volumes of a pod.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::BoxFuture;
use crate::model::{Bytes, Container, Pod, PodUid};

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
    /// A folder for one instance of a container, made by whoever uses it and gone with the pod.
    fn scratch(&self, container: &Container, attempt: u32) -> PathBuf;
    /// How much memory the volumes of `medium: Memory` held when they were last looked at: the pod's containers use it together, beside
    /// their own.
    fn in_memory(&self) -> Bytes;
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
#[derive(Clone, Debug)]
pub struct ReadyMount {
    /// `mountPath`, absolute and without `.` or `..`.
    pub path: String,
    /// What stands there.
    pub source: MountSource,
    /// Writes are refused (rule G13).
    pub read_only: bool,
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
