//! Images as pods get them (rules I1 to I4), and the store under several hands.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::content::ContentStore;
use super::registry::fake::{Fake, Fault, wasm};
use super::{
    Digest, ImageConfig, ImageError, Images, Prune, PullSecrets, Registry, RegistrySettings,
};
use crate::clock::RealClock;
use crate::model::ImagePullPolicy::{self, Always, IfNotPresent, Never};
use crate::ports::{Began, ImageStore as _, PullError, PullRequest, Pulled};

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self { dir }
    }

    /// As one peapod sees it.
    fn store(&self) -> Arc<ContentStore> {
        Arc::new(ContentStore::new(self.dir.path().join("images")))
    }

    fn images_with(&self, settings: RegistrySettings) -> Images {
        let store = self.store();
        let registry = Arc::new(Registry::new(Arc::clone(&store), settings));
        let clock = Arc::new(RealClock::new());
        Images::new(store, super::Overrides::new(), registry, None, clock)
    }

    fn images(&self) -> Images {
        self.images_with(RegistrySettings::default())
    }

    /// Loads a component of that many bytes.
    fn load(&self, name: &str, len: usize) -> Digest {
        let file = self.dir.path().join("x.wasm");
        std::fs::write(&file, wasm(len)).expect("written");
        let stored = self.store().load(name, &file, None, ImageConfig::default());
        Digest::try_from(stored.expect("loaded").image.id).expect("a digest")
    }
}

async fn ensure(images: &Images, name: &str, policy: ImagePullPolicy) -> Result<Pulled, PullError> {
    ensure_telling(images, name, policy, Began::default()).await
}

async fn ensure_telling(
    images: &Images,
    name: &str,
    policy: ImagePullPolicy,
    began: Began,
) -> Result<Pulled, PullError> {
    let request = PullRequest {
        reference: name.to_owned(),
        policy,
        base_dir: Path::new("/").into(),
        namespace: "default".into(),
        secrets: Vec::new(),
        began,
    };
    images.ensure(request).await
}

#[tokio::test]
async fn i2_always_asks_the_registry_at_each_start() {
    let (fake, place) = (Fake::start().await, Place::new());
    let first = fake.artifact("hello", "1", &wasm(1));
    let (images, name) = (place.images(), fake.name("hello:1"));
    let pulled = ensure(&images, &name, Always).await.expect("pulled");
    assert_eq!(
        (pulled.already_present, &pulled.image.id),
        (false, &first.to_string())
    );
    let second = fake.artifact("hello", "1", &wasm(2));
    let pulled = ensure(&images, &name, Always).await.expect("pulled");
    assert_eq!(pulled.image.id, second.to_string());
    assert!(pulled.took_with_waiting >= pulled.took);
    drop(fake);
    // What is here already is not enough: it may be an old one.
    let error = ensure(&images, &name, Always)
        .await
        .expect_err("nobody answers");
    assert_eq!(error.reason(), "ErrImagePull");
}

#[tokio::test]
async fn i2_if_not_present_pulls_once() {
    let (fake, place) = (Fake::start().await, Place::new());
    let digest = fake.artifact("hello", "1", &wasm(1));
    let (images, name) = (place.images(), fake.name("hello:1"));
    let pulled = ensure(&images, &name, IfNotPresent).await.expect("pulled");
    assert!(!pulled.already_present);
    fake.artifact("hello", "1", &wasm(2));
    let again = ensure(&images, &name, IfNotPresent).await.expect("there");
    assert!(again.already_present);
    assert_eq!(
        again.image.id,
        digest.to_string(),
        "the tag may move, what is here stays"
    );
}

