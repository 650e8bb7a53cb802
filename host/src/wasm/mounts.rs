//! What a container sees of the file system: its root and its mounts, each an opened directory that nothing leads out of, and single files
//! over paths in them.

use std::io;
use std::sync::Arc;

use cap_std::fs::{Dir, OpenOptions};
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{self as wasi, Descriptor, OpenMode};
use wasmtime_wasi::{FsPerms, p2, p3};

use super::file_mounts::{Access, FileMounts, MountedFile};
use super::memory_files::InMemory;
use crate::ports::{MemoryVolume, MountSource, ReadyMount};

/// The root first, then the mounts.
pub(super) struct MountTable {
    mounts: Vec<Mount>,
    pub(super) files: FileMounts,
}

struct Mount {
    /// Absolute, without `.`, `..` and trailing `/`; the root is empty.
    path: String,
    dir: Dir,
    /// The same directory, as wasmtime-wasi hands it to guests.
    guest: wasi::Dir,
    read_only: bool,
    /// The volume, if it is one in memory.
    memory: Option<Memory>,
}

type Memory = Arc<dyn MemoryVolume>;

impl MountTable {
    pub(super) fn new(root: &Dir, read_only: bool) -> io::Result<Self> {
        let mut table = Self {
            mounts: Vec::new(),
            files: FileMounts::default(),
        };
        table.add("/", root, read_only, None)?;
        Ok(table)
    }

    /// Mounts a directory; a later mount at or under an earlier one's path covers it.
    pub(super) fn add(
        &mut self,
        path: &str,
        dir: &Dir,
        read_only: bool,
        memory: Option<Memory>,
    ) -> io::Result<()> {
        let (perms, mode) = if read_only {
            (FsPerms::ReadOnly, OpenMode::READ)
        } else {
            (FsPerms::ReadWrite, OpenMode::READ | OpenMode::WRITE)
        };
        let guest = wasi::Dir::new(dir.try_clone()?.into_std_file(), perms, mode, false);
        self.mounts.push(Mount {
            path: normalise(path).trim_end_matches('/').to_owned(),
            dir: dir.try_clone()?,
            guest,
            read_only,
            memory,
        });
        Ok(())
    }

    /// Mounts a file over whatever file the path leads to; an empty one is made there if there is none, which needs its directory.
    pub(super) fn add_file(&mut self, path: &str, file: Arc<MountedFile>) -> io::Result<()> {
        let (mount, rest) = self.covering(path);
        let dir = mount.dir.try_clone()?;
        let (in_root, read_only) = (mount.path.is_empty(), mount.read_only);
        self.files.add(&dir, &rest, in_root, read_only, file)
    }

    /// Mounts whatever a volume gives.
    pub(super) fn add_source(&mut self, mount: &ReadyMount) -> io::Result<()> {
        let (path, memory) = (&mount.path, mount.memory.clone());
        match &mount.source {
            MountSource::Dir(dir) => self.add(path, dir, mount.read_only, memory),
            MountSource::File(file) => {
                let file = MountedFile::of_volume(file, mount.read_only, memory)?;
                self.add_file(path, file)
            }
        }
    }

    /// The volume in memory that the path leads to.
    pub(super) fn memory_at(&self, path: &str) -> Option<Memory> {
        let (mount, rest) = self.covering(path);
        match self.files.at(&mount.dir, &rest, true) {
            Some(file) => file.memory().cloned(),
            None => mount.memory.clone(),
        }
    }

    /// The directory that holds the path, the rest of the path (`.` for the directory itself), and whether writes are refused.
    pub(super) fn resolve(&self, path: &str) -> (&Dir, String, bool) {
        let (mount, rest) = self.covering(path);
        (&mount.dir, rest, mount.read_only)
    }

    /// Whether the path leads to what is the container's alone: neither a volume nor a mounted file is there.
    pub(super) fn is_own(&self, path: &str) -> bool {
        let (mount, rest) = self.covering(path);
        mount.path.is_empty() && self.files.at(&mount.dir, &rest, true).is_none()
    }

