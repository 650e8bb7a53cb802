//! Volumes of a pod as containers get them.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{LocalVolumes, VolumeSettings};
use crate::model::{
    Bytes, ConfigMap, Container, Divided, DownwardFile, DownwardValue, FileSource, Files,
    ImagePullPolicy, Keys, Medium, MetaField, Mount, Pod, PodMeta, PodUid, ResourceField, Secret,
    SizeLimit, Time, Volume, VolumeSource, testing,
};
use crate::ports::{
    BoxFuture, Clock, ConfigSource, Image, LayerFile, MountError, MountSource, PodVolumes,
    ReadyMount, Volumes,
};

/// Objects of the namespace `default`, at a standstill of time.
#[derive(Default)]
struct World {
    maps: Mutex<BTreeMap<String, Arc<ConfigMap>>>,
    secrets: Mutex<BTreeMap<String, Arc<Secret>>>,
    meta: Mutex<Option<PodMeta>>,
}

impl World {
    fn set(&self, name: &str, data: &[(&str, &str)]) {
        let map = Arc::new(testing::config_map(name, data));
        let mut all = self.maps.lock().expect("unpoisoned");
        all.insert(name.into(), map);
    }

    fn set_secret(&self, name: &str, data: &[(&str, &str)]) {
        let secret = Arc::new(testing::secret(name, data));
        let mut all = self.secrets.lock().expect("unpoisoned");
        all.insert(name.into(), secret);
    }
}

impl ConfigSource for World {
    fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        assert_eq!(namespace, "default", "G14");
        self.maps.lock().expect("unpoisoned").get(name).cloned()
    }

    fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
        assert_eq!(namespace, "default", "G14");
        self.secrets.lock().expect("unpoisoned").get(name).cloned()
    }

    fn pod_meta(&self, _: &PodUid) -> Option<PodMeta> {
        self.meta.lock().expect("unpoisoned").clone()
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

/// A host's volumes, on a disk and in what stands for memory.
struct Place {
    folder: tempfile::TempDir,
    world: Arc<World>,
    volumes: LocalVolumes,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let world = Arc::new(World::default());
        let memory = folder.path().join("memory");
        let volumes = LocalVolumes::new(VolumeSettings {
            disk: folder.path().join("disk"),
            memory: Arc::new(move || Some(memory.clone())),
            configs: world.clone(),
            clock: world.clone(),
            machine: testing::allocatable(),
        });
        Self {
            folder,
            world,
            volumes,
        }
    }

    async fn mount(&self, pod: &Pod) -> Result<Arc<dyn PodVolumes>, MountError> {
        let base: Arc<Path> = self.folder.path().into();
        self.volumes.mount(pod.clone(), base).await
    }

    async fn refused(&self, source: VolumeSource) -> String {
        let refused = self.mount(&pod(source)).await.err();
        refused.expect("refused").to_string()
    }

    fn refresh(&self) -> BoxFuture<'_, Result<(), MountError>> {
        self.volumes.refresh(testing::pod().meta.uid)
    }

    fn volume(&self, medium: &str) -> PathBuf {
        self.folder.path().join(medium).join("uid/volumes/v")
    }
}

/// A pod with one volume `v`.
fn pod(source: VolumeSource) -> Pod {
    let mut pod = testing::pod();
    let mut spec = (*pod.spec).clone();
    spec.volumes = vec![Volume {
        name: "v".into(),
        source,
    }];
    pod.spec = Arc::new(spec);
    pod
}

fn keys(name: &str, optional: bool) -> Keys {
    Keys {
        name: name.into(),
        items: None,
        optional,
    }
}

fn config_map(optional: bool) -> VolumeSource {
    files(vec![FileSource::ConfigMap(keys("web", optional))], false)
}

fn files(sources: Vec<FileSource>, in_memory: bool) -> VolumeSource {
    VolumeSource::Files(Files {
        sources,
        default_mode: 0o644,
        in_memory,
    })
}

fn empty_dir(medium: Medium, limit: Option<u64>) -> VolumeSource {
    VolumeSource::EmptyDir {
        medium,
        size_limit: limit.map(|bytes| SizeLimit {
            bytes: Bytes(bytes),
            text: format!("{bytes}"),
        }),
    }
}