#[tokio::test]
async fn i4_that_a_pull_begins_is_told_before_anything_is_asked_for() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(1));
    let (images, name) = (place.images(), fake.name("hello:1"));
    let fake = Arc::new(fake);
    let (told, mut begins) = tokio::sync::mpsc::unbounded_channel();
    let began = || {
        let (told, fake) = (told.clone(), Arc::clone(&fake));
        Began::by(move || {
            let _ignored = told.send(fake.seen().len());
        })
    };
    let pulled = ensure_telling(&images, &name, IfNotPresent, began()).await;
    assert!(!pulled.expect("pulled").already_present);
    assert_eq!(begins.try_recv(), Ok(0));
    let there = ensure_telling(&images, &name, IfNotPresent, began()).await;
    assert!(there.expect("there").already_present);
    begins.try_recv().expect_err("nothing begins");
}

#[tokio::test]
async fn i2_never_takes_what_is_here_and_nothing_else() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(1));
    let (images, name) = (place.images(), fake.name("hello:1"));
    let error = ensure(&images, &name, Never).await.expect_err("absent");
    assert_eq!(error, PullError::NeverPull(name.clone()));
    assert!(fake.seen().is_empty());
    place.load(&name, 5);
    let pulled = ensure(&images, &name, Never).await.expect("there");
    assert!(pulled.already_present);
}

#[tokio::test]
async fn i2_what_was_loaded_by_hand_is_its_own_source() {
    let place = Place::new();
    let images = place.images();
    let digest = place.load("nowhere.example/x:latest", 5);
    let pulled = ensure(&images, "nowhere.example/x", Always)
        .await
        .expect("there");
    assert_eq!(pulled.image.id, digest.to_string());
    let newer = place.load("nowhere.example/x:latest", 6);
    let pulled = ensure(&images, "nowhere.example/x", Always)
        .await
        .expect("there");
    assert_eq!(pulled.image.id, newer.to_string());
}

#[tokio::test]
async fn i2_a_name_that_cannot_be_parsed_is_no_pull() {
    let error = ensure(&Place::new().images(), "Not/A Name", Always).await;
    assert_eq!(error.expect_err("refused").reason(), "InvalidImageName");
}

#[tokio::test]
async fn i3_a_failed_pull_tells_why() {
    let (fake, place) = (Fake::start().await, Place::new());
    let name = fake.name("none:1");
    let error = ensure(&place.images(), &name, IfNotPresent)
        .await
        .expect_err("absent");
    assert_eq!(error.reason(), "ErrImagePull");
    let text = format!("failed to resolve reference \"{name}\": {name}: not found");
    assert!(error.to_string().ends_with(&text), "{error}");
}

#[tokio::test]
async fn i4_waiting_for_other_pulls_is_told_apart_from_pulling() {
    let (fake, place) = (Fake::start().await, Place::new());
    for one in ["a", "b", "c", "d"] {
        fake.artifact(one, "1", &wasm(1));
    }
    // Each is told to come back, half a second later; three have the turn meanwhile, and one has to wait for them.
    fake.fault(Fault::Status("a/manifests/", 1, 503, None));
    fake.fault(Fault::Status("b/manifests/", 1, 503, None));
    fake.fault(Fault::Status("c/manifests/", 1, 503, None));
    fake.fault(Fault::Status("d/manifests/", 1, 503, None));
    let images = place.images();
    let names = ["a:1", "b:1", "c:1", "d:1"].map(|one| fake.name(one));
    let pulls = names.iter().map(|name| ensure(&images, name, Always));
    let pulled = futures::future::join_all(pulls).await;
    let waits = pulled.into_iter().map(|pulled| {
        let pulled = pulled.expect("pulled");
        pulled.took_with_waiting.saturating_sub(pulled.took)
    });
    let waited = waits.max().expect("four");
    assert!(waited >= Duration::from_millis(400), "{waited:?}");
}

#[tokio::test]
async fn what_a_running_pod_uses_stays_whoever_wants_it_removed() {
    let place = Place::new();
    place.load("used:1", 5);
    place.load("free:1", 6);
    let images = place.images();
    let held = ensure(&images, "used:1", Never).await.expect("there").image;
    // Another peapod, which knows only what stands on disk.
    let other = place.store();
    other.remove("used:1").expect("its name goes");
    let pruned = other.prune(Prune::Unused).expect("pruned");
    assert_eq!(pruned.images, ["docker.io/library/free:1"]);
    assert!(held.wasm.exists());
    drop(held);
    drop(images);
    let pruned = other.prune(Prune::Rubbish).expect("pruned");
    assert!(pruned.bytes > 0);
    assert_eq!(other.size().expect("read"), 0);
}