    fn covering(&self, path: &str) -> (&Mount, String) {
        let path = normalise(path);
        let covering = |mount: &&Mount| {
            path.strip_prefix(&mount.path)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // The root covers everything, so the fallback is never taken.
        let mount = self
            .mounts
            .iter()
            .filter(covering)
            .max_by_key(|mount| mount.path.len())
            .unwrap_or(&self.mounts[0]);
        let rest = path[mount.path.len().min(path.len())..].trim_start_matches('/');
        let rest = if rest.is_empty() { "." } else { rest };
        (mount, rest.to_owned())
    }

    /// Opens a file by absolute path.
    pub(super) fn open(&self, path: &str, access: Access) -> io::Result<std::fs::File> {
        let (dir, rest, read_only) = self.resolve(path);
        let mounted = self.files.at(dir, &rest, true);
        if let Some(mounted) = mounted.filter(|file| file.opens(access)) {
            return mounted.open(access);
        }
        if access.changes() && read_only {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let mut options = OpenOptions::new();
        options
            .read(access.read)
            .write(access.write && !access.append)
            .append(access.append)
            .truncate(access.truncate && !access.append)
            .create(access.create)
            .create_new(access.create && access.exclusive);
        no_waiting(&mut options);
        let file = dir.open_with(rest, &options)?.into_std();
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(file)
    }
}

/// Opening a FIFO waits for its other end: a guest could hold a thread of the host for ever with one on a hostPath.
#[cfg(unix)]
pub(super) fn no_waiting(options: &mut OpenOptions) {
    use cap_std::fs::OpenOptionsExt;
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
}

#[cfg(not(unix))]
pub(super) fn no_waiting(_: &mut OpenOptions) {}

/// An absolute path without `.`, `..` and doubled `/`; `..` at the root stays there. Always begins with `/`.
pub(super) fn normalise(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// `wasi:filesystem/preopens` from a mount table. wasmtime-wasi's own opens paths of the machine by name, which would follow a symlink
/// that somebody put there since the mount was resolved; this hands out the directories that are open already.
pub(super) struct Preopens;

/// What [`Preopens`] works on.
pub(super) struct PreopensView<'a> {
    pub(super) mounts: Arc<MountTable>,
    pub(super) table: &'a mut ResourceTable,
    pub(super) in_memory: &'a mut InMemory,
}

impl HasData for Preopens {
    type Data<'a> = PreopensView<'a>;
}

impl PreopensView<'_> {
    fn directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut list = Vec::with_capacity(self.mounts.mounts.len());
        for mount in &self.mounts.mounts {
            let path = if mount.path.is_empty() {
                "/"
            } else {
                &mount.path
            };
            let descriptor = self.table.push(Descriptor::Dir(mount.guest.clone()))?;
            let volume = mount.memory.as_ref();
            self.in_memory.set(descriptor.rep(), volume);
            list.push((descriptor, path.to_owned()));
        }
        Ok(list)
    }
}

impl p2::bindings::filesystem::preopens::Host for PreopensView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.directories()
    }
}

