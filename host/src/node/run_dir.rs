//! The folder of one run of peapod: what its pods have on disk, gone with them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// A folder under the data directory that belongs to this process alone. Another peapod may run on the same data directory; one that
/// was killed leaves its folder behind, and the next one to start removes it.
pub struct RunDir {
    path: PathBuf,
    _lock: File,
}

const LOCK: &str = "lock";

impl RunDir {
    /// Makes the folder under `data_dir/run`.
    pub fn create(data_dir: &Path) -> io::Result<Self> {
        let runs = data_dir.join("run");
        fs::create_dir_all(&runs)?;
        // Held against a sweep that would find the folder between its making and its locking.
        let _gate = gate(&runs)?;
        let path = runs.join(uuid::Uuid::new_v4().simple().to_string());
        make(&path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.try_lock().map_err(io::Error::from)?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder itself, which nobody but the user may enter.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where pods' folders go.
    pub fn pods(&self) -> PathBuf {
        self.path.join("pods")
    }

    /// Removes folders of processes that are gone. Slow if they left much behind: not on the way to a pod's start.
    pub fn sweep(&self) {
        let Some(runs) = self.path.parent() else {
            return;
        };
        let Ok(_gate) = gate(runs) else {
            return;
        };
        for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
            let path = entry.path();
            if path == self.path {
                continue;
            }
            if let Ok(lock) = File::open(path.join(LOCK))
                && lock.try_lock().is_ok()
            {
                let removed = crate::tree::remove(&path);
                tracing::debug!(path = %path.display(), ?removed, "left behind by another run");
            }
        }
    }
}

/// Pods' files and the control socket are in it: it is the user's alone from the beginning.
fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Lets one process at a time make or sweep folders.
fn gate(runs: &Path) -> io::Result<File> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(runs.join(".gate"))?;
    file.lock()?;
    Ok(file)
}

impl Drop for RunDir {
    fn drop(&mut self) {
        if let Err(error) = crate::tree::remove(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RunDir;

    #[test]
    fn a_run_removes_what_dead_runs_left_and_nothing_else() {
        let data = tempfile::tempdir().expect("a folder");
        let alive = RunDir::create(data.path()).expect("made");
        let dead = data.path().join("run/dead");
        std::fs::create_dir_all(dead.join("pods/x")).expect("made");
        std::fs::write(dead.join("lock"), "").expect("written");
        let starting = data.path().join("run/starting");
        std::fs::create_dir(&starting).expect("made");
        let mine = RunDir::create(data.path()).expect("made");
        mine.sweep();
        assert!(!dead.exists());
        assert!(starting.exists() && alive.path.exists() && mine.path.exists());
        let path = mine.path.clone();
        drop(mine);
        assert!(!path.exists());
    }
}
