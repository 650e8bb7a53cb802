//! Pulls from a registry that is slow, broken or hostile.

use std::sync::Arc;
use std::time::Duration;

use super::fake::{Fake, Fault, wasm};
use super::settings::{Host, Settings};
use super::{Pace, PullSecrets, Registry};
use crate::images::config::WASM_CONFIG;
use crate::images::content::{ContentStore, StoredImage};
use crate::images::{Digest, ImageError};
use crate::model::{ConfigMap, Secret};
use crate::ports::ConfigSource;

/// Patient with a busy machine, impatient between attempts.
const PACE: Pace = Pace {
    read: Duration::from_secs(60),
    connect: Duration::from_secs(60),
    document: Duration::from_secs(60),
    retry: Duration::from_millis(1),
};

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        Self { dir }
    }

    /// As one peapod has it; a second call is a second peapod.
    fn peapod(&self, settings: Settings, pace: Pace) -> Registry {
        let store = ContentStore::new(self.dir.path().to_owned());
        Registry::with_pace(Arc::new(store), settings, pace)
    }

    fn registry(&self) -> Registry {
        self.peapod(Settings::default(), PACE)
    }

    /// Every blob is what its name says.
    fn is_sound(&self) -> usize {
        let blobs = self.dir.path().join("blobs/sha256");
        let all = std::fs::read_dir(blobs).into_iter().flatten();
        let sound = all.map(|blob| {
            let path = blob.expect("read").path();
            let (digest, _) = Digest::of_file(&path).expect("read");
            assert_eq!(
                path.file_name().expect("named").to_str(),
                Some(digest.hex())
            );
        });
        sound.count()
    }
}

async fn pull(registry: &Registry, name: &str) -> Result<StoredImage, ImageError> {
    registry.pull(name, PullSecrets::default()).await
}

async fn refused(registry: &Registry, name: &str) -> String {
    let error = pull(registry, name).await.expect_err("refused");
    assert!(
        registry.store.find(name).expect("read").is_none(),
        "it has no name"
    );
    error.to_string()
}

#[tokio::test]
async fn an_artifact_is_pulled_once_and_looked_up_again() {
    let (fake, place) = (Fake::start().await, Place::new());
    let digest = fake.artifact("hello", "1", &wasm(100));
    let registry = place.registry();
    let name = fake.name("hello:1");
    let stored = pull(&registry, &name).await.expect("pulled");
    assert_eq!(stored.image.id, digest.to_string());
    assert_eq!(stored.image.entrypoint, ["hello"]);
    assert_eq!(std::fs::read(&stored.image.wasm).expect("there"), wasm(100));
    assert_eq!(fake.seen().len(), 3, "manifest, configuration, layer");
    pull(&registry, &name).await.expect("pulled");
    assert_eq!(fake.seen(), ["team/hello/manifests/1"]);
    let newer = fake.artifact("hello", "1", &wasm(101));
    let stored = pull(&registry, &name).await.expect("pulled");
    assert_eq!(stored.image.id, newer.to_string(), "the tag has moved");
    let old = pull(&registry, &fake.name(&format!("hello@{digest}"))).await;
    assert_eq!(old.expect("pulled").image.id, digest.to_string());
    assert_eq!(place.is_sound(), 5, "the configuration is the same blob");
}

