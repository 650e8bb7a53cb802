//! Images over a real registry (Debian's docker-registry, on loopback), with skopeo as a second opinion of what is there.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::harness::{Place, guest, until};

#[expect(clippy::print_stderr, reason = "a test that is not run has to say so")]
/// Whether the programs are there. Where everything is tested they have to be; elsewhere a test says that it was not run.
pub(crate) fn tools() -> bool {
    let missing: Vec<_> = ["docker-registry", "skopeo", "openssl"]
        .into_iter()
        .filter(|tool| {
            let found = Command::new(tool)
                .arg(if *tool == "openssl" {
                    "version"
                } else {
                    "--version"
                })
                .stdout(Stdio::null())
                .status();
            !found.is_ok_and(|status| status.success())
        })
        .collect();
    if missing.is_empty() {
        return true;
    }
    assert!(
        std::env::var("CI").is_err(),
        "{missing:?} missing: run tests/setup-tools.sh"
    );
    eprintln!("skipped: {missing:?} missing; tests/setup-tools.sh installs them");
    false
}

/// A registry that lives as long as this.
pub(crate) struct Registry {
    process: Child,
    pub(crate) port: u16,
    _dir: tempfile::TempDir,
}

/// `user:open sesame`, as htpasswd writes it.
const HTPASSWD: &str = "user:$2b$04$w6IpdWxhYphOuCSBVB4P6ufcl1avdnyuhCS8lvmfjU9IKDPx9GP4m\n";

impl Registry {
    pub(crate) fn start(private: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("htpasswd"), HTPASSWD).expect("written");
        let file = dir.path().join("htpasswd");
        let auth = format!(
            "auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
            file.display()
        );
        Self::configured(dir, "", if private { &auth } else { "" })
    }

    /// With more in its configuration: of `http`, and beside it.
    pub(crate) fn configured(dir: tempfile::TempDir, http: &str, more: &str) -> Self {
        let place = dir.path().display();
        for _ in 0..10 {
            // Somebody else may take the port meanwhile; then the registry ends at once.
            let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
            let port = port.expect("a port").port();
            let config = format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {place}/data}}}}\n\
                 http: {{addr: '127.0.0.1:{port}'{http}}}\n{more}"
            );
            let file = dir.path().join("config.yml");
            std::fs::write(&file, config).expect("written");
            let mut process = Command::new("docker-registry")
                .arg("serve")
                .arg(&file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("docker-registry runs");
            let mut ended = false;
            until("the registry listens", || {
                ended = process.try_wait().expect("asked").is_some();
                ended || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
            });
            if !ended {
                return Self {
                    process,
                    port,
                    _dir: dir,
                };
            }
        }
        panic!("no port for a registry");
    }

    pub(crate) fn name(&self, rest: &str) -> String {
        format!("127.0.0.1:{}/team/{rest}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ignored = self.process.kill();
        let _ignored = self.process.wait();
    }
}

fn skopeo(args: &[&str]) -> String {
    let ran = Command::new("skopeo")
        .args(args)
        .output()
        .expect("skopeo runs");
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    assert!(ran.status.success(), "skopeo {args:?}: {err}");
    out.into_owned()
}

pub(crate) fn ok(place: &Place, args: &[&str]) -> String {
    let ran = place.peapod(args);
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
    ran.stdout
}

