//! Single files that lie over paths of a container, as a bind mount puts them there.
//!
//! WASI's preopens are directories, so a mounted file needs a place in one: an ordinary file at the mount path, made if there is none.
//! The mount covers that file by its identity (device and inode), not by its name: whatever way a guest takes there (a symlink, `..`,
//! another open directory) ends at the same inode, so there is no second reading of paths here that could disagree with the real one.
//! The price: where one directory is mounted at two paths of a container, a file over an entry of it shows at both.

use std::io;
use std::sync::{Arc, LazyLock};

use cap_std::fs::{Dir, Metadata, OpenOptions};
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::filesystem::{self as wasi, Descriptor, OpenMode};

use crate::ports::MemoryVolume;

/// How a file is to be opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Access {
    pub(super) read: bool,
    pub(super) write: bool,
    /// Writes go to the end; implies `write`.
    pub(super) append: bool,
    pub(super) truncate: bool,
    pub(super) create: bool,
    /// With `create`: the file must not be there yet.
    pub(super) exclusive: bool,
}

impl Access {
    /// To be read.
    pub(super) const READ: Self = Self {
        read: true,
        write: false,
        append: false,
        truncate: false,
        create: false,
        exclusive: false,
    };

    /// Whether a read-only file system refuses it. Creating counts even where the file is there, as in wasmtime-wasi.
    pub(super) const fn changes(self) -> bool {
        self.write || self.append || self.truncate || self.create
    }
}

/// A file of the machine, opened, as guests of one container see it.
pub(super) struct MountedFile {
    file: wasi::File,
    read_only: bool,
    /// The null device. Only what writes meets it: whoever reads or asks finds the empty file that it covers, which stays empty.
    /// Programs built for WASI know no devices (`cat` and `cp` of uutils, `std::fs::copy` refuse to read one).
    sink: bool,
    /// The volume it is of, if that is one in memory.
    memory: Option<Arc<dyn MemoryVolume>>,
}

impl MountedFile {
    /// The file stays the one that was opened, whatever comes to stand under its name.
    pub(super) fn new(file: &std::fs::File, read_only: bool) -> io::Result<Arc<Self>> {
        Self::of_volume(file, read_only, None)
    }

    /// The same, of a volume that may be one in memory.
    pub(super) fn of_volume(
        file: &std::fs::File,
        read_only: bool,
        memory: Option<Arc<dyn MemoryVolume>>,
    ) -> io::Result<Arc<Self>> {
        Ok(Self::owned(file.try_clone()?, read_only, false, memory))
    }

    fn owned(
        file: std::fs::File,
        read_only: bool,
        sink: bool,
        memory: Option<Arc<dyn MemoryVolume>>,
    ) -> Arc<Self> {
        let (perms, mode) = if read_only {
            (FsPerms::ReadOnly, OpenMode::READ)
        } else {
            (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE)
        };
        Arc::new(Self {
            file: wasi::File::new(file, perms, mode, false),
            read_only,
            sink,
            memory,
        })
    }

    /// The volume it is of, if that is one in memory.
    pub(super) fn memory(&self) -> Option<&Arc<dyn MemoryVolume>> {
        self.memory.as_ref()
    }

    /// The machine's null device, one for all containers; `None` where there is no such thing. What it covers must be empty.
    pub(super) fn null() -> Option<Arc<Self>> {
        static NULL: LazyLock<Option<Arc<MountedFile>>> = LazyLock::new(|| {
            let mut both = std::fs::OpenOptions::new();
            let file = both.read(true).write(true).open("/dev/null").ok()?;
            Some(MountedFile::owned(file, false, true, None))
        });
        NULL.clone()
    }

    /// Whether it is what opens; otherwise the covered file is.
    pub(super) const fn opens(&self, access: Access) -> bool {
        !self.sink || access.changes()
    }

    /// Whether it is what questions are about; otherwise the covered file is.
    pub(super) const fn is_shown(&self) -> bool {
        !self.sink
    }

    /// For what asks about the file or sets its times.
    pub(super) fn descriptor(&self) -> Descriptor {
        Descriptor::File(self.file.clone())
    }