#[tokio::test]
async fn older_media_types_are_components_too() {
    let (fake, place) = (Fake::start().await, Place::new());
    let registry = place.registry();
    for (config, layer) in [
        (
            "application/vnd.wasm.config.v1+json",
            "application/vnd.wasm.content.layer.v1+wasm",
        ),
        (
            "application/vnd.fermyon.spin.application.v1+config",
            "application/vnd.wasm.content.layer.v1+wasm",
        ),
        (
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
        ),
        (
            "application/vnd.module.wasm.config.v1+json",
            "application/vnd.module.wasm.content.layer.v1+wasm",
        ),
    ] {
        fake.image("old", "1", &[(config, b"{}"), (layer, &wasm(7))]);
        let stored = pull(&registry, &fake.name("old:1")).await.expect("pulled");
        assert_eq!(
            std::fs::read(&stored.image.wasm).expect("there"),
            wasm(7),
            "{layer}"
        );
    }
    fake.image(
        "two",
        "1",
        &[
            (WASM_CONFIG, b"{}"),
            ("application/wasm", &wasm(1)),
            ("application/wasm", &wasm(2)),
        ],
    );
    let error = refused(&registry, &fake.name("two:1")).await;
    assert!(error.contains("it holds 2 components"), "{error}");
    fake.image(
        "none",
        "1",
        &[
            ("application/vnd.cncf.helm.config.v1+json", b"{}"),
            ("application/vnd.cncf.helm.chart", b"x"),
        ],
    );
    let error = refused(&registry, &fake.name("none:1")).await;
    assert!(
        error.contains("none of its layers is WebAssembly or files"),
        "{error}"
    );
}

#[tokio::test]
async fn what_the_disk_has_changed_is_noticed_and_fetched_again() {
    let (fake, place) = (Fake::start().await, Place::new());
    let digest = fake.artifact("hello", "1", &wasm(100));
    let (registry, name) = (place.registry(), fake.name("hello:1"));
    let image = pull(&registry, &name).await.expect("pulled").image;
    let blobs = place.dir.path().join("blobs/sha256");
    let manifest = blobs.join(digest.hex());
    let whole = std::fs::read_to_string(&manifest).expect("read");
    // As long as it was, and still a manifest.
    std::fs::write(
        &manifest,
        whole.replace("application/wasm", "application/wosm"),
    )
    .expect("written");
    let error = registry.store.find(&name).expect_err("refused").to_string();
    assert!(error.contains("its content is sha256:"), "{error}");
    let lease = |name: &str| registry.store.lease(name).expect("looked up");
    assert!(
        lease(&name).is_none(),
        "there is no such image until it is pulled again"
    );
    pull(&registry, &name).await.expect("pulled");
    assert_eq!(std::fs::read_to_string(&manifest).expect("read"), whole);
    assert!(lease(&name).is_some());
    std::fs::remove_file(&image.wasm).expect("removed");
    assert!(lease(&name).is_none());
    pull(&registry, &name).await.expect("pulled");
    assert_eq!(std::fs::read(&image.wasm).expect("read"), wasm(100));
    assert_eq!(place.is_sound(), 3);
}

/// A layer of these files, compressed.
fn layer(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, *bytes)
            .expect("added");
    }
    builder
        .into_inner()
        .and_then(flate2::write::GzEncoder::finish)
        .expect("made")
}

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

