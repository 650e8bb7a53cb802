//! The [`Volumes`] of a machine without root: plain folders, on disk and in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, oneshot};

use super::mounts::{Filled, PodDirs};
use super::payload::Pinned;
use super::set_up::{Limited, Live};
use crate::model::{Allocatable, Pod, PodUid, VolumeSource};
use crate::ports::{BoxFuture, Clock, ConfigSource, MountError, PodVolumes, Volumes};

/// Keeps a folder for each pod under one root, and another in memory for what is not to go to a disk.
pub struct LocalVolumes {
    shared: Arc<Shared>,
}

/// What volumes are made with.
pub struct VolumeSettings {
    /// Pods' folders go here.
    pub disk: PathBuf,
    /// Where folders in memory go, asked for when the first is needed; none where the machine has no such place, and then the disk has to do.
    pub memory: Arc<dyn Fn() -> Option<PathBuf> + Send + Sync>,
    /// ConfigMaps, Secrets and pods' metadata.
    pub configs: Arc<dyn ConfigSource>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What a container without a limit is told it has (rule H7).
    pub machine: Allocatable,
}

pub(super) struct Shared {
    pub(super) settings: VolumeSettings,
    pods: Mutex<HashMap<PodUid, Arc<AsyncMutex<Held>>>>,
}

/// The volumes of one pod, while it has them. Locked while its folders change.
#[derive(Default)]
pub(super) struct Held {
    pub(super) pod: Option<Pod>,
    /// The pod's folder in memory, once it has one.
    pub(super) memory: Option<PathBuf>,
    pub(super) live: Vec<Live>,
    pub(super) limited: Vec<Limited>,
    pub(super) pinned: Pinned,
    pub(super) filled: Arc<AsyncMutex<Filled>>,
}

impl LocalVolumes {
    /// Volumes of a host that begins.
    pub fn new(settings: VolumeSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings,
                pods: Mutex::default(),
            }),
        }
    }
}

impl Volumes for LocalVolumes {
    fn mount(
        &self,
        pod: Pod,
        base_dir: Arc<Path>,
    ) -> BoxFuture<'_, Result<Arc<dyn PodVolumes>, MountError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let slow = |source: &VolumeSource| match source {
                VolumeSource::EmptyDir { .. }
                | VolumeSource::HostPath { .. }
                | VolumeSource::Image { .. } => false,
                VolumeSource::Files(_) => true,
            };
            if !pod.spec.volumes.iter().any(|volume| slow(&volume.source)) {
                let mut held = shared.hold(&pod.meta.uid).await;
                let ready = shared.set_up(&pod, &base_dir, &mut held);
                drop(held);
                return match ready {
                    Ok(ready) => Ok(Arc::new(ready) as Arc<dyn PodVolumes>),
                    Err(error) => {
                        shared.give_up(pod.meta.uid).await;
                        Err(error)
                    }
                };
            }
            // A task of its own: whoever waits here may be told to stop, and what was half made must then go.
            let (tell, told) = oneshot::channel();
            tokio::spawn(async move {
                let uid = pod.meta.uid.clone();
                let ready = Arc::clone(&shared).mount_slowly(pod, base_dir).await;
                let failed = ready.is_err();
                let unwanted = tell.send(ready).is_err();
                if failed || unwanted {
                    shared.give_up(uid).await;
                }
            });
            let ready = told.await.unwrap_or_else(|_| Err(broken_off()))?;
            Ok(Arc::new(ready) as Arc<dyn PodVolumes>)
        })
    }

    fn refresh(&self, pod: PodUid) -> BoxFuture<'_, Result<(), MountError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let Some(held) = shared.held(&pod) else {
                return Ok(());
            };
            // Waits for a mount under way, which may have read the objects before they changed.
            let mut held = held.lock_owned().await;
            if held.live.is_empty() {
                return Ok(());
            }
            let filled = tokio::task::spawn_blocking(move || shared.refill(&mut held));
            filled.await.unwrap_or_else(|_| Err(broken_off()))
        })
    }

    fn exceeded(&self) -> BoxFuture<'_, Vec<(PodUid, String)>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let looked = tokio::task::spawn_blocking(move || {
                let pods: Vec<_> = {
                    let pods = shared.pods();
                    pods.iter()
                        .map(|(uid, held)| (uid.clone(), Arc::clone(held)))
                        .collect()
                };
                let told = pods.into_iter().filter_map(|(uid, held)| {
                    // Whoever is being mounted or released is looked at the next time.
                    let held = held.try_lock().ok()?;
                    let limited = held.limited.clone();
                    drop(held);
                    Some((uid, Limited::exceeded(&limited)?))
                });
                told.collect()
            });
            looked.await.unwrap_or_default()
        })
    }

    fn unmount(&self, pod: Pod) -> BoxFuture<'_, Result<(), MountError>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { shared.release(pod.meta.uid).await })
    }
}

impl Shared {
    fn pods(&self) -> MutexGuard<'_, HashMap<PodUid, Arc<AsyncMutex<Held>>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held(&self, pod: &PodUid) -> Option<Arc<AsyncMutex<Held>>> {
        self.pods().get(pod).cloned()
    }

    async fn hold(&self, pod: &PodUid) -> OwnedMutexGuard<Held> {
        let held = Arc::clone(self.pods().entry(pod.clone()).or_default());
        held.lock_owned().await
    }

    pub(super) fn folder(&self, pod: &PodUid) -> PathBuf {
        self.settings.disk.join(pod.as_str())
    }

    async fn mount_slowly(
        self: Arc<Self>,
        pod: Pod,
        base_dir: Arc<Path>,
    ) -> Result<PodDirs, MountError> {
        // Known from here on: a change that comes later finds the pod, and waits until what was read before it is written.
        let mut held = self.hold(&pod.meta.uid).await;
        let made = tokio::task::spawn_blocking(move || self.set_up(&pod, &base_dir, &mut held));
        made.await.unwrap_or_else(|_| Err(broken_off()))
    }

    async fn give_up(&self, pod: PodUid) {
        if let Err(error) = self.release(pod).await {
            tracing::debug!(%error, "left behind");
        }
    }

    async fn release(&self, pod: PodUid) -> Result<(), MountError> {
        let held = self.held(&pod);
        let held = match held {
            Some(held) => Some(held.lock_owned().await),
            None => None,
        };
        // Until an image that is being unpacked is there: nothing is to be made in a folder that goes.
        let _filled = match &held {
            Some(held) => Some(Arc::clone(&held.filled).lock_owned().await),
            None => None,
        };
        let mut folders = vec![self.folder(&pod)];
        // An emptyDir may hold any number of files.
        let removed = tokio::task::spawn_blocking(move || {
            if let Some(mut held) = held {
                held.live.clear();
                held.limited.clear();
                folders.extend(held.memory.clone());
            }
            for folder in folders {
                match crate::tree::remove(&folder) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
            Ok(())
        });
        match removed.await {
            Ok(Ok(())) => {
                self.pods().remove(&pod);
                Ok(())
            }
            Ok(Err(error)) => Err(MountError::Release(error.to_string())),
            Err(error) => Err(MountError::Release(error.to_string())),
        }
    }
}

fn broken_off() -> MountError {
    MountError::Container("setting up volumes was broken off".to_owned())
}
