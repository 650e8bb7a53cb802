//! The termination message (rule B15): a file of the container that is read when it ends.

use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::file_mounts::{Access, MountedFile};
use super::mounts::MountTable;

/// The end of the file, as a kubelet reads it.
const MESSAGE_BYTES: u64 = 4096;

/// Makes the file, empty; its folder is there. In the container's own root it is an ordinary one. Where a volume covers the path, writing
/// to the volume's file would change what belongs to others: as with a kubelet, a file of the container's own lies over it, and is returned.
pub(super) fn make(
    mounts: &mut MountTable,
    scratch: &Path,
    path: &str,
) -> io::Result<Option<Arc<MountedFile>>> {
    if mounts.is_own(path) {
        let create = Access {
            write: true,
            create: true,
            truncate: true,
            ..Access::default()
        };
        mounts.open(path, create)?;
        return Ok(None);
    }
    let file = MountedFile::new(&tempfile::tempfile_in(scratch)?, false)?;
    mounts.add_file(path, Arc::clone(&file))?;
    Ok(Some(file))
}

/// What stands in it; none if that is nothing. A guest may have put anything there: a link leads nowhere outside of what the container
/// itself may read, and what is no text becomes some.
pub(super) fn read(mounts: &MountTable, path: &str) -> Option<String> {
    let mut file = mounts.open(path, Access::READ).ok()?;
    let start = file.metadata().ok()?.len().saturating_sub(MESSAGE_BYTES);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take(MESSAGE_BYTES).read_to_end(&mut bytes).ok()?;
    // The first character may have lost its beginning.
    let whole = |byte: &u8| start == 0 || byte & 0xc0 != 0x80;
    let begin = bytes.iter().position(whole)?;
    Some(String::from_utf8_lossy(&bytes[begin..]).into_owned())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Write as _};
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    use super::super::file_mounts::{Access, MountedFile};
    use super::super::mounts::MountTable;
    use super::{make, read};

    const PATH: &str = "/dev/termination-log";

    /// A machine with a container's root and a volume `v`, mounted at `/v`.
    fn machine() -> (tempfile::TempDir, MountTable) {
        let machine = tempfile::tempdir().expect("a folder");
        for folder in ["root/dev", "v"] {
            std::fs::create_dir_all(machine.path().join(folder)).expect("made");
        }
        let open = |name| {
            Dir::open_ambient_dir(machine.path().join(name), ambient_authority()).expect("opened")
        };
        let mut mounts = MountTable::new(&open("root"), false).expect("table");
        mounts.add("/v", &open("v"), false, None).expect("mounted");
        (machine, mounts)
    }

    fn write(mounts: &MountTable, path: &str, text: &str) {
        let write = Access {
            write: true,
            ..Access::default()
        };
        let mut file = mounts.open(path, write).expect("the container may write");
        file.write_all(text.as_bytes()).expect("written");
    }

    fn made(machine: &Path, mounts: &mut MountTable, path: &str) {
        make(mounts, machine, path).expect("made");
    }

    #[test]
    fn b15_the_last_4096_bytes_are_read_and_no_character_is_torn() {
        let (machine, mut mounts) = machine();
        made(machine.path(), &mut mounts, PATH);
        assert_eq!(read(&mounts, PATH), None, "an empty one is none");
        write(&mounts, PATH, "DONE");
        assert_eq!(read(&mounts, PATH).as_deref(), Some("DONE"));
        write(&mounts, PATH, &format!("{}the end", "é".repeat(4000)));
        let message = read(&mounts, PATH).expect("some");
        assert_eq!(message.len(), 4095);
        assert!(message.starts_with('é') && message.ends_with("the end"));
    }

    #[test]
    fn b15_a_message_file_in_a_volume_leaves_the_volumes_own_alone() {
        let (machine, mut mounts) = machine();
        let own = machine.path().join("v/log");
        std::fs::write(&own, "of another").expect("written");
        made(machine.path(), &mut mounts, "/v/log");
        assert_eq!(read(&mounts, "/v/log"), None);
        write(&mounts, "/v/log", "mine");
        assert_eq!(read(&mounts, "/v/log").as_deref(), Some("mine"));
        assert_eq!(std::fs::read_to_string(own).expect("read"), "of another");
        // So with a single file mounted at the path.
        let file = machine.path().join("single");
        std::fs::write(&file, "single").expect("written");
        let opened = std::fs::File::open(&file).expect("opened");
        let single = MountedFile::new(&opened, false).expect("a copy");
        mounts.add_file(PATH, single).expect("mounted");
        made(machine.path(), &mut mounts, PATH);
        write(&mounts, PATH, "mine");
        assert_eq!(read(&mounts, PATH).as_deref(), Some("mine"));
        assert_eq!(std::fs::read_to_string(file).expect("read"), "single");
    }

    #[test]
    fn b15_a_link_in_its_place_gives_nothing_of_the_machine() {
        let (machine, mut mounts) = machine();
        made(machine.path(), &mut mounts, PATH);
        let secret = machine.path().join("secret");
        std::fs::write(&secret, "of the machine").expect("written");
        let place = machine.path().join("root/dev/termination-log");
        for to in [
            "../../secret",
            "/etc/passwd",
            secret.to_str().expect("a plain path"),
        ] {
            std::fs::remove_file(&place).expect("removed");
            symlink(to, &place).expect("linked");
            assert_eq!(read(&mounts, PATH), None, "{to}");
        }
        // Nor is anything written through one that the image brought.
        assert!(make(&mut mounts, machine.path(), PATH).is_err());
        assert_eq!(
            std::fs::read_to_string(secret).expect("read"),
            "of the machine"
        );
    }

    #[test]
    fn b15_a_directory_at_its_path_is_refused_at_the_start_and_none_at_the_end() {
        let (machine, mut mounts) = machine();
        for path in ["/dev", "/v"] {
            let refused = make(&mut mounts, machine.path(), path).map(drop);
            let refused = refused.expect_err("refused");
            assert_eq!(refused.kind(), ErrorKind::IsADirectory, "{path}");
            assert_eq!(read(&mounts, path), None);
        }
    }
}