#[tokio::test]
async fn an_ordinary_image_is_run_by_the_wasm_file_its_entrypoint_names() {
    let (fake, place) = (Fake::start().await, Place::new());
    let registry = place.registry();
    let config = br#"{"architecture": "wasm", "os": "wasi", "rootfs": {"type": "layers", "diff_ids": []},
        "config": {"Entrypoint": ["app.wasm", "-v"], "Cmd": null, "Env": ["A=1"], "WorkingDir": "/srv"}}"#;
    let below = layer(&[("srv/app.wasm", b"an older one"), ("etc/motd", b"hi")]);
    let above = layer(&[("srv/app.wasm", &wasm(9))]);
    fake.image(
        "app",
        "1",
        &[(OCI_CONFIG, config), (GZIP, &below), (GZIP, &above)],
    );
    let image = pull(&registry, &fake.name("app:1"))
        .await
        .expect("pulled")
        .image;
    assert_eq!(std::fs::read(&image.wasm).expect("there"), wasm(9));
    assert_eq!(image.wasm_digest, Digest::of(&wasm(9)).hex());
    assert_eq!(
        (image.entrypoint, image.cmd),
        (vec!["app.wasm".into(), "-v".into()], vec![])
    );
    assert_eq!(image.env, [("A".into(), "1".into())]);
    assert_eq!(image.working_dir.as_deref(), Some("/srv"));
    assert_eq!(image.layers.len(), 2);
    for layer in &image.layers {
        let (digest, _) = Digest::of_file(&layer.path).expect("read");
        assert_eq!(layer.digest, digest.hex());
    }
    // What was taken out of the layers is kept as long as they are.
    registry
        .store
        .prune(crate::images::Prune::Rubbish)
        .expect("pruned");
    assert!(image.wasm.exists());
    let native = br#"{"config": {"Entrypoint": ["/bin/sh"]}}"#;
    let files = layer(&[("bin/sh", b"\x7fELF...")]);
    fake.image("native", "1", &[(OCI_CONFIG, native), (GZIP, &files)]);
    let error = refused(&registry, &fake.name("native:1")).await;
    assert!(
        error.ends_with("its entrypoint /bin/sh is not a WebAssembly file"),
        "{error}"
    );
    fake.image("odd", "1", &[(OCI_CONFIG, b"5"), (GZIP, &files)]);
    let error = refused(&registry, &fake.name("odd:1")).await;
    assert!(
        error.contains("odd:1\": its configuration cannot be read: invalid type"),
        "{error}"
    );
    fake.image("bare", "1", &[(OCI_CONFIG, b"{}"), (GZIP, &files)]);
    let error = refused(&registry, &fake.name("bare:1")).await;
    assert!(
        error.ends_with("it has neither an entrypoint nor a command"),
        "{error}"
    );
}