#[tokio::test]
async fn an_image_stays_from_its_pull_to_its_use() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(1));
    let name = fake.name("hello:1");
    let registry = Registry::new(place.store(), RegistrySettings::default());
    let pulled = registry.pull_and_hold(&name, PullSecrets::default()).await;
    let (stored, lock) = pulled.expect("pulled");
    let other = place.store();
    assert!(other.prune(Prune::Unused).expect("asked").busy);
    other.remove(&name).expect("its name goes");
    let held = registry.store.hold(stored).expect("held");
    drop(lock);
    other.prune(Prune::Unused).expect("pruned");
    assert!(held.wasm.exists());
}

#[test]
fn an_error_of_the_machine_says_its_cause_once() {
    let error = ImageError::io("/x")(std::io::ErrorKind::StorageFull.into());
    // As commands print it.
    assert_eq!(
        format!("{:#}", anyhow::Error::new(error)),
        "/x: no storage space"
    );
}

#[tokio::test]
async fn room_is_made_of_what_was_pulled_and_not_used_for_longest() {
    let (fake, place) = (Fake::start().await, Place::new());
    place.load("by-hand:1", 40_000);
    let settings = RegistrySettings {
        high_bytes: 100_000,
        low_bytes: 100_000,
        ..RegistrySettings::default()
    };
    let images = place.images_with(settings);
    for (one, len) in [("a", 20_001), ("b", 20_002), ("c", 20_003)] {
        fake.artifact(one, "1", &wasm(len));
        ensure(&images, &fake.name(&format!("{one}:1")), Always)
            .await
            .expect("pulled");
        // Times of files are as fine as the machine's clock ticks.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let store = place.store();
    let all = || {
        let all = store.list().expect("listed").into_iter();
        let short = all.map(|one| one.name.rsplit('/').next().unwrap_or_default().to_owned());
        let mut short: Vec<_> = short.collect();
        short.sort();
        short
    };
    // It is done aside, after the pull.
    for _ in 0..600 {
        if all().len() < 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let left = all();
    assert_eq!(
        left,
        ["b:1", "by-hand:1", "c:1"],
        "nothing here could get by-hand back"
    );
    // The list of what a process uses is only brought up to date when it uses something else, or ends.
    drop(images);
    let pruned = store.prune(Prune::DownTo(0)).expect("pruned");
    assert!(!pruned.images.iter().any(|name| name.contains("by-hand")));
    assert_eq!(all(), ["by-hand:1"]);
}

#[test]
fn a_bundle_brings_images_to_another_machine() {
    let (here, there) = (Place::new(), Place::new());
    let digest = here.load("a.example/x:1", 500);
    here.load("y:2", 600);
    let file = here.dir.path().join("bundle.tar");
    let out = std::fs::File::create(&file).expect("made");
    let names = ["a.example/x:1".to_owned(), "y:2".to_owned()];
    here.store().save(&names, out).expect("saved");
    let store = there.store();
    let loaded = store.load_bundle(&file, None).expect("loaded");
    let names: Vec<_> = loaded.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["a.example/x:1", "docker.io/library/y:2"]);
    assert_eq!(loaded[0].image.id, digest.to_string());
    assert_eq!(
        std::fs::read(&loaded[1].image.wasm).expect("there"),
        wasm(600)
    );
    let missing = here.store().save(&["none".to_owned()], Vec::new());
    assert!(matches!(missing, Err(ImageError::NotFound(_))));
}

/// A tar of these files.
fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        let added = builder.append_data(&mut header, name, *bytes);
        added.expect("added");
    }
    builder.into_inner().expect("made")
}

