//! The files of one instance: opened at the first byte, rotated when full.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::model::Pod;

/// The longest name of a file there may be on common file systems.
const NAME_BYTES_MAX: usize = 255;

/// When files are rotated and how many are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// A file grows no larger than this, but for a line that is larger.
    pub max_bytes: u64,
    /// How many files an instance may have, the current one included.
    pub max_files: u32,
}

impl Default for Rotation {
    /// As a kubelet: 10 MiB, 5 files.
    fn default() -> Self {
        Self {
            max_bytes: 10 << 20,
            max_files: 5,
        }
    }
}

/// The name of a pod's folder, as under `/var/log/pods`. A pod's name alone may be as long as a file's: then it is cut, the UID never is.
pub(super) fn pod_dir(namespace: &str, name: &str, uid: &str) -> String {
    let rest = NAME_BYTES_MAX.saturating_sub(namespace.len() + uid.len() + 2);
    let name = &name[..name.floor_char_boundary(rest)];
    format!("{namespace}_{name}_{uid}")
}

/// Where an instance's files are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The container's folder.
    dir: PathBuf,
    number: u32,
}

impl Place {
    pub(super) fn new(root: &Path, pod: &Pod, container: &str, number: u32) -> Self {
        let meta = &pod.meta;
        let name = pod_dir(
            meta.namespace.as_str(),
            meta.name.as_str(),
            meta.uid.as_str(),
        );
        Self::of(&root.join(name), container, number)
    }

    pub(super) fn of(pod_dir: &Path, container: &str, number: u32) -> Self {
        Self {
            dir: pod_dir.join(container),
            number,
        }
    }

    /// The file that is written now.
    pub(super) fn current(&self) -> PathBuf {
        self.dir.join(format!("{}.log", self.number))
    }

    fn rotated(&self, piece: u64) -> PathBuf {
        self.dir.join(format!("{}.log.{piece}", self.number))
    }

    /// The rotated files, oldest first.
    pub(super) fn pieces(&self) -> Vec<(u64, PathBuf)> {
        let mut pieces: Vec<_> = instances(&self.dir)
            .filter(|(number, _)| *number == self.number)
            .filter_map(|(_, path)| {
                let piece = path.extension()?.to_str()?.parse().ok()?;
                Some((piece, path))
            })
            .collect();
        pieces.sort();
        pieces
    }

    /// The first instance after this one that wrote anything.
    pub(super) fn next_there(&self) -> Option<u32> {
        let numbers = instances(&self.dir).map(|(number, _)| number);
        numbers.filter(|number| *number > self.number).min()
    }

    pub(super) const fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn with_number(&self, number: u32) -> Self {
        Self {
            dir: self.dir.clone(),
            number,
        }
    }

    /// Removes the files of instances before the previous one: like a kubelet, one dead instance's log is kept.
    pub(super) fn forget_older(&self) {
        for (number, path) in instances(&self.dir) {
            if number.saturating_add(1) < self.number {
                let removed = fs::remove_file(&path);
                tracing::trace!(path = %path.display(), ?removed, "an old instance's log");
            }
        }
    }
}

/// Every log file of a container with the number of its instance.
fn instances(dir: &Path) -> impl Iterator<Item = (u32, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let name = entry.file_name();
        let (number, rest) = name.to_str()?.split_once(".log")?;
        if !rest.is_empty() && !rest.starts_with('.') {
            return None;
        }
        Some((number.parse().ok()?, entry.path()))
    })
}

/// The writing end of an instance's files.
pub(super) struct LogFile {
    place: Place,
    rotation: Rotation,
    open: Option<Open>,
    /// The number under which the current file will be rotated, once one was open.
    piece: Option<u64>,
}

struct Open {
    file: File,
    /// What of it is whole lines.
    bytes: u64,
}

impl LogFile {
    pub(super) const fn new(place: Place, rotation: Rotation) -> Self {
        Self {
            place,
            rotation,
            open: None,
            piece: None,
        }
    }

    /// Appends whole lines. After an error the file is as long as before the lines that did not fit, so that none is torn.
    pub(super) fn append(&mut self, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            let max = self.rotation.max_bytes;
            let open = self.open()?;
            let room = usize::try_from(max.saturating_sub(open.bytes)).unwrap_or(usize::MAX);
            let fitting = if lines.len() <= room {
                lines.len()
            } else {
                lines[..room]
                    .iter()
                    .rposition(|byte| *byte == b'\n')
                    .map_or(0, |at| at + 1)
            };
            let len = match (fitting, open.bytes) {
                // A line that is larger than a file has one of its own.
                (0, 0) => {
                    let end = lines.iter().position(|byte| *byte == b'\n');
                    end.map_or(lines.len(), |at| at + 1)
                }
                (0, _) => {
                    self.rotate()?;
                    continue;
                }
                (fitting, _) => fitting,
            };
            let (now, later) = lines.split_at(len);
            if let Err(error) = open.file.write_all(now) {
                let _ignored = open.file.set_len(open.bytes);
                return Err(error);
            }
            open.bytes += u64::try_from(len).unwrap_or(u64::MAX);
            lines = later;
        }
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut Open> {
        match &mut self.open {
            Some(open) => Ok(open),
            none => {
                fs::create_dir_all(&self.place.dir)?;
                let mut append = File::options();
                let file = append
                    .create(true)
                    .append(true)
                    .open(self.place.current())?;
                let bytes = file.metadata()?.len();
                // Almost always the first file of an instance; to find out otherwise would cost every container a look at its folder.
                if self.piece.is_none() && bytes > 0 {
                    let last = self.place.pieces().pop();
                    self.piece = last.map(|(piece, _)| piece + 1);
                }
                Ok(none.insert(Open { file, bytes }))
            }
        }
    }

