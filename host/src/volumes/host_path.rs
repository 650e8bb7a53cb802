//! hostPath volumes (rule G3).

use std::fs::Metadata;
use std::path::Path;

use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::file;
use crate::model::HostPathType;
use crate::ports::MountSource;

/// Checks the path against its type, makes it if the type says so, and opens it.
pub(super) fn open(path: &Path, kind: HostPathType) -> Result<MountSource, String> {
    let shown = path.display();
    if kind == HostPathType::FileOrCreate {
        create(path).map_err(|error| format!("{shown}: {error}"))?;
    }
    // With no type a container runtime makes the missing directory, and the pod of the first tutorial relies on it.
    if matches!(kind, HostPathType::DirectoryOrCreate | HostPathType::Unset) && !path.exists() {
        std::fs::create_dir_all(path).map_err(|error| format!("mkdir {shown}: {error}"))?;
    }
    let metadata = std::fs::metadata(path).ok();
    let fits = |wanted: fn(&Metadata) -> bool| metadata.as_ref().is_some_and(wanted);
    let mismatch = match kind {
        HostPathType::Unset => None,
        HostPathType::DirectoryOrCreate | HostPathType::Directory => {
            (!fits(Metadata::is_dir)).then_some("directory")
        }
        HostPathType::FileOrCreate | HostPathType::File => {
            (!fits(Metadata::is_file)).then_some("file")
        }
        HostPathType::Socket => (!fits(special::is_socket)).then_some("socket file"),
        HostPathType::CharDevice => (!fits(special::is_char_device)).then_some("character device"),
        HostPathType::BlockDevice => (!fits(special::is_block_device)).then_some("block device"),
    };
    if let Some(wanted) = mismatch {
        return Err(format!(
            "hostPath type check failed: {shown} is not a {wanted}"
        ));
    }
    if fits(Metadata::is_dir) {
        return Dir::open_ambient_dir(path, ambient_authority())
            .map(|dir| MountSource::Dir(Arc::new(dir)))
            .map_err(|error| format!("{shown}: {error}"));
    }
    if !fits(Metadata::is_file) {
        return Err(format!(
            "{shown} is neither a directory nor a regular file: a wasm container can be given no other"
        ));
    }
    let opened = file::open(|write| {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(write);
        file::no_waiting(&mut options);
        options.open(path)
    });
    opened.map_err(|error| format!("{shown}: {error}"))
}

/// Rule G3: with mode 0644; its directory must be there.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    file::no_waiting(&mut options);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    match options.open(path) {
        // What is there is left to the check of the type.
        Err(_) if path.exists() => Ok(()),
        made => made.map(drop),
    }
}

#[cfg(unix)]
mod special {
    use std::fs::Metadata;
    use std::os::unix::fs::FileTypeExt;

    pub(super) fn is_socket(metadata: &Metadata) -> bool {
        metadata.file_type().is_socket()
    }
    pub(super) fn is_char_device(metadata: &Metadata) -> bool {
        metadata.file_type().is_char_device()
    }
    pub(super) fn is_block_device(metadata: &Metadata) -> bool {
        metadata.file_type().is_block_device()
    }
}

#[cfg(not(unix))]
mod special {
    use std::fs::Metadata;

    pub(super) fn is_socket(_: &Metadata) -> bool {
        false
    }
    pub(super) fn is_char_device(_: &Metadata) -> bool {
        false
    }
    pub(super) fn is_block_device(_: &Metadata) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::open;
    use crate::model::HostPathType as Type;
    use crate::ports::MountSource;

    #[test]
    fn g3_types_are_checked_in_the_servers_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "").expect("written");
        let refused = |name: &str, kind| open(&path(name), kind).expect_err("refused");
        assert!(refused("file", Type::Directory).ends_with("file is not a directory"));
        assert!(refused("none", Type::Directory).ends_with("none is not a directory"));
        assert!(refused("none", Type::File).ends_with("none is not a file"));
        assert!(refused("file", Type::Socket).ends_with("file is not a socket file"));
        assert!(refused("file", Type::CharDevice).ends_with("file is not a character device"));
        assert!(refused("none/deep", Type::FileOrCreate).contains("No such file"));
        assert!(refused("file", Type::DirectoryOrCreate).ends_with("file is not a directory"));
        open(&path("made/deep"), Type::DirectoryOrCreate).expect("made");
        open(&path("also"), Type::Unset).expect("made");
        assert!(path("made/deep").is_dir() && path("also").is_dir());
    }

    #[test]
    fn g3_a_file_is_mounted_as_a_file_and_made_where_its_type_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        for kind in [Type::FileOrCreate, Type::File, Type::Unset] {
            let opened = open(&path, kind).expect("opened");
            assert!(matches!(opened, MountSource::File(_)), "{kind:?}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = path.metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o133, 0, "0644 less the umask: {mode:o}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_fifo_is_refused_and_waited_for_by_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("fifo");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, mode).expect("made");
        let refused = open(&path, Type::Unset).expect_err("refused");
        assert!(
            refused.contains("neither a directory nor a regular file"),
            "{refused}"
        );
    }
}
