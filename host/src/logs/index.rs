//! The index of a run: which pods it has and how their containers stand, for readers in other processes.
//!
//! A file `.runs/<id>.jsonl`: each line is a pod's record, whole; the last one of a pod counts. The run that writes it holds its lock, so
//! that a reader can tell a live run from one that ended or was killed.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::model::{ContainerState, ContainerStatus, Pod, PodStatus, Role};

/// Beside the pods' folders, out of the way of whoever looks for `*/*/*.log`.
const RUNS: &str = ".runs";
/// From this size on the file is written anew, with the last records only, whenever three quarters of it are of no use any more.
const COMPACT_BYTES: u64 = 1 << 20;
/// `kubectl logs` and `exec` take this container when none is named.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// A pod as readers of logs know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PodRecord {
    pub(super) uid: String,
    pub(super) namespace: String,
    pub(super) name: String,
    /// Seconds since the Unix epoch.
    pub(super) created: u64,
    /// Nothing of it runs any more or ever will.
    pub(super) over: bool,
    /// What its annotation says.
    pub(super) default_container: Option<String>,
    /// Init containers and sidecars first, each in the order of the specification.
    pub(super) containers: Vec<ContainerRecord>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ContainerRecord {
    pub(super) name: String,
    pub(super) init: bool,
    pub(super) state: StateRecord,
    /// The instance that `lastState` is about.
    pub(super) last: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum StateRecord {
    Waiting(String),
    Running(u32),
    /// No number: its own start failed, so that there is no instance.
    Terminated(Option<u32>),
}

impl PodRecord {
    pub(super) fn new(pod: &Pod, status: &PodStatus) -> Self {
        let annotation = pod.meta.annotations.get(DEFAULT_CONTAINER);
        let all = status.init.iter().chain(&status.mains);
        let containers = pod.spec.containers().map(|spec| ContainerRecord {
            name: spec.name.as_str().to_owned(),
            init: spec.role != Role::Main,
            ..all.clone().find(|status| status.name == spec.name).map_or(
                ContainerRecord {
                    name: String::new(),
                    init: false,
                    state: StateRecord::Waiting("ContainerCreating".to_owned()),
                    last: None,
                },
                ContainerRecord::of,
            )
        });
        Self {
            uid: pod.meta.uid.as_str().to_owned(),
            namespace: pod.meta.namespace.as_str().to_owned(),
            name: pod.meta.name.as_str().to_owned(),
            created: pod.meta.created.unix_secs(),
            over: false,
            default_container: annotation.cloned(),
            containers: containers.collect(),
        }
    }
}

impl ContainerRecord {
    fn of(status: &ContainerStatus) -> Self {
        let newest = status.restart_count;
        let last = status.last_state.as_ref();
        let had_id = last.is_some_and(|last| last.container_id.is_some());
        let (state, last) = match &status.state {
            // Between two instances the count is still that of the last.
            ContainerState::Waiting { reason, .. } => {
                (StateRecord::Waiting(reason.clone()), Some(newest))
            }
            ContainerState::Running { .. } => (StateRecord::Running(newest), newest.checked_sub(1)),
            ContainerState::Terminated(ended) => {
                let number = ended.container_id.as_ref().map(|_| newest);
                (StateRecord::Terminated(number), newest.checked_sub(1))
            }
        };
        Self {
            name: status.name.as_str().to_owned(),
            init: false,
            state,
            last: last.filter(|_| had_id),
        }
    }
}

/// The writing end of a run's index.
pub(super) struct IndexWriter {
    path: PathBuf,
    /// Locked while the run lasts.
    file: File,
    bytes: u64,
    /// How long the last record of each pod is that is not over.
    pods: HashMap<String, u64>,
    /// How long those of the others are together.
    over_bytes: u64,
}

impl IndexWriter {
    /// A new run's, in the log directory `root`.
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        let runs = root.join(RUNS);
        fs::create_dir_all(&runs)?;
        let name = uuid::Uuid::new_v4().simple().to_string();
        let path = runs.join(format!("{name}.jsonl"));
        Ok(Self {
            file: locked(&path)?,
            path,
            bytes: 0,
            pods: HashMap::new(),
            over_bytes: 0,
        })
    }

    /// Whether a record of that pod was written before; of one that is over, nothing more is to be written.
    pub(super) fn knows(&self, uid: &str) -> bool {
        self.pods.contains_key(uid)
    }

    /// Writes records, in order.
    pub(super) fn write<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a PodRecord>,
    ) -> io::Result<()> {
        let mut text = String::new();
        for record in records {
            let before = text.len();
            text.push_str(&serde_json::to_string(record)?);
            text.push('\n');
            let len = bytes(text.len() - before);
            if record.over {
                self.pods.remove(&record.uid);
                self.over_bytes += len;
            } else {
                self.pods.insert(record.uid.clone(), len);
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        if let Err(error) = self.file.write_all(text.as_bytes()) {
            // Half a line would spoil the next one.
            let _ignored = self.file.set_len(self.bytes);
            return Err(error);
        }
        self.bytes += bytes(text.len());
        let of_use = || self.over_bytes + self.pods.values().sum::<u64>();
        if self.bytes > COMPACT_BYTES && self.bytes / 4 > of_use() {
            self.compact()?;
        }
        Ok(())
    }

    /// As if its last record had been written then.
    #[cfg(test)]
    pub(super) fn age(&self, then: SystemTime) {
        self.file.set_modified(then).expect("set");
    }

    fn compact(&mut self) -> io::Result<()> {
        let old = fs::read_to_string(&self.path)?;
        let mut text = String::new();
        for record in newest(&old) {
            text.push_str(&serde_json::to_string(&record)?);
            text.push('\n');
        }
        // It takes the old one's place while both are locked: at no moment does the run look dead.
        let temporary = self.path.with_extension("tmp");
        let file = File::create(&temporary)?;
        file.lock()?;
        (&file).write_all(text.as_bytes())?;
        fs::rename(&temporary, &self.path)?;
        self.file = file;
        self.bytes = bytes(text.len());
        Ok(())
    }
}

/// The last record of each pod. What comes after the last newline is being written.
fn newest(text: &str) -> Vec<PodRecord> {
    let lines = text
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    let records = lines.filter_map(|line| serde_json::from_str::<PodRecord>(line).ok());
    let newest: HashMap<_, _> = records.map(|record| (record.uid.clone(), record)).collect();
    newest.into_values().collect()
}

/// A file that is locked before it is there to be found.
fn locked(path: &Path) -> io::Result<File> {
    let temporary = path.with_extension("tmp");
    let file = File::create(&temporary)?;
    file.lock()?;
    fs::rename(&temporary, path)?;
    Ok(file)
}

fn bytes(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A run as a reader finds it.
pub(super) struct Run {
    pub(super) path: PathBuf,
    pub(super) pods: Vec<PodRecord>,
    /// Its process is there.
    pub(super) alive: bool,
}

/// Every run in a log directory.
pub(super) fn runs(root: &Path) -> Vec<Run> {
    let entries = fs::read_dir(root.join(RUNS)).into_iter().flatten();
    let paths = entries.flatten().map(|entry| entry.path());
    let paths = paths.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
    paths.filter_map(|path| run(path).ok()).collect()
}

/// One run.
pub(super) fn run(path: PathBuf) -> io::Result<Run> {
    // Before the records: of a run that ends meanwhile, the last ones must not be missed.
    let alive = is_alive(&path)?;
    let text = fs::read_to_string(&path)?;
    Ok(Run {
        pods: newest(&text),
        path,
        alive,
    })
}

/// A run as whoever follows it finds it.
pub(super) struct Look {
    /// Its pods, if they may have changed since the last look.
    pub(super) pods: Option<Vec<PodRecord>>,
    pub(super) alive: bool,
}

/// Looks at a run again. `seen` is the length and the time of change of what was read last.
pub(super) fn changed(path: &Path, seen: &mut Option<(u64, SystemTime)>) -> io::Result<Look> {
    let alive = is_alive(path)?;
    let found = fs::metadata(path)?;
    let found = Some((found.len(), found.modified()?));
    if *seen == found {
        return Ok(Look { pods: None, alive });
    }
    // Noted before it is read: what is added meanwhile is read again next time.
    *seen = found;
    let pods = Some(run(path.to_owned())?.pods);
    Ok(Look { pods, alive })
}

fn is_alive(path: &Path) -> io::Result<bool> {
    // Shared, so that readers do not take one another for the run.
    match File::open(path)?.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{IndexWriter, PodRecord, StateRecord, runs};
    use crate::model::testing;

    fn record(name: &str) -> PodRecord {
        PodRecord {
            uid: name.to_owned(),
            name: name.to_owned(),
            ..PodRecord::new(&testing::pod(), &testing::status())
        }
    }

    #[test]
    fn the_last_record_of_a_pod_counts_and_a_run_is_alive_while_it_holds_its_index() {
        let root = tempfile::tempdir().expect("a folder");
        let mut index = IndexWriter::create(root.path()).expect("made");
        let over = PodRecord {
            over: true,
            ..record("a")
        };
        index.write([&record("a"), &record("b")]).expect("written");
        index.write([&over]).expect("written");
        let found = runs(root.path());
        assert!(found[0].alive);
        assert_eq!(found[0].pods.len(), 2);
        assert!(found[0].pods.iter().any(|pod| pod.name == "a" && pod.over));
        drop(index);
        assert!(!runs(root.path())[0].alive);
    }

    #[test]
    fn an_index_does_not_grow_for_ever() {
        let root = tempfile::tempdir().expect("a folder");
        let mut index = IndexWriter::create(root.path()).expect("made");
        let long = |n: u32| {
            let mut record = record("a");
            record.containers[0].state = StateRecord::Running(n);
            record.containers[0].name = "c".repeat(1000);
            record
        };
        for n in 0..3000 {
            index.write([&long(n)]).expect("written");
        }
        let len = std::fs::metadata(&index.path).expect("there").len();
        assert!(len < super::COMPACT_BYTES + 4096, "{len}");
        let found = runs(root.path());
        assert!(found[0].alive, "also after it was written anew");
        assert_eq!(
            found[0].pods[0].containers[0].state,
            StateRecord::Running(2999)
        );
    }

    #[test]
    fn what_is_only_half_written_is_not_read() {
        let root = tempfile::tempdir().expect("a folder");
        let mut index = IndexWriter::create(root.path()).expect("made");
        index.write([&record("a")]).expect("written");
        std::io::Write::write_all(&mut &index.file, b"{\"uid\":\"b").expect("written");
        assert_eq!(runs(root.path())[0].pods.len(), 1);
    }
}
