//! The [`Volumes`] of a machine without root: plain folders.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::config_map::{self, Wanted};
use super::{atomic, host_path, sub_path};
use crate::model::{Container, Pod, VolumeSource, expand};
use crate::ports::{
    BoxFuture, Clock, ConfigSource, MountError, MountSource, PodVolumes, ReadyMount, Volumes,
};

/// Keeps a folder for each pod under one root.
pub struct LocalVolumes {
    pods: PathBuf,
    configs: Arc<dyn ConfigSource>,
    clock: Arc<dyn Clock>,
}

impl LocalVolumes {
    /// Pods' folders go under `pods`; ConfigMaps come from `configs`.
    pub fn new(pods: PathBuf, configs: Arc<dyn ConfigSource>, clock: Arc<dyn Clock>) -> Self {
        Self {
            pods,
            configs,
            clock,
        }
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
            let ready = self.set_up(&pod, folder, &base_dir)?;
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

impl LocalVolumes {
    fn set_up(&self, pod: &Pod, folder: PathBuf, base_dir: &Path) -> Result<PodDirs, MountError> {
        let mut volumes = Vec::with_capacity(pod.spec.volumes.len());
        for volume in &pod.spec.volumes {
            let opened = match &volume.source {
                VolumeSource::EmptyDir { .. } => {
                    empty_dir(&folder, &volume.name).map(|dir| MountSource::Dir(Arc::new(dir)))
                }
                VolumeSource::HostPath { path, kind } => {
                    host_path::open(&base_dir.join(path), *kind)
                }
                VolumeSource::ConfigMap {
                    name,
                    items,
                    default_mode,
                    optional,
                } => {
                    let wanted = Wanted {
                        name,
                        items: items.as_deref(),
                        default_mode: *default_mode,
                        optional: *optional,
                    };
                    self.config_map(pod, &folder, &volume.name, &wanted)
                }
            };
            let source = opened.map_err(|detail| MountError::SetUp {
                volume: volume.name.clone(),
                detail,
            })?;
            volumes.push(Ready {
                name: volume.name.clone(),
                source,
                // Rule G4.
                read_only: matches!(volume.source, VolumeSource::ConfigMap { .. }),
            });
        }
        Ok(PodDirs { folder, volumes })
    }

    /// Rules G5, G7, G14. Done again for a volume that is there already, it is an update.
    fn config_map(
        &self,
        pod: &Pod,
        folder: &Path,
        volume: &str,
        wanted: &Wanted<'_>,
    ) -> Result<MountSource, String> {
        let namespace = pod.meta.namespace.as_str();
        let found = self.configs.config_map(namespace, wanted.name);
        let payload = config_map::payload(wanted, found.as_deref())?;
        let dir = empty_dir(folder, volume)?;
        atomic::write(&dir, &payload, self.clock.now()).map_err(|error| error.to_string())?;
        Ok(MountSource::Dir(Arc::new(dir)))
    }
}

/// One pod's volumes, each opened.
struct PodDirs {
    folder: PathBuf,
    volumes: Vec<Ready>,
}

/// A volume.
struct Ready {
    name: String,
    source: MountSource,
    read_only: bool,
}

/// A folder of the pod's own. Rule G2: mode 0777, so that containers of any user may write.
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
            let source = match (sub_path, &volume.source) {
                (None, source) => source.clone(),
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::io::Read;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use super::LocalVolumes;
    use crate::model::{
        ConfigMap, Container, Mount, ObjectMeta, Pod, Time, Volume, VolumeSource, testing,
    };
    use crate::ports::{
        BoxFuture, Clock, ConfigSource, MountError, MountSource, PodVolumes, Volumes,
    };

    /// A store of ConfigMaps of the namespace `default`, at a standstill of time.
    #[derive(Default)]
    struct World(Mutex<BTreeMap<String, Arc<ConfigMap>>>);

    impl World {
        fn set(&self, name: &str, data: &[(&str, &str)]) {
            let data = data
                .iter()
                .map(|(k, v)| ((*k).into(), v.as_bytes().to_vec()));
            let config = ConfigMap {
                meta: ObjectMeta {
                    uid: "1".into(),
                    name: name.into(),
                    namespace: "default".into(),
                    created: Time::EPOCH,
                    labels: BTreeMap::new(),
                    annotations: BTreeMap::new(),
                },
                data: data.collect(),
                text: BTreeSet::new(),
                immutable: false,
            };
            let mut all = self.0.lock().expect("unpoisoned");
            all.insert(name.into(), Arc::new(config));
        }
    }

    impl ConfigSource for World {
        fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
            assert_eq!(namespace, "default", "G14");
            self.0.lock().expect("unpoisoned").get(name).cloned()
        }

        fn secret(&self, _namespace: &str, _name: &str) -> Option<Arc<crate::model::Secret>> {
            None
        }
    }

    impl Clock for World {
        fn now(&self) -> Time {
            Time::EPOCH
        }
        fn sleep_until(&self, _: Time) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    fn pod(optional: bool) -> Pod {
        let mut pod = testing::pod();
        let mut spec = (*pod.spec).clone();
        spec.volumes = vec![Volume {
            name: "v".into(),
            source: VolumeSource::ConfigMap {
                name: "web".into(),
                items: None,
                default_mode: 0o644,
                optional,
            },
        }];
        pod.spec = Arc::new(spec);
        pod
    }

    fn container(sub_path: Option<&str>) -> Container {
        let mut container = testing::container("c");
        container.mounts = vec![Mount {
            volume: "v".into(),
            path: "/etc/web".into(),
            read_only: false,
            sub_path: sub_path.map(Into::into),
            sub_path_expr: None,
        }];
        container
    }

    async fn mount(volumes: &LocalVolumes, pod: &Pod) -> Result<Arc<dyn PodVolumes>, MountError> {
        volumes.mount(pod.clone(), Arc::from(Path::new("/"))).await
    }

    #[tokio::test]
    async fn g7_a_missing_config_map_fails_until_it_appears_and_g4_is_read_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let world = Arc::new(World::default());
        let volumes = LocalVolumes::new(folder.path().into(), world.clone(), world.clone());
        let pod = pod(false);
        let refused = mount(&volumes, &pod).await.err().expect("missing");
        assert_eq!(
            refused.to_string(),
            "MountVolume.SetUp failed for volume \"v\" : configmap \"web\" not found"
        );
        world.set("web", &[("conf", "one")]);
        let ready = mount(&volumes, &pod).await.expect("ready");
        let mounts = ready.mounts(&container(None), &[]).expect("mounted");
        assert!(mounts[0].read_only, "whatever the mount says");
        let MountSource::Dir(dir) = &mounts[0].source else {
            panic!("a directory");
        };
        assert_eq!(dir.read_to_string("conf").expect("read"), "one");
        volumes.unmount(pod).await.expect("released");
    }

    #[tokio::test]
    async fn g8_an_update_reaches_the_directory_and_never_a_sub_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let world = Arc::new(World::default());
        let volumes = LocalVolumes::new(folder.path().into(), world.clone(), world.clone());
        world.set("web", &[("conf", "one")]);
        let ready = mount(&volumes, &pod(false)).await.expect("ready");
        let directory = ready.mounts(&container(None), &[]).expect("mounted");
        let file = ready
            .mounts(&container(Some("conf")), &[])
            .expect("mounted");
        world.set("web", &[("conf", "two")]);
        mount(&volumes, &pod(false)).await.expect("again");
        let (MountSource::Dir(dir), MountSource::File(file)) =
            (&directory[0].source, &file[0].source)
        else {
            panic!("a directory and a file");
        };
        assert_eq!(dir.read_to_string("conf").expect("read"), "two");
        let mut text = String::new();
        (&**file).read_to_string(&mut text).expect("read");
        assert_eq!(text, "one");
    }

    #[tokio::test]
    async fn g7_an_optional_one_that_is_missing_is_an_empty_directory() {
        let folder = tempfile::tempdir().expect("a folder");
        let world = Arc::new(World::default());
        let volumes = LocalVolumes::new(folder.path().into(), world.clone(), world.clone());
        let ready = mount(&volumes, &pod(true)).await.expect("ready");
        let mounts = ready.mounts(&container(None), &[]).expect("mounted");
        let MountSource::Dir(dir) = &mounts[0].source else {
            panic!("a directory");
        };
        let names = dir
            .entries()
            .expect("read")
            .map(|e| e.expect("read").file_name());
        assert!(
            names
                .into_iter()
                .all(|name| name.to_string_lossy().starts_with(".."))
        );
    }
}