#[tokio::test]
async fn of_an_index_the_image_for_wasi_is_taken() {
    let (fake, place) = (Fake::start().await, Place::new());
    let amd = fake.artifact("multi", "amd", &wasm(1));
    let wasi = fake.artifact("multi", "wasi", &wasm(2));
    fake.index("multi", "1", &[("linux/amd64", &amd), ("wasi/wasm", &wasi)]);
    let registry = place.registry();
    let stored = pull(&registry, &fake.name("multi:1"))
        .await
        .expect("pulled");
    assert_eq!(stored.image.id, wasi.to_string());
    fake.index("multi", "2", &[("windows/amd64", &amd)]);
    let error = refused(&registry, &fake.name("multi:2")).await;
    assert!(
        error.ends_with("no image for wasi/wasm, only for windows/amd64"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_what_it_should_be_never_becomes_a_blob() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(1000));
    let registry = place.registry();
    let name = fake.name("hello:1");
    fake.fault(Fault::Wrong("blobs/"));
    let error = refused(&registry, &name).await;
    assert!(
        error.contains("digest mismatch: expected sha256:"),
        "{error}"
    );
    assert_eq!(place.is_sound(), 0);
    fake.heal();
    fake.fault(Fault::Wrong("manifests/"));
    refused(&registry, &name).await;
    fake.heal();
    // Half of the wrong bytes may wait to be gone on from: they are thrown away once their digest tells.
    pull(&registry, &name).await.expect("pulled");
    // Nor can a digest be believed that cannot be computed.
    let sha512 = format!("hello@sha512:{}", "0".repeat(128));
    let path = sha512.replace("hello@", "team/hello/manifests/");
    fake.put(path, "x", b"{}".to_vec());
    let error = refused(&registry, &fake.name(&sha512)).await;
    assert!(error.ends_with("only sha256 is supported"), "{error}");
    let other = Digest::of(b"something else");
    fake.put(format!("team/hello/manifests/{other}"), "x", b"{}".to_vec());
    let error = refused(&registry, &fake.name(&format!("hello@{other}"))).await;
    assert!(error.contains("digest mismatch"), "{error}");
}

#[tokio::test]
async fn a_blob_that_was_cut_off_is_resumed() {
    let (fake, place) = (Fake::start().await, Place::new());
    let program = wasm(100_000);
    fake.artifact("hello", "1", &program);
    let digest = Digest::of(&program).to_string();
    let path: &'static str = digest.leak();
    fake.fault(Fault::Truncate(path, 2, 40_000));
    let name = fake.name("hello:1");
    pull(&place.registry(), &name).await.expect("pulled");
    let seen = fake.seen();
    assert!(
        seen.iter().any(|one| one.ends_with("bytes=40000-")),
        "{seen:?}"
    );
    assert!(
        seen.iter().any(|one| one.ends_with("bytes=80000-")),
        "{seen:?}"
    );
    // So it is when the process that began is gone, and where parts cannot be asked for it begins anew.
    let place = Place::new();
    fake.heal();
    fake.fault(Fault::Truncate(path, 100, 10_000));
    refused(&place.registry(), &name).await;
    let partial = place
        .dir
        .path()
        .join("partial")
        .join(Digest::of(&program).hex());
    assert_eq!(std::fs::metadata(&partial).expect("kept").len(), 40_000);
    fake.heal();
    fake.fault(Fault::NoRanges);
    fake.seen();
    pull(&place.registry(), &name).await.expect("pulled");
    assert_eq!(place.is_sound(), 3);
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(10));
    let registry = place.registry();
    fake.fault(Fault::Status("manifests/", 2, 500, None));
    fake.fault(Fault::Status("blobs/", 2, 429, Some(0)));
    pull(&registry, &fake.name("hello:1"))
        .await
        .expect("pulled");
    fake.heal();
    fake.seen();
    fake.fault(Fault::Status("manifests/", 100, 503, None));
    let other = Place::new();
    let error = refused(&other.registry(), &fake.name("hello:1")).await;
    assert!(error.ends_with("unexpected status 503: busy"), "{error}");
    assert_eq!(fake.seen().len(), 4);
    let error = refused(&registry, &fake.name("none:1")).await;
    let name = fake.name("none:1");
    assert_eq!(
        error,
        format!(
            "failed to pull and unpack image \"{name}\": failed to resolve reference \"{name}\": {name}: not found"
        )
    );
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn no_more_is_taken_than_was_announced_or_makes_sense() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(10));
    let registry = place.registry();
    let name = fake.name("hello:1");
    fake.fault(Fault::Endless("manifests/"));
    let error = refused(&registry, &name).await;
    assert!(
        error.ends_with("the manifest is larger than 4194304 bytes"),
        "{error}"
    );
    fake.heal();
    fake.fault(Fault::Endless("blobs/"));
    let error = refused(&registry, &name).await;
    assert!(error.contains(" is larger than "), "{error}");
    fake.heal();
    fake.fault(Fault::EndlessRefusal("manifests/"));
    let error = refused(&registry, &name).await;
    assert!(error.ends_with("unexpected status 400"), "{error}");
    fake.heal();
    let zero = "0".repeat(64);
    let blob = serde_json::json!({"mediaType": "application/wasm", "digest": format!("sha256:{zero}"), "size": 1});
    let many = vec![blob.clone(); 300];
    let text = serde_json::json!({"schemaVersion": 2, "config": blob, "layers": many});
    fake.manifest("many", "1", "x", text.to_string());
    let error = refused(&registry, &fake.name("many:1")).await;
    assert!(error.contains("it has 300 layers"), "{error}");
    let mut other = blob.clone();
    other["size"] = serde_json::json!(2);
    let text = serde_json::json!({"schemaVersion": 2, "config": blob, "layers": [blob, other]});
    fake.manifest("two-sizes", "1", "x", text.to_string());
    let error = refused(&registry, &fake.name("two-sizes:1")).await;
    assert!(error.contains("it says two sizes of sha256:0"), "{error}");
    let mut large = other.clone();
    large["size"] = serde_json::json!(2_u64 << 30);
    large["digest"] = serde_json::json!(Digest::of(b"large"));
    let text = serde_json::json!({"schemaVersion": 2, "config": blob, "layers": [large]});
    fake.manifest("large", "1", "x", text.to_string());
    let error = refused(&registry, &fake.name("large:1")).await;
    assert!(
        error.contains("its component is larger than 1073741824 bytes"),
        "{error}"
    );
    let mut huge = blob.clone();
    huge["mediaType"] = serde_json::json!("application/vnd.oci.image.layer.v1.tar");
    huge["size"] = serde_json::json!(u64::MAX);
    huge["digest"] = serde_json::json!(Digest::of(b"huge"));
    let text = serde_json::json!({"schemaVersion": 2, "config": blob, "layers": [huge, blob]});
    fake.manifest("huge", "1", "x", text.to_string());
    let error = refused(&registry, &fake.name("huge:1")).await;
    assert!(error.contains("the image is larger than"), "{error}");
    assert_eq!(place.is_sound(), 0);
}