pub(crate) fn pod(image: &str, more: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  restartPolicy: Never\n{more}  containers: [{{name: c, image: \"{image}\"}}]\n"
    )
}

pub(crate) fn plain(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

// conformance: [sig-node] Container Runtime blackbox test when running a container with a new image should be able to pull image (runtime.go)
// conformance: [sig-node] ImageID should be set to the manifest digest (from RepoDigests) when available (image_id_test.go)
#[test]
fn an_image_is_pushed_seen_by_skopeo_and_pulled_by_a_pod() {
    if !tools() {
        return;
    }
    let registry = Registry::start(false);
    let (here, there) = (Place::online(), Place::online());
    let name = registry.name("hello:1");
    ok(
        &here,
        &["image", "load", "greeter:v1", plain(&guest("hello"))],
    );
    let pushed = ok(&here, &["image", "push", "greeter:v1", &name]);
    let remote = format!("docker://{name}");
    let seen = skopeo(&["inspect", "--tls-verify=false", "--raw", &remote]);
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(&seen)));
    assert_eq!(pushed, format!("{name}\t{digest}\n"));
    let ran = there.run(&pod(&name, ""), &[]);
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    assert_eq!(ran.output_of("c"), ["hello from peapod"]);
    assert_eq!(ran.container("c")["imageID"], digest);
    let pulling = ran.at(&format!("Pulling image \"{name}\""));
    let pulled = ran.at(&format!("Successfully pulled image \"{name}\" in "));
    assert!(pulling < pulled);
    assert!(
        ran.shows(" including waiting). Image size: "),
        "{}",
        ran.stderr
    );
    let again = there.run(&pod(&name, ""), &[]);
    let text = format!(
        "Container image \"{name}\" already present on machine and can be accessed by the pod"
    );
    assert!(again.shows(&text), "{}", again.stderr);
    ok(&there, &["image", "pull", &name]);
    assert!(ok(&there, &["image", "ls"]).contains(&name));
    ok(&there, &["image", "rm", &name]);
    assert!(ok(&there, &["image", "prune", "--all"]).contains("freed"));
}

#[test]
fn i3_an_image_that_is_not_there_is_told_in_the_words_of_a_kubelet() {
    if !tools() {
        return;
    }
    let registry = Registry::start(false);
    let place = Place::online();
    let name = registry.name("none:1");
    let ran = place.run(&pod(&name, ""), &["--timeout", "4s"]);
    assert_eq!(ran.code, 124);
    let text = format!(
        "Failed to pull image \"{name}\": failed to pull and unpack image \"{name}\": failed to resolve reference \"{name}\": {name}: not found"
    );
    for text in [
        &text,
        "Error: ErrImagePull",
        &format!("Back-off pulling image \"{name}\""),
        "Error: ImagePullBackOff",
    ] {
        assert!(ran.shows(text), "{text}: {}", ran.stderr);
    }
}

#[test]
fn bundles_go_to_skopeo_and_come_from_it() {
    if !tools() {
        return;
    }
    let registry = Registry::start(false);
    let (here, there) = (Place::online(), Place::new());
    let root = here.path().join("root");
    std::fs::create_dir_all(root.join("etc")).expect("made");
    std::fs::write(root.join("etc/motd"), "hi").expect("written");
    ok(
        &here,
        &[
            "image",
            "load",
            "a.example/x:1",
            plain(&guest("hello")),
            "--rootfs",
            plain(&root),
        ],
    );
    ok(&here, &["image", "save", "a.example/x:1", "-o", "one.tar"]);
    let bundle = here.path().join("one.tar");
    let remote = format!("docker://{}", registry.name("x:1"));
    let archive = format!("oci-archive:{}", bundle.display());
    skopeo(&["copy", "--dest-tls-verify=false", &archive, &remote]);
    let pulled = ok(&here, &["image", "pull", &registry.name("x:1")]);
    let before = ok(&here, &["image", "inspect", "a.example/x:1"]);
    let id = serde_json::from_str::<serde_json::Value>(&before).expect("JSON")["id"].clone();
    assert_eq!(
        pulled.trim().split('\t').nth(1),
        id.as_str(),
        "the same image all the way"
    );
    let back = here.path().join("back.tar");
    let archive = format!("oci-archive:{}:1", back.display());
    skopeo(&["copy", "--src-tls-verify=false", &remote, &archive]);
    let refused = there.peapod(&["image", "load", plain(&back)]);
    assert!(
        refused.stderr.contains("--name says it"),
        "{}",
        refused.stderr
    );
    let loaded = ok(
        &there,
        &["image", "load", plain(&back), "--name", "b.example/x:2"],
    );
    assert_eq!(
        loaded.trim(),
        format!("b.example/x:2\t{}", id.as_str().expect("text"))
    );
    let ran = there.run(&pod("b.example/x:2", ""), &[]);
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
}

// conformance: [sig-node] Container Runtime blackbox test when running a container with a new image should {not be able to pull from private registry without secret|be able to pull from private registry with secret} (runtime.go)
#[test]
fn passwords_come_from_dockers_file_a_helper_or_a_pull_secret() {
    if !tools() {
        return;
    }
    let registry = Registry::start(true);
    let place = Place::online();
    let name = registry.name("secret:1");
    ok(&place, &["image", "load", &name, plain(&guest("hello"))]);
    let docker = place.path().join("docker");
    std::fs::create_dir(&docker).expect("made");
    let run = |args: &[&str]| {
        let mut command = place.command(args);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", docker.display()));
        command
            .env("DOCKER_CONFIG", &docker)
            .output()
            .expect("peapod runs")
    };
    let refused = run(&["image", "push", &name]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("authorization failed"), "{said}");
    let host = format!("127.0.0.1:{}", registry.port);
    let helper = docker.join("docker-credential-peatest");
    let script = format!(
        "#!/bin/sh\nread server\n[ \"$1 $server\" = \"get {host}\" ] && echo '{{\"Username\": \"user\", \"Secret\": \"open sesame\"}}'\n"
    );
    std::fs::write(&helper, script).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&helper, mode).expect("set");
    let config = format!("{{\"credHelpers\": {{\"{host}\": \"peatest\"}}}}");
    std::fs::write(docker.join("config.json"), config).expect("written");
    let pushed = run(&["image", "push", &name]);
    assert!(
        pushed.status.success(),
        "{}",
        String::from_utf8_lossy(&pushed.stderr)
    );
    // "user:open sesame"
    let auths =
        format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"dXNlcjpvcGVuIHNlc2FtZQ==\"}}}}}}");
    std::fs::write(docker.join("config.json"), &auths).expect("written");
    ok(&place, &["image", "rm", &name]);
    let pulled = run(&["image", "pull", &name]);
    assert!(
        pulled.status.success(),
        "{}",
        String::from_utf8_lossy(&pulled.stderr)
    );
    ok(&place, &["image", "rm", &name]);
    let secret = format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: reg}}\ntype: kubernetes.io/dockerconfigjson\nstringData:\n  .dockerconfigjson: '{auths}'\n"
    );
    let manifest = pod(&name, "  imagePullSecrets: [{name: reg}]\n") + &secret;
    let ran = place.run(&manifest, &[]);
    assert!(ran.shows("Successfully pulled image"), "{}", ran.stderr);
    assert_eq!(ran.output_of("c"), ["hello from peapod"]);
    let ran = place.run(&pod(&registry.name("other:1"), ""), &["--timeout", "2s"]);
    assert!(ran.shows("authorization failed"), "{}", ran.stderr);
}