    fn rotate(&mut self) -> io::Result<()> {
        let piece = self.piece.unwrap_or(1);
        match fs::rename(self.place.current(), self.place.rotated(piece)) {
            Ok(()) => {}
            // Somebody removed it; that is no reason to lose what comes now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.open = None;
        // Known from here on, also if the next file cannot be made or stays empty because the disk is full.
        self.piece = Some(piece + 1);
        let kept = u64::from(self.rotation.max_files.saturating_sub(1));
        if let Some(oldest) = piece.checked_sub(kept).filter(|piece| *piece > 0) {
            let _ignored = fs::remove_file(self.place.rotated(oldest));
        }
        self.open().map(drop)
    }

    /// Lets go of the file; the next byte opens it again.
    pub(super) fn close(&mut self) {
        self.open = None;
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFile, Place, Rotation, pod_dir};

    fn names(dir: &std::path::Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).expect("a folder");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("one").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_full_file_is_rotated_at_a_line_and_the_oldest_goes() {
        let root = tempfile::tempdir().expect("a folder");
        let place = Place::of(root.path(), "c", 0);
        let rotation = Rotation {
            max_bytes: 10,
            max_files: 3,
        };
        let mut file = LogFile::new(place.clone(), rotation);
        assert_eq!(names(root.path()), [""; 0], "nothing before the first byte");
        file.append(b"1111\n2222\n3333\n").expect("written");
        file.append(b"4444\n55555555555555\n6\n").expect("written");
        assert_eq!(
            names(&root.path().join("c")),
            ["0.log", "0.log.2", "0.log.3"]
        );
        let read = |name: &str| std::fs::read_to_string(root.path().join("c").join(name));
        assert_eq!(read("0.log.2").expect("read"), "3333\n4444\n");
        assert_eq!(read("0.log.3").expect("read"), "55555555555555\n");
        assert_eq!(read("0.log").expect("read"), "6\n");
        // A host that comes back to the instance goes on where it was.
        let mut again = LogFile::new(place.clone(), rotation);
        again.append(b"777777777\n").expect("written");
        assert_eq!(
            names(&root.path().join("c")),
            ["0.log", "0.log.3", "0.log.4"]
        );
        assert_eq!(place.pieces().len(), 2);
    }

    #[test]
    fn one_dead_instance_is_kept() {
        let root = tempfile::tempdir().expect("a folder");
        let small = Rotation {
            max_bytes: 2,
            max_files: 5,
        };
        for number in 0..12 {
            let place = Place::of(root.path(), "c", number);
            place.forget_older();
            let mut file = LogFile::new(place, small);
            file.append(b"a\nb\n").expect("written");
        }
        assert_eq!(
            names(&root.path().join("c")),
            ["10.log", "10.log.1", "11.log", "11.log.1"]
        );
        assert_eq!(Place::of(root.path(), "c", 3).next_there(), Some(10));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_disk_that_is_full_tears_no_line() {
        let root = tempfile::tempdir().expect("a folder");
        let place = Place::of(root.path(), "c", 0);
        std::fs::create_dir(root.path().join("c")).expect("made");
        std::os::unix::fs::symlink("/dev/full", place.current()).expect("linked");
        let mut file = LogFile::new(place.clone(), Rotation::default());
        let error = file.append(b"lost\n").expect_err("no space");
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        std::fs::remove_file(place.current()).expect("removed");
        file.close();
        file.append(b"kept\n").expect("there is space again");
        let text = std::fs::read_to_string(place.current()).expect("read");
        assert_eq!(text, "kept\n");
    }

    #[test]
    fn a_disk_that_is_full_after_a_rotation_does_not_start_the_numbers_again() {
        let root = tempfile::tempdir().expect("a folder");
        let place = Place::of(root.path(), "c", 0);
        let rotation = Rotation {
            max_bytes: 4,
            max_files: 3,
        };
        let mut file = LogFile::new(place.clone(), rotation);
        file.append(b"aaa\nbbb\nccc\n").expect("written");
        // The next file is made and takes nothing, which lets go of it.
        file.rotate().expect("rotated");
        file.close();
        file.append(b"ddd\neee\n").expect("there is space again");
        let pieces: Vec<_> = place.pieces().iter().map(|(piece, _)| *piece).collect();
        assert_eq!(pieces, [3, 4]);
    }

    #[test]
    fn a_file_that_somebody_removed_costs_nothing_but_its_own_lines() {
        let root = tempfile::tempdir().expect("a folder");
        let place = Place::of(root.path(), "c", 0);
        let rotation = Rotation {
            max_bytes: 4,
            max_files: 3,
        };
        let mut file = LogFile::new(place.clone(), rotation);
        file.append(b"aaa\nbbb\n").expect("written");
        std::fs::remove_file(place.current()).expect("removed");
        file.append(b"ccc\nddd\n").expect("written");
        assert_eq!(names(&root.path().join("c")), ["0.log", "0.log.3"]);
        let text = std::fs::read_to_string(place.current()).expect("read");
        assert_eq!(text, "ddd\n");
        // The folder, too.
        std::fs::remove_dir_all(root.path().join("c")).expect("removed");
        file.append(b"eee\nfff\n").expect("written");
        assert_eq!(names(&root.path().join("c")), ["0.log", "0.log.5"]);
    }

    #[test]
    fn the_folder_of_a_pod_with_the_longest_name_can_be_made() {
        let name = pod_dir(
            &"n".repeat(63),
            &"p".repeat(253),
            "00000000-0000-0000-0000-000000000000",
        );
        assert_eq!(name.len(), 255);
        assert!(name.ends_with("p_00000000-0000-0000-0000-000000000000"));
        assert_eq!(pod_dir("ns", "p", "u"), "ns_p_u");
    }
}