#[tokio::test]
async fn a_registry_that_says_nothing_is_not_waited_for_for_ever() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(10));
    fake.fault(Fault::Silent("manifests/"));
    let read = Duration::from_millis(50);
    let registry = place.peapod(Settings::default(), Pace { read, ..PACE });
    let error = refused(&registry, &fake.name("hello:1")).await;
    assert!(
        error.contains("error sending request") || error.contains("timed out"),
        "{error}"
    );
}

struct OneSecret(Secret);

impl ConfigSource for OneSecret {
    fn config_map(&self, _: &str, _: &str) -> Option<Arc<ConfigMap>> {
        None
    }
    fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
        let known = (namespace, name) == ("default", "pull");
        known.then(|| Arc::new(self.0.clone()))
    }
    fn pod_meta(&self, _: &crate::model::PodUid) -> Option<crate::model::PodMeta> {
        None
    }
}

/// A pull secret with one entry for that registry.
fn with_entry(fake: &Fake, entry: serde_json::Value) -> PullSecrets {
    let text = serde_json::json!({"auths": {fake.address.to_string(): entry}});
    let mut secret =
        crate::model::testing::secret("pull", &[(".dockerconfigjson", &text.to_string())]);
    secret.kind = "kubernetes.io/dockerconfigjson".into();
    PullSecrets {
        source: Some(Arc::new(OneSecret(secret))),
        namespace: "default".into(),
        names: vec!["missing".into(), "pull".into()],
    }
}

#[tokio::test]
async fn pull_secrets_open_a_private_repository_and_only_to_their_pod() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(10));
    fake.only_for("me", "pass");
    let registry = place.registry();
    let name = fake.name("hello:1");
    let error = refused(&registry, &name).await;
    assert!(error.contains("authorization failed"), "{error}");
    let with = |password: &str| {
        let entry = serde_json::json!({"username": "me", "password": password});
        with_entry(&fake, entry)
    };
    let error = registry
        .pull(&name, with("wrong"))
        .await
        .expect_err("refused");
    assert!(
        error.to_string().contains("authorization failed"),
        "{error}"
    );
    registry.pull(&name, with("pass")).await.expect("pulled");
    fake.artifact("hello", "1", &wasm(12));
    let identity = with_entry(&fake, serde_json::json!({"identitytoken": "pass"}));
    registry.pull(&name, identity).await.expect("pulled");
    // The next pod brings no secret, and what the one before it knew is not lent to it.
    fake.artifact("hello", "2", &wasm(11));
    refused(&registry, &fake.name("hello:2")).await;
}