/// A container that mounts `v`.
fn container(change: impl FnOnce(&mut Mount)) -> Container {
    let mut container = testing::container("c");
    let mut mount = Mount {
        volume: "v".into(),
        path: "/v".into(),
        read_only: false,
        sub_path: None,
        sub_path_expr: None,
    };
    change(&mut mount);
    container.mounts = vec![mount];
    container
}

fn mounted(ready: &Arc<dyn PodVolumes>) -> ReadyMount {
    let mounts = ready.mounts(&container(|_| {}), &[]).expect("mounted");
    mounts.into_iter().next().expect("one")
}

fn dir(mount: &ReadyMount) -> &cap_std::fs::Dir {
    match &mount.source {
        MountSource::Dir(dir) => dir,
        MountSource::File(_) => panic!("a directory"),
    }
}

/// What a listing shows beside the layout's own names.
fn names(dir: &cap_std::fs::Dir) -> Vec<String> {
    let names = dir.entries().expect("read").map(|entry| {
        let name = entry.expect("read").file_name();
        name.into_string().expect("text")
    });
    let mut names: Vec<_> = names.filter(|name| !name.starts_with("..")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn g7_a_missing_config_map_fails_until_it_appears_and_g4_is_read_only() {
    let place = Place::new();
    assert_eq!(
        place.refused(config_map(false)).await,
        "MountVolume.SetUp failed for volume \"v\" : configmap \"web\" not found"
    );
    assert!(!place.volume("disk").exists(), "what fails leaves nothing");
    place.world.set("web", &[("conf", "one")]);
    let pod = pod(config_map(false));
    let ready = place.mount(&pod).await.expect("ready");
    let mount = mounted(&ready);
    assert!(mount.read_only, "whatever the mount says");
    assert_eq!(dir(&mount).read_to_string("conf").expect("read"), "one");
    place.volumes.unmount(pod).await.expect("released");
    assert!(!place.volume("disk").exists());
}

#[tokio::test]
async fn g4_secrets_downward_api_and_projected_are_read_only_and_in_memory() {
    let place = Place::new();
    place.world.set_secret("s", &[("password", "hunter2")]);
    let name = DownwardFile {
        path: "name".into(),
        mode: None,
        value: DownwardValue::Field(MetaField::Name),
    };
    let pod = pod(files(
        vec![
            FileSource::Secret(keys("s", false)),
            FileSource::DownwardApi(vec![name]),
        ],
        true,
    ));
    let ready = place.mount(&pod).await.expect("ready");
    let mount = mounted(&ready);
    assert!(mount.read_only);
    assert_eq!(names(dir(&mount)), ["name", "password"]);
    assert!(place.volume("memory").join("password").exists());
    assert!(!place.volume("disk").exists());
    place.volumes.unmount(pod).await.expect("released");
    assert!(!place.volume("memory").exists());
}

#[tokio::test]
async fn g8_an_update_reaches_the_directory_and_never_a_sub_path() {
    let place = Place::new();
    place.world.set("web", &[("conf", "one"), ("old", "")]);
    let ready = place.mount(&pod(config_map(false))).await.expect("ready");
    let directory = mounted(&ready);
    let sub_path = container(|mount| mount.sub_path = Some("conf".into()));
    let file = ready.mounts(&sub_path, &[]).expect("mounted");
    place.world.set("web", &[("conf", "two"), ("new", "")]);
    place.refresh().await.expect("refreshed");
    assert_eq!(dir(&directory).read_to_string("conf").expect("read"), "two");
    assert_eq!(
        names(dir(&directory)),
        ["conf", "new"],
        "G5: removed keys vanish"
    );
    let MountSource::File(file) = &file[0].source else {
        panic!("a file");
    };
    let mut text = String::new();
    (&**file).read_to_string(&mut text).expect("read");
    assert_eq!(text, "one");
}

#[tokio::test]
async fn g7_an_optional_object_fills_the_volume_when_it_appears_and_empties_it_when_it_goes() {
    let place = Place::new();
    let ready = place.mount(&pod(config_map(true))).await.expect("ready");
    let mount = mounted(&ready);
    assert!(names(dir(&mount)).is_empty());
    place.world.set("web", &[("conf", "one")]);
    place.refresh().await.expect("refreshed");
    assert_eq!(names(dir(&mount)), ["conf"]);
    place.world.maps.lock().expect("unpoisoned").clear();
    place.refresh().await.expect("refreshed");
    assert!(names(dir(&mount)).is_empty());
}

#[tokio::test]
async fn g8_what_a_pod_needs_and_is_gone_stays_as_it_was() {
    let place = Place::new();
    place.world.set("web", &[("conf", "one")]);
    let ready = place.mount(&pod(config_map(false))).await.expect("ready");
    place.world.maps.lock().expect("unpoisoned").clear();
    let refused = place.refresh().await.expect_err("refused");
    assert!(refused.to_string().ends_with("configmap \"web\" not found"));
    let mount = mounted(&ready);
    assert_eq!(dir(&mount).read_to_string("conf").expect("read"), "one");
}

#[tokio::test]
async fn g9_labels_that_change_reach_the_file_also_if_they_changed_before_the_mount() {
    let place = Place::new();
    let labels = DownwardFile {
        path: "labels".into(),
        mode: Some(0o400),
        value: DownwardValue::Field(MetaField::Labels),
    };
    let pod = pod(files(vec![FileSource::DownwardApi(vec![labels])], true));
    let set = |value: &str| {
        let mut meta = testing::pod().meta;
        meta.labels.insert("app".into(), value.into());
        *place.world.meta.lock().expect("unpoisoned") = Some(meta);
    };
    set("one");
    let ready = place.mount(&pod).await.expect("ready");
    let mount = mounted(&ready);
    let read = || dir(&mount).read_to_string("labels").expect("read");
    assert_eq!(read(), "app=\"one\"", "not what it was created with");
    set("two");
    place.refresh().await.expect("refreshed");
    assert_eq!(read(), "app=\"two\"");
    let file = place.volume("memory").join("labels");
    let mode = file.metadata().expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o400, "G6");
}

#[tokio::test]
async fn h7_a_limit_that_is_not_set_is_the_pods_before_it_is_the_machines() {
    let place = Place::new();
    let limit = DownwardFile {
        path: "limit".into(),
        mode: None,
        value: DownwardValue::Resource {
            container: "c".into(),
            resource: ResourceField::Limit(Divided::Memory(Bytes(1))),
        },
    };
    let mut pod = pod(files(vec![FileSource::DownwardApi(vec![limit])], true));
    let spec = Arc::get_mut(&mut pod.spec).expect("not shared");
    spec.resources.memory_limit = Some(Bytes(64 << 20));
    let ready = place.mount(&pod).await.expect("ready");
    let text = dir(&mounted(&ready)).read_to_string("limit");
    assert_eq!(text.expect("read"), (64 << 20).to_string());
}

#[tokio::test]
async fn g8_a_pod_that_has_no_volumes_any_more_is_not_filled_again() {
    let place = Place::new();
    place.world.set("web", &[("conf", "one")]);
    let pod = pod(config_map(false));
    place.mount(&pod).await.expect("ready");
    place.volumes.unmount(pod.clone()).await.expect("released");
    place.refresh().await.expect("nothing to do");
    assert!(!place.volume("disk").exists());
    place.volumes.unmount(pod).await.expect("may come again");
}

#[tokio::test]
async fn a_mount_that_nobody_waits_for_any_more_leaves_nothing() {
    let place = Place::new();
    place.world.set("web", &[("conf", "one")]);
    let pod = pod(config_map(false));
    let base: Arc<Path> = place.folder.path().into();
    let mut mount = place.volumes.mount(pod.clone(), base);
    assert!(futures::poll!(&mut mount).is_pending());
    drop(mount);
    // Waits for whoever holds the pod's volumes, then finds none.
    for _ in 0..200 {
        place.refresh().await.expect("nothing to do");
        tokio::time::sleep(Duration::from_millis(5)).await;
        if !place.folder.path().join("disk/uid").exists() {
            return;
        }
    }
    panic!("left behind");
}

#[tokio::test]
async fn g2_an_empty_dir_is_for_everybody_and_of_a_medium_that_is_known() {
    let place = Place::new();
    for (medium, name) in [(Medium::Disk, "disk"), (Medium::Memory, "memory")] {
        let pod = pod(empty_dir(medium, None));
        let ready = place.mount(&pod).await.expect("ready");
        assert!(!mounted(&ready).read_only);
        let mode = place.volume(name).metadata().expect("there").permissions();
        assert_eq!(mode.mode() & 0o777, 0o777);
        place.volumes.unmount(pod).await.expect("released");
        assert!(!place.volume(name).exists(), "F7");
    }
    assert_eq!(
        place
            .refused(empty_dir(Medium::Unknown("Tape".into()), None))
            .await,
        "MountVolume.SetUp failed for volume \"v\" : unknown storage medium \"Tape\""
    );
}

#[tokio::test]
async fn g2_a_volume_past_its_limit_is_told_in_kubernetes_words_and_memory_is_counted() {
    let place = Place::new();
    for medium in [Medium::Disk, Medium::Memory] {
        let pod = pod(empty_dir(medium, Some(300_000)));
        let ready = place.mount(&pod).await.expect("ready");
        let mount = mounted(&ready);
        dir(&mount).write("a", vec![1; 100_000]).expect("written");
        assert!(place.volumes.exceeded().await.is_empty());
        dir(&mount).write("b", vec![1; 300_000]).expect("written");
        let told = place.volumes.exceeded().await;
        let words = "Usage of EmptyDir volume \"v\" exceeds the limit \"300000\". ";
        assert_eq!(told, [(pod.meta.uid.clone(), words.to_owned())]);
        place.volumes.unmount(pod).await.expect("released");
        assert!(place.volumes.exceeded().await.is_empty());
    }
}

#[tokio::test]
async fn g2_memory_of_a_volume_is_limited_by_what_the_containers_may_have() {
    let place = Place::new();
    for (limits, told) in [
        ([Some(1 << 20), Some(1 << 20)], Some("2Mi")),
        ([Some(1 << 20), None], None),
    ] {
        let mut pod = pod(empty_dir(Medium::Memory, None));
        let spec = Arc::get_mut(&mut pod.spec).expect("not shared");
        spec.mains.push(testing::container("d"));
        for (main, limit) in spec.mains.iter_mut().zip(limits) {
            main.resources.memory_limit = limit.map(Bytes);
        }
        let ready = place.mount(&pod).await.expect("ready");
        let mount = mounted(&ready);
        dir(&mount).write("a", vec![1; 3 << 20]).expect("written");
        let over = place.volumes.exceeded().await;
        let words = over.first().map(|(_, words)| words.as_str());
        assert_eq!(words.is_some(), told.is_some(), "{words:?}");
        if let Some(limit) = told {
            assert!(words.expect("told").contains(&format!("\"{limit}\"")));
        }
        place.volumes.unmount(pod).await.expect("released");
    }
}

#[tokio::test]
async fn g12_an_expression_is_resolved_from_the_environment_and_checked() {
    let place = Place::new();
    let pod = pod(empty_dir(Medium::Disk, None));
    let ready = place.mount(&pod).await.expect("ready");
    let at = |expression: &str| {
        let container = container(|mount| mount.sub_path_expr = Some(expression.into()));
        let env = [("POD", "p1"), ("UP", ".."), ("ROOT", "/etc"), ("EMPTY", "")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mounts = ready.mounts(&container, &env);
        mounts.map(drop).map_err(|error| error.to_string())
    };
    at("logs/$(POD)").expect("made");
    assert!(place.volume("disk").join("logs/p1").is_dir());
    for (expression, why) in [
        ("$(B)/$(EMPTY)/$(A)/$(B)", "missing value for A, B, EMPTY"),
        (
            "$(ROOT)",
            "error SubPath `/etc` must not be an absolute path",
        ),
        (
            "a/$(UP)/$(UP)",
            "unable to provision SubPath `a/../..`: must not contain '..'",
        ),
    ] {
        assert_eq!(at(expression), Err(why.to_owned()));
    }
    at("$$(POD)").expect("a name like any other");
    assert!(place.volume("disk").join("$(POD)").is_dir(), "H2");
}

#[tokio::test]
async fn g11_a_sub_path_that_leads_out_or_is_no_folder_fails_in_kubernetes_words() {
    let place = Place::new();
    let pod = pod(empty_dir(Medium::Disk, None));
    let ready = place.mount(&pod).await.expect("ready");
    let volume = place.volume("disk");
    std::os::unix::fs::symlink("/etc", volume.join("out")).expect("linked");
    std::os::unix::fs::symlink("../../..", volume.join("up")).expect("linked");
    std::os::unix::fs::symlink("up/..", volume.join("far")).expect("linked");
    std::fs::write(volume.join("file"), "").expect("written");
    for path in ["out", "out/passwd", "up", "up/new", "far", "file/deeper"] {
        let container = container(|mount| mount.sub_path = Some(path.into()));
        let refused = ready.mounts(&container, &[]).expect_err(path).to_string();
        let words = "failed to prepare subPath for volumeMount \"v\" of container \"c\"";
        assert!(refused.starts_with(words), "{path}: {refused}");
    }
    assert!(!place.folder.path().join("new").exists());
    let inside = container(|mount| mount.sub_path = Some("a/b".into()));
    ready.mounts(&inside, &[]).expect("made");
    let mode = volume.join("a/b").metadata().expect("there").permissions();
    let umask = 0o777 & !mode.mode();
    assert_eq!(umask & 0o700, 0, "of the volume's mode, less the umask");
}

#[tokio::test]
async fn an_image_volume_is_a_read_only_folder_of_its_layers() {
    let place = Place::new();
    let image = |reference: &str| VolumeSource::Image {
        reference: reference.into(),
        policy: ImagePullPolicy::IfNotPresent,
    };
    let layer = place.folder.path().join("layer.tar");
    let mut tar = tar::Builder::new(std::fs::File::create(&layer).expect("made"));
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append_data(&mut header, "model/weights", &b"1234"[..])
        .expect("added");
    tar.into_inner().expect("written");
    let bytes = std::fs::read(&layer).expect("read");
    let layer = LayerFile {
        path: layer,
        digest: hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&bytes)),
    };
    let found = Image {
        layers: vec![layer],
        ..Image::nowhere()
    };
    let pod = pod(image("data:1"));
    let ready = place.mount(&pod).await.expect("ready");
    assert!(
        names(dir(&mounted(&ready))).is_empty(),
        "until a container needs it"
    );
    ready.fill("v", Arc::new(found)).await.expect("filled");
    let mount = mounted(&ready);
    assert!(mount.read_only);
    let read = dir(&mount).read_to_string("model/weights").expect("read");
    assert_eq!(read, "1234");
    let part = container(|mount| mount.sub_path = Some("model/weights".into()));
    let part = ready.mounts(&part, &[]).expect("mounted");
    assert!(part[0].read_only && matches!(part[0].source, MountSource::File(_)));
    // The next container that mounts it finds what is there.
    ready
        .fill("v", Arc::new(Image::nowhere()))
        .await
        .expect("filled");
    let gone = Image {
        layers: vec![LayerFile {
            path: place.folder.path().join("none.tar"),
            digest: String::new(),
        }],
        ..Image::nowhere()
    };
    ready
        .fill("v", Arc::new(gone))
        .await
        .expect("not looked at again");
    place.volumes.unmount(pod).await.expect("released");
}