#[test]
fn what_docker_saved_before_it_knew_of_layouts_is_loaded() {
    let place = Place::new();
    let file = place.dir.path().join("saved.tar");
    let layer = tar(&[("app.wasm", &wasm(50))]);
    let config = br#"{"config": {"Entrypoint": ["/app.wasm"]}, "rootfs": {"type": "layers"}}"#;
    let load = |list: &str, name: Option<&str>| {
        let whole = tar(&[
            ("abc.json", config),
            ("def/layer.tar", &layer),
            ("def/VERSION", b"1.0"),
            ("repositories", b"{}"),
            ("manifest.json", list.as_bytes()),
        ]);
        std::fs::write(&file, whole).expect("written");
        place.store().load_bundle(&file, name)
    };
    let list = r#"[{"Config": "abc.json", "RepoTags": ["app:1", "r.example/app:2"], "Layers": ["def/layer.tar"]}]"#;
    let loaded = load(list, None).expect("loaded");
    let names: Vec<_> = loaded.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["docker.io/library/app:1", "r.example/app:2"]);
    assert_eq!(
        std::fs::read(&loaded[0].image.wasm).expect("read"),
        wasm(50)
    );
    let nameless = r#"[{"Config": "./abc.json", "RepoTags": null, "Layers": ["def/layer.tar"]}]"#;
    let error = load(nameless, None).expect_err("refused").to_string();
    assert!(error.contains("--name says it"), "{error}");
    let loaded = load(nameless, Some("mine:3")).expect("loaded");
    assert_eq!(loaded[0].name, "docker.io/library/mine:3");
    for (list, text) in [
        (
            r#"[{"Config": "abc.json", "Layers": ["../../../etc/passwd"]}]"#,
            "../../../etc/passwd is missing in it",
        ),
        (
            r#"[{"Config": "none.json", "Layers": []}]"#,
            "none.json is missing in it",
        ),
        (r#"{"Config": 1}"#, "manifest.json: "),
        (
            r#"[{"Config": "def/VERSION", "Layers": []}]"#,
            "def/VERSION is missing in it",
        ),
    ] {
        let error = load(list, Some("x")).expect_err("refused").to_string();
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn a_bundle_that_is_damaged_changes_nothing() {
    let (here, there) = (Place::new(), Place::new());
    here.load("x:1", 5000);
    let mut whole = Vec::new();
    here.store()
        .save(&["x:1".to_owned()], &mut whole)
        .expect("saved");
    let file = there.dir.path().join("bundle.tar");
    let store = there.store();
    let refused = |bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("written");
        store.load_bundle(&file, None).is_err() && store.list().expect("listed").is_empty()
    };
    for len in [0, 100, 512, 2000, whole.len() / 2, whole.len() - 5000] {
        assert!(
            refused(&whole[..len]),
            "cut after {len} bytes of {}",
            whole.len()
        );
    }
    let mut other = whole.clone();
    let at = whole
        .windows(8)
        .position(|eight| eight == b"\0asm\x0d\0\x01\0")
        .expect("it is in there");
    other[at + 100] ^= 1;
    assert!(refused(&other), "a blob is not what its name says");
    assert!(refused(b"PK\x03\x04"));
    std::fs::write(&file, &whole).expect("written");
    store.load_bundle(&file, None).expect("loaded");
}

#[tokio::test]
async fn a_tag_that_leads_out_of_the_store_stays_a_name() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(1));
    let images = place.images();
    for bad in ["../../x", "x:../y", "a/../b", "x@sha256:../../etc/passwd"] {
        let error = ensure(&images, bad, Always).await;
        // The first looks like a file, and there is none of that name.
        assert!(error.is_err(), "{bad}");
    }
    let registry = Registry::new(place.store(), RegistrySettings::default());
    let secrets = PullSecrets::default;
    assert!(registry.pull("x@sha256:zz", secrets()).await.is_err());
    registry
        .pull(&fake.name("hello:1"), secrets())
        .await
        .expect("pulled");
}