impl p3::bindings::filesystem::preopens::Host for PreopensView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        self.directories()
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    use super::{Access, MountTable, MountedFile, normalise};

    #[test]
    fn paths_are_made_plain() {
        assert_eq!(normalise("/a/./b//../c/"), "/a/c");
        assert_eq!(normalise("/../.."), "/");
        assert_eq!(normalise("x"), "/x");
    }

    #[test]
    fn g13_the_innermost_mount_wins_and_read_only_holds() {
        let machine = tempfile::tempdir().expect("a folder");
        for name in ["root", "outer", "inner"] {
            std::fs::create_dir(machine.path().join(name)).expect("made");
        }
        let open = |name: &str| {
            Dir::open_ambient_dir(machine.path().join(name), ambient_authority()).expect("opened")
        };
        let mut table = MountTable::new(&open("root"), false).expect("table");
        table
            .add("/data", &open("outer"), false, None)
            .expect("mounted");
        table
            .add("/data/in", &open("inner"), true, None)
            .expect("mounted");
        assert_eq!(table.resolve("/database/x").1, "database/x");
        assert_eq!(table.resolve("/data/in/../y").1, "y");
        assert_eq!(table.resolve("/data").1, ".");
        let create = Access {
            write: true,
            create: true,
            ..Access::default()
        };
        table.open("/data/y", create).expect("written");
        assert!(machine.path().join("outer/y").exists());
        let refused = table.open("/data/in/z", create);
        assert_eq!(
            refused.expect_err("refused").kind(),
            ErrorKind::ReadOnlyFilesystem
        );
    }

    #[cfg(unix)]
    #[test]
    fn no_symlink_leads_out_of_a_mount() {
        let machine = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(machine.path().join("root")).expect("made");
        std::fs::write(machine.path().join("secret"), "s").expect("written");
        std::os::unix::fs::symlink("../secret", machine.path().join("root/up")).expect("linked");
        std::os::unix::fs::symlink(
            machine.path().join("secret"),
            machine.path().join("root/abs"),
        )
        .expect("linked");
        let root = Dir::open_ambient_dir(machine.path().join("root"), ambient_authority())
            .expect("opened");
        let table = MountTable::new(&root, false).expect("table");
        for path in ["/up", "/abs", "/../secret"] {
            assert!(
                table.open(path, Access::READ).is_err(),
                "{path} must not open"
            );
        }
    }

    /// A root with `/etc/conf` in it and a file of the machine `source`.
    #[cfg(unix)]
    fn with_file() -> (tempfile::TempDir, Dir, std::fs::File) {
        let machine = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(machine.path().join("root/etc")).expect("made");
        std::fs::write(machine.path().join("root/etc/conf"), "the root's").expect("written");
        std::fs::write(machine.path().join("source"), "mounted").expect("written");
        let root = Dir::open_ambient_dir(machine.path().join("root"), ambient_authority())
            .expect("opened");
        let source = std::fs::File::open(machine.path().join("source")).expect("opened");
        (machine, root, source)
    }

    #[cfg(unix)]
    fn read(table: &MountTable, path: &str) -> String {
        let mut text = String::new();
        let mut file = table.open(path, Access::READ).expect("opened");
        std::io::Read::read_to_string(&mut file, &mut text).expect("read");
        text
    }

    #[cfg(unix)]
    #[test]
    fn every_way_to_a_covered_file_leads_to_the_mounted_one_and_it_stays_the_one_that_was_opened() {
        let (machine, root, source) = with_file();
        std::os::unix::fs::symlink("conf", machine.path().join("root/etc/link")).expect("linked");
        let mut table = MountTable::new(&root, false).expect("table");
        let file = MountedFile::new(&source, true).expect("a copy");
        table.add_file("/etc/conf", file).expect("mounted");
        for path in ["/etc/conf", "/etc/link", "/x/../etc/./conf"] {
            assert_eq!(read(&table, path), "mounted", "{path}");
            assert_eq!(
                read(&table, path),
                "mounted",
                "each opening has a position of its own"
            );
        }
        let write = Access {
            write: true,
            truncate: true,
            ..Access::default()
        };
        let refused = table.open("/etc/link", write).expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::ReadOnlyFilesystem);
        std::fs::write(machine.path().join("new"), "another").expect("written");
        std::fs::rename(machine.path().join("new"), machine.path().join("source")).expect("moved");
        assert_eq!(read(&table, "/etc/conf"), "mounted");
        let own = std::fs::read_to_string(machine.path().join("root/etc/conf")).expect("read");
        assert_eq!(own, "the root's", "what is covered is not touched");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_over_a_link_that_leads_nowhere_or_out_takes_its_place_and_none_lies_over_a_directory()
    {
        let (machine, root, source) = with_file();
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, machine.path().join("root").join(name)).expect("linked");
        };
        link("none", "dangling");
        link("/etc/passwd", "out");
        link("etc", "folder");
        let mut table = MountTable::new(&root, false).expect("table");
        let file = || MountedFile::new(&source, false).expect("a copy");
        for path in ["/dangling", "/out", "/new"] {
            table.add_file(path, file()).expect("mounted");
            assert_eq!(read(&table, path), "mounted", "{path}");
        }
        for path in ["/", "/etc", "/folder"] {
            let refused = table.add_file(path, file()).expect_err(path);
            assert_eq!(refused.kind(), ErrorKind::IsADirectory, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn in_a_volume_nothing_is_replaced_and_a_read_only_one_must_have_the_file() {
        let (machine, root, source) = with_file();
        let volume = machine.path().join("volume");
        std::fs::create_dir(&volume).expect("made");
        std::fs::write(volume.join("there"), "the volume's").expect("written");
        std::fs::hard_link(volume.join("there"), volume.join("twice")).expect("linked");
        let dir = Dir::open_ambient_dir(&volume, ambient_authority()).expect("opened");
        let mut table = MountTable::new(&root, false).expect("table");
        let file = || MountedFile::new(&source, false).expect("a copy");
        table.add("/ro", &dir, true, None).expect("mounted");
        let refused = table.add_file("/ro/none", file()).expect_err("refused");
        assert_eq!(refused.kind(), ErrorKind::ReadOnlyFilesystem);
        table.add_file("/ro/there", file()).expect("mounted");
        assert_eq!(read(&table, "/ro/there"), "mounted");
        let text = std::fs::read_to_string(volume.join("twice")).expect("read");
        assert_eq!(text, "the volume's");
        // Somebody else removes the covered file: its inode is not given to the next one while the mount lasts.
        std::fs::remove_file(volume.join("there")).expect("removed");
        std::fs::remove_file(volume.join("twice")).expect("removed");
        for at in 0..64 {
            std::fs::write(volume.join(format!("new{at}")), "new").expect("written");
            assert_eq!(read(&table, &format!("/ro/new{at}")), "new");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_null_device_is_one() {
        let (_machine, root, _) = with_file();
        root.create_dir("dev").expect("made");
        let mut table = MountTable::new(&root, false).expect("table");
        let null = MountedFile::null().expect("every unix has one");
        table.add_file("/dev/null", null).expect("mounted");
        let append = Access {
            append: true,
            create: true,
            ..Access::default()
        };
        let mut file = table.open("/dev/null", append).expect("opened");
        std::io::Write::write_all(&mut file, b"swallowed").expect("written");
        assert_eq!(read(&table, "/dev/null"), "");
    }
}