#[tokio::test]
async fn of_a_server_of_tokens_no_more_is_taken_than_a_token() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(10));
    fake.only_for("me", "pass");
    let (registry, name) = (place.registry(), fake.name("hello:1"));
    fake.fault(Fault::Endless("token"));
    let error = refused(&registry, &name).await;
    assert!(
        error.ends_with("failed to fetch a token: the answer is larger than 65536 bytes"),
        "{error}"
    );
    let here = fake.address.ip().to_string();
    for (answer, text) in [
        (&b"{"[..], format!("{here} answers without one")),
        (b"{}", format!("{here} answers without one")),
        (b"{\"token\": 5}", format!("{here} answers without one")),
        (
            b"{\"token\": \"a\\nb\"}",
            "a token that is no header".into(),
        ),
        (
            b"{\"token\": \"another\"}",
            "authentication required".into(),
        ),
    ] {
        fake.heal();
        fake.fault(Fault::Token(answer));
        let error = refused(&registry, &name).await;
        assert!(error.ends_with(&text), "{error}");
    }
    fake.heal();
    fake.fault(Fault::Silent("token"));
    let document = Duration::from_millis(50);
    let registry = place.peapod(Settings::default(), Pace { document, ..PACE });
    let error = refused(&registry, &name).await;
    assert!(error.ends_with("the token takes too long"), "{error}");
}

#[tokio::test]
async fn two_peapods_that_want_the_same_fetch_it_once() {
    let (fake, place) = (Fake::start().await, Place::new());
    let program = wasm(300_000);
    fake.artifact("hello", "1", &program);
    let name = fake.name("hello:1");
    let (one, other) = (place.registry(), place.registry());
    let (first, second) = tokio::join!(pull(&one, &name), pull(&other, &name));
    assert_eq!(first.expect("pulled").image, second.expect("pulled").image);
    let seen = fake.seen();
    let layer = format!("team/hello/blobs/{}", Digest::of(&program));
    assert_eq!(
        seen.iter().filter(|one| **one == layer).count(),
        1,
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_mirror_is_asked_first_and_the_registry_after_it() {
    let (mirror, origin, place) = (Fake::start().await, Fake::start().await, Place::new());
    let at = |fake: &Fake, prefix: Option<&str>| Host {
        tls: None,
        authority: fake.address.to_string(),
        prefix: prefix.map(str::to_owned),
        known_as: fake.address.to_string(),
    };
    let mut settings = Settings::default();
    let hosts = vec![at(&mirror, Some("cache"))];
    settings.mirrors.insert(origin.address.to_string(), hosts);
    let registry = place.peapod(settings, PACE);
    mirror.artifact("hello", "1", &wasm(1));
    pull(&registry, &origin.name("hello:1"))
        .await
        .expect("pulled");
    assert_eq!(origin.seen().len(), 0);
    assert!(mirror.seen()[0].starts_with("cache/team/hello/manifests/"));
    origin.artifact("other", "1", &wasm(2));
    pull(&registry, &origin.name("other:1"))
        .await
        .expect("pulled");
    assert_eq!(mirror.seen(), ["cache/team/other/manifests/1"]);
}

#[tokio::test]
async fn offline_means_that_nobody_is_asked() {
    let (fake, place) = (Fake::start().await, Place::new());
    fake.artifact("hello", "1", &wasm(1));
    let settings = Settings {
        offline: true,
        ..Settings::default()
    };
    let error = refused(&place.peapod(settings, PACE), &fake.name("hello:1")).await;
    assert!(error.ends_with("registries.yaml says offline"), "{error}");
    let registry = place.peapod(
        Settings {
            offline: true,
            ..Settings::default()
        },
        PACE,
    );
    let file = place.dir.path().join("x.wasm");
    std::fs::write(&file, wasm(1)).expect("written");
    let config = crate::images::ImageConfig::default();
    let loaded = registry.store.load("x", &file, None, config);
    loaded.expect("loaded");
    let error = registry.push("x", &fake.name("x:1")).await;
    let error = error.expect_err("refused").to_string();
    assert!(error.ends_with("registries.yaml says offline"), "{error}");
    assert_eq!(fake.seen().len(), 0);
}