    /// Opens it anew, with a position and a mode of its own.
    pub(super) fn open(&self, access: Access) -> io::Result<std::fs::File> {
        if access.create && access.exclusive {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        if self.read_only && access.changes() {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        again(&self.file.file, access)
    }

    /// The same, as a descriptor of WASI.
    pub(super) fn open_descriptor(&self, access: Access) -> io::Result<Descriptor> {
        // As in wasmtime-wasi: without a mode it can be read.
        let access = Access {
            read: access.read || !access.write,
            write: access.write || access.truncate,
            ..access
        };
        let mut mode = OpenMode::empty();
        mode.set(OpenMode::READ, access.read);
        mode.set(OpenMode::WRITE, access.write);
        let file = self.open(access)?;
        let file = wasi::File::new(file, self.file.perms, mode, false);
        Ok(Descriptor::File(file))
    }
}

/// An open file's second opening. Only Linux has one for a file that may have lost its name; elsewhere the handle is copied, which shares
/// the position: two `process.open` of one mounted file would move each other's, while WASI's reads and writes name their own.
fn again(file: &std::fs::File, access: Access) -> io::Result<std::fs::File> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let mut options = std::fs::OpenOptions::new();
        options
            .read(access.read || !(access.write || access.append))
            .write(access.write && !access.append)
            .append(access.append)
            .truncate(access.truncate && !access.append);
        let opened = options.open(format!("/proc/self/fd/{}", file.as_raw_fd()));
        // No /proc on this machine: as elsewhere.
        if !matches!(&opened, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            return opened;
        }
    }
    let mut copy = file.try_clone()?;
    if access.truncate {
        copy.set_len(0)?;
    }
    let start = if access.append {
        io::SeekFrom::End(0)
    } else {
        io::SeekFrom::Start(0)
    };
    io::Seek::seek(&mut copy, start)?;
    Ok(copy)
}

/// Device and inode: which file it is.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<Identity> {
    use cap_std::fs::MetadataExt;
    Some(Identity(metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<Identity> {
    None
}

/// The files mounted in one container.
#[derive(Default)]
pub(super) struct FileMounts {
    covers: Vec<Cover>,
}

struct Cover {
    covered: Identity,
    /// Keeps the inode from being given to another file after the covered one was removed by somebody else.
    _held: Option<cap_std::fs::File>,
    mounted: Arc<MountedFile>,
}

impl FileMounts {
    /// Mounts a file over `path` in `dir`. In the container's own root a fresh file stands in where the image has none that is its own;
    /// in a volume (`dir` is shared) nothing that exists is replaced.
    pub(super) fn add(
        &mut self,
        dir: &Dir,
        path: &str,
        in_root: bool,
        read_only_dir: bool,
        mounted: Arc<MountedFile>,
    ) -> io::Result<()> {
        let held = covered(dir, path, in_root, read_only_dir)?;
        let metadata = held.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let covered = identity(&metadata).ok_or(io::ErrorKind::Unsupported)?;
        self.covers.push(Cover {
            covered,
            // No guest can remove it (WASI answers "busy"), and nobody else has this root.
            _held: (!in_root).then_some(held),
            mounted,
        });
        Ok(())
    }

    /// As [`Self::at`], from a directory that a guest has open.
    pub(super) fn under(
        &self,
        dir: &std::fs::File,
        path: &str,
        follow: bool,
    ) -> io::Result<Option<&Arc<MountedFile>>> {
        if self.covers.is_empty() {
            return Ok(None);
        }
        // On the guest's own thread: the directory's entries are in memory, and asking another thread costs more than the answer.
        let dir = Dir::from_std_file(dir.try_clone()?);
        Ok(self.at(&dir, path, follow))
    }

    /// The file mounted over what `path` in `dir` leads to; the last one mounted, if there are several. A path that leads nowhere has
    /// none, and whoever goes on with it finds out why.
    pub(super) fn at(&self, dir: &Dir, path: &str, follow: bool) -> Option<&Arc<MountedFile>> {
        if self.covers.is_empty() {
            return None;
        }
        let metadata = if follow {
            dir.metadata(path)
        } else {
            dir.symlink_metadata(path)
        };
        let found = identity(&metadata.ok()?)?;
        let cover = self.covers.iter().rev().find(|c| c.covered == found)?;
        Some(&cover.mounted)
    }
}

/// The ordinary file that is covered, opened.
fn covered(dir: &Dir, path: &str, in_root: bool, read_only: bool) -> io::Result<cap_std::fs::File> {
    let mut read = OpenOptions::new();
    read.read(true);
    super::mounts::no_waiting(&mut read);
    if read_only {
        return dir
            .open_with(path, &read)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => io::ErrorKind::ReadOnlyFilesystem.into(),
                _ => error,
            });
    }
    if in_root {
        match (dir.symlink_metadata(path), dir.metadata(path)) {
            // A hard link's other names would be covered as well.
            (Ok(own), _) if own.is_file() && links(&own) == 1 => {}
            (Ok(own), _) if own.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            // Through a link of the image, as a container runtime does.
            (Ok(_), Ok(to)) if to.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            (Ok(own), Ok(_)) if own.is_symlink() => {}
            // Another's name, or a link that leads nowhere or out.
            (Ok(_), _) => dir.remove_file(path)?,
            (Err(_), _) => {}
        }
    }
    match dir.open_with(path, &read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut create = OpenOptions::new();
            create.write(true).create(true);
            super::mounts::no_waiting(&mut create);
            dir.open_with(path, &create)
        }
        opened => opened,
    }
}

#[cfg(unix)]
fn links(metadata: &Metadata) -> u64 {
    cap_std::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn links(_: &Metadata) -> u64 {
    1
}