#[tokio::test]
async fn files_of_a_volume_are_read_and_nothing_that_a_guest_puts_there_leads_out_or_makes_wait() {
    let place = Place::new();
    let ready = place.mount(&pod(empty_dir(Medium::Disk, None))).await;
    let ready = ready.expect("ready");
    let volume = place.volume("disk");
    std::fs::create_dir(volume.join("folder")).expect("made");
    std::fs::write(volume.join("folder/env"), "A='1'").expect("written");
    std::os::unix::fs::symlink("folder/env", volume.join("link")).expect("linked");
    std::os::unix::fs::symlink("/etc/passwd", volume.join("out")).expect("linked");
    std::os::unix::fs::symlink("../../..", volume.join("up")).expect("linked");
    std::fs::write(volume.join("bytes"), [0xff]).expect("written");
    let large = std::fs::File::create(volume.join("large")).expect("made");
    large.set_len(1 << 40).expect("sparse");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, volume.join("fifo"), mode).expect("made");
    for path in ["folder/env", "/folder/env", "link"] {
        assert_eq!(ready.read("v", path).expect(path), "A='1'");
    }
    for path in [
        "out", "up/x", "bytes", "large", "fifo", "folder", "none", "",
    ] {
        assert!(ready.read("v", path).is_err(), "{path:?}");
    }
    assert!(ready.read("w", "link").is_err());
}
