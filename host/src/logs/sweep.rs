//! Removing the logs of runs that are over: what is too old, and the oldest while all together are too much.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::file::pod_dir;
use super::index;
use crate::model::Time;

/// What is kept of runs that are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// All logs together; the live runs' count, but are not removed.
    pub max_bytes: u64,
    /// After the run's last line.
    pub max_age: Duration,
}

impl Default for Retention {
    /// A gigabyte, a week.
    fn default() -> Self {
        Self {
            max_bytes: 1 << 30,
            max_age: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

/// What is removed as one.
#[derive(Default)]
struct Remains {
    /// The run's index; none for folders that no index knows.
    index: Option<PathBuf>,
    folders: Vec<PathBuf>,
    bytes: u64,
    /// The last change of any of its files.
    newest: Time,
}

impl Remains {
    fn of(index: Option<PathBuf>, folders: Vec<PathBuf>) -> Self {
        let mut remains = Self::default();
        for path in index.iter().chain(&folders) {
            remains.count(path);
        }
        Self {
            index,
            folders,
            ..remains
        }
    }

    fn count(&mut self, path: &Path) {
        let Ok(found) = fs::symlink_metadata(path) else {
            return;
        };
        if found.is_dir() {
            for entry in fs::read_dir(path).into_iter().flatten().flatten() {
                self.count(&entry.path());
            }
        }
        self.bytes += found.len();
        let changed = found.modified().ok();
        let since_epoch = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let changed = Time::EPOCH + since_epoch.unwrap_or(Duration::ZERO);
        self.newest = self.newest.max(changed);
    }

    /// Removes it, unless a run holds its index.
    fn remove(&self) {
        // Held until all is gone, or two who sweep would trip over each other.
        let lock = self.index.as_ref().map(File::open);
        let free = match &lock {
            Some(Ok(file)) => file.try_lock().is_ok(),
            Some(Err(_)) => false,
            None => true,
        };
        if !free {
            return;
        }
        for folder in &self.folders {
            let removed = crate::tree::remove(folder);
            tracing::debug!(path = %folder.display(), ?removed, "logs of a run that is over");
        }
        // Last: as long as something is left, somebody knows whose it is.
        if let Some(index) = &self.index {
            let _ignored = fs::remove_file(index);
        }
    }
}

/// Removes what is not to be kept. Slow if there is much: not on the way to a pod's start.
pub fn sweep(root: &Path, retention: Retention, now: Time) {
    // The folders first: the index of a run has a pod before the pod's folder is made, so that what is listed here and known to no index
    // is nobody's.
    let mut folders = folders(root);
    let mut live_bytes = 0;
    let mut remains = Vec::new();
    for run in index::runs(root) {
        let names: HashSet<_> = run.pods.iter().map(name).collect();
        let (own, others) = folders.into_iter().partition(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| names.contains(name))
        });
        folders = others;
        if run.alive {
            live_bytes += Remains::of(Some(run.path), own).bytes;
        } else {
            remains.push(Remains::of(Some(run.path), own));
        }
    }
    let orphans = folders
        .into_iter()
        .map(|path| Remains::of(None, vec![path]));
    remains.extend(orphans);
    remains.sort_by_key(|remains| std::cmp::Reverse(remains.newest));
    let mut kept = live_bytes;
    for remains in &remains {
        // Never taken back: what is older than the first that is too much goes, too.
        kept += remains.bytes;
        let too_old = now.since(remains.newest) > retention.max_age;
        if too_old || kept > retention.max_bytes {
            remains.remove();
        }
    }
}

fn name(pod: &index::PodRecord) -> String {
    pod_dir(&pod.namespace, &pod.name, &pod.uid)
}

fn folders(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        !hidden && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    folders.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    use super::super::index::{IndexWriter, PodRecord};
    use super::{Retention, sweep};
    use crate::model::{Time, testing};

    const NOW: Time = Time::from_unix_secs(2_000_000_000);

    /// A pod's folder with so many bytes in it, changed so long ago.
    fn pod(root: &Path, name: &str, bytes: usize, age: Duration) -> PodRecord {
        let dir = root.join(format!("default_{name}_{name}/c"));
        fs::create_dir_all(&dir).expect("made");
        fs::write(dir.join("0.log"), vec![b'x'; bytes]).expect("written");
        let then = UNIX_EPOCH + (NOW - Time::EPOCH) - age;
        let touch = |path: &Path| {
            let file = File::open(path).expect("opened");
            file.set_modified(then).expect("set");
        };
        touch(&dir.join("0.log"));
        touch(&dir);
        touch(&root.join(format!("default_{name}_{name}")));
        PodRecord {
            uid: name.to_owned(),
            name: name.to_owned(),
            ..PodRecord::new(&testing::pod(), &testing::status())
        }
    }

    fn run(root: &Path, pods: &[PodRecord], age: Duration) -> IndexWriter {
        let mut index = IndexWriter::create(root).expect("made");
        index.write(pods).expect("written");
        index.age(UNIX_EPOCH + (NOW - Time::EPOCH) - age);
        index
    }

    fn left(root: &Path) -> Vec<String> {
        let entries = fs::read_dir(root).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("one").file_name().into_string().expect("text"))
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn the_oldest_runs_go_first_and_a_live_one_never() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        let _live = run(root, &[pod(root, "live", 500_000, DAY * 6)], DAY * 6);
        drop(run(root, &[pod(root, "old", 300_000, DAY * 3)], DAY * 3));
        drop(run(root, &[pod(root, "new", 300_000, DAY)], DAY));
        let retention = Retention {
            max_bytes: 1_000_000,
            ..Retention::default()
        };
        sweep(root, retention, NOW);
        assert_eq!(left(root), ["default_live_live", "default_new_new"]);
        let none = Retention {
            max_bytes: 0,
            ..retention
        };
        sweep(root, none, NOW);
        assert_eq!(left(root), ["default_live_live"]);
        assert_eq!(fs::read_dir(root.join(".runs")).expect("there").count(), 1);
    }

    #[test]
    fn what_a_killed_run_left_goes_with_time_even_where_no_index_tells_of_it() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        drop(run(root, &[pod(root, "a", 1, DAY * 8)], DAY * 8));
        pod(root, "nobodys", 1, DAY * 8);
        pod(root, "nobodys-new", 1, DAY);
        sweep(root, Retention::default(), NOW);
        assert_eq!(left(root), ["default_nobodys-new_nobodys-new"]);
    }
}