/// Every blob is what its name says, and every name leads to all of its blobs.
fn check(place: &Place) {
    let images = place.data_dir().join("images");
    let files = |folder: &str| -> Vec<PathBuf> {
        let all = std::fs::read_dir(images.join(folder)).into_iter().flatten();
        all.map(|entry| entry.expect("read").path()).collect()
    };
    for blob in files("blobs/sha256") {
        let bytes = std::fs::read(&blob).expect("read");
        let digest = hex::encode(Sha256::digest(&bytes));
        assert_eq!(
            blob.file_name().expect("named").to_str(),
            Some(digest.as_str())
        );
    }
    let parse = |path: &Path| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(path).expect("read")).expect("whole")
    };
    for name in files("names") {
        let digest = parse(&name)["manifest"]["digest"].clone();
        let hex = digest
            .as_str()
            .and_then(|text| text.strip_prefix("sha256:"));
        let manifest = parse(&images.join("blobs/sha256").join(hex.expect("a digest")));
        let layers = manifest["layers"].as_array().expect("layers").iter();
        for blob in layers.chain([&manifest["config"]]) {
            let digest = blob["digest"]
                .as_str()
                .and_then(|text| text.strip_prefix("sha256:"));
            let found = std::fs::metadata(images.join("blobs/sha256").join(digest.expect("one")));
            assert_eq!(Some(found.expect("there").len()), blob["size"].as_u64());
        }
    }
    assert_eq!(place.peapod(&["image", "ls"]).code, 0);
}

/// `KILLS=100` as in `just kills`; a few by default.
#[test]
fn killed_at_any_moment_the_store_is_sound() {
    if !tools() {
        return;
    }
    let kills = std::env::var("KILLS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(6);
    let registry = Registry::start(false);
    let (here, there) = (Place::online(), Place::online());
    let root = here.path().join("root");
    std::fs::create_dir_all(&root).expect("made");
    // Large enough that a kill meets it on its way, and different in each round.
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let program = guest("hello");
    let mut killed = [0, 0];
    for round in 0_u64..kills {
        let bytes: Vec<u8> = (0..1 << 20).flat_map(|_| next().to_le_bytes()).collect();
        std::fs::write(root.join("large"), bytes).expect("written");
        let name = registry.name(&format!("large:{}", round % 3));
        let load = [
            "image",
            "load",
            &name,
            plain(&program),
            "--rootfs",
            plain(&root),
        ];
        ok(&here, &load);
        ok(&here, &["image", "push", &name]);
        for (which, args) in [&["image", "pull", &name][..], &load]
            .into_iter()
            .enumerate()
        {
            let mut child = there
                .command(args)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("started");
            // From before it has begun to after it is done.
            std::thread::sleep(Duration::from_millis(next() % 250));
            child.kill().expect("killed");
            let status = child.wait().expect("ended");
            killed[which] += u64::from(!status.success());
            check(&there);
        }
    }
    println!(
        "{} of {kills} pulls and {} of {kills} loads were cut off",
        killed[0], killed[1]
    );
    for round in 0..kills.min(3) {
        ok(
            &there,
            &["image", "pull", &registry.name(&format!("large:{round}"))],
        );
    }
    check(&there);
    let name = registry.name("large:0");
    let ran = there.run(&pod(&name, ""), &[]);
    assert_eq!(ran.phase(), "Succeeded", "{}", ran.stderr);
    for round in 0..kills.min(3) {
        ok(
            &there,
            &["image", "rm", &registry.name(&format!("large:{round}"))],
        );
    }
    let images = there.data_dir().join("images");
    for folder in ["blobs/sha256", "tmp"] {
        let left = std::fs::read_dir(images.join(folder))
            .expect("there")
            .count();
        assert_eq!(left, 0, "{folder}");
    }
}
