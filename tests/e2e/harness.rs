//! Runs `peapod` the way a person does, in a data directory of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

/// The project's top folder.
pub(crate) fn project() -> &'static Path {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    host.parent().expect("host/ stands in the project")
}

/// A component of `guests/`.
pub(crate) fn guest(name: &str) -> PathBuf {
    let path = project().join("guests/dist").join(format!("{name}.wasm"));
    assert!(
        path.exists(),
        "{} is missing: run `just guests` first",
        path.display()
    );
    path
}

/// Compiled code is shared by all tests, or each would compile the same components again. A person's second run does not compile either.
fn shared_code() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = project().join("target/e2e-code");
        std::fs::create_dir_all(&dir).expect("made");
        dir
    })
}

/// A place to run pods in.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    /// A fresh data directory without images.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let cache = dir.path().join("data/cache");
        std::fs::create_dir_all(&cache).expect("made");
        std::os::unix::fs::symlink(shared_code(), cache.join("code")).expect("linked");
        // No test depends on what registries of the world answer today, or whether they can be reached.
        let place = Self { dir };
        std::fs::write(place.registries(), "offline: true\n").expect("written");
        place
    }

    /// A fresh data directory whose registries are asked.
    pub(crate) fn online() -> Self {
        let place = Self::new();
        std::fs::remove_file(place.registries()).expect("removed");
        place
    }

    fn registries(&self) -> PathBuf {
        self.data_dir().join("registries.yaml")
    }

    /// A data directory with the sample images.
    pub(crate) fn with_images() -> Self {
        let place = Self::new();
        let loaded = Command::new(project().join("guests/load-images.sh"))
            .env("PEAPOD", env!("CARGO_BIN_EXE_peapod"))
            .env("PEAPOD_DATA_DIR", place.data_dir())
            .output()
            .expect("bash runs");
        assert!(
            loaded.status.success(),
            "{}",
            String::from_utf8_lossy(&loaded.stderr)
        );
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Writes a file beside the manifests.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// `peapod` with these arguments.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peapod"));
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_remove("PEAPOD_LOG")
            .env("PEAPOD_DATA_DIR", self.data_dir())
            .env("PEAPOD_TEST_SECRET", "of the machine")
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub(crate) fn peapod(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().expect("peapod runs"))
    }

    /// Runs a manifest and gives the final objects.
    pub(crate) fn run(&self, manifest: &str, args: &[&str]) -> Ran {
        let file = self.file("pod.yaml", manifest);
        self.run_file(&file, args)
    }

    /// Runs a manifest file and gives the final objects.
    pub(crate) fn run_file(&self, file: &Path, args: &[&str]) -> Ran {
        let file = file.to_str().expect("a plain path");
        let all = [
            &["run", "-o", "json", "--events", "--prefix", "always", file][..],
            args,
        ]
        .concat();
        self.peapod(&all)
    }
}

/// What a command left behind.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// The object it printed.
    pub(crate) fn object(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// `status` of the one pod.
    pub(crate) fn status(&self) -> Value {
        self.object()["status"].clone()
    }

    pub(crate) fn phase(&self) -> String {
        text(&self.status()["phase"])
    }

    /// The status of one container.
    pub(crate) fn container(&self, name: &str) -> Value {
        let status = self.status();
        let all = ["initContainerStatuses", "containerStatuses"]
            .iter()
            .filter_map(|list| status[list].as_array().cloned())
            .flatten()
            .find(|container| container["name"] == name);
        all.unwrap_or_else(|| panic!("no status of {name}: {status:#}"))
    }

    /// How its last instance ended.
    pub(crate) fn terminated(&self, name: &str) -> Value {
        self.container(name)["state"]["terminated"].clone()
    }

    /// What one container wrote, to either stream.
    pub(crate) fn output_of(&self, container: &str) -> Vec<String> {
        let mark = format!("/{container} | ");
        let lines = self.stderr.lines().chain(self.stdout.lines());
        lines
            .filter_map(|line| line.split_once(&mark))
            .filter(|(pod, _)| !pod.contains(' '))
            .map(|(_, text)| text.to_owned())
            .collect()
    }

    /// The position of a line in what was shown on standard error.
    pub(crate) fn at(&self, needle: &str) -> usize {
        let found = self.stderr.lines().position(|line| line.contains(needle));
        found.unwrap_or_else(|| panic!("{needle:?} is not in:\n{}", self.stderr))
    }

    pub(crate) fn shows(&self, needle: &str) -> bool {
        self.stderr.contains(needle)
    }
}

/// A JSON string.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Waits until something is so; a machine may be slow, so the limit is generous and nothing is measured.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("waited in vain: {what}");
}
