//! `subPath`: a directory or a file inside a volume (rule G11).

use std::io;
use std::sync::Arc;

use cap_std::fs::{Dir, DirBuilder, OpenOptions};

use super::file;
use crate::ports::MountSource;

/// Opens what is there, making a directory if nothing is. cap-std refuses every way out of the volume: `..`, absolute links, links to
/// links.
pub(super) fn open(volume: &Dir, path: &str) -> io::Result<MountSource> {
    match open_existing(volume, path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            with_mode_of(volume, &mut builder)?;
            volume.create_dir_with(path, &builder)?;
            let dir = volume.open_dir(path)?;
            Ok(MountSource::Dir(Arc::new(dir)))
        }
        opened => opened,
    }
}

/// Opens what is there.
pub(super) fn open_existing(volume: &Dir, path: &str) -> io::Result<MountSource> {
    let found = volume.metadata(path)?;
    if found.is_dir() {
        let dir = volume.open_dir(path)?;
        return Ok(MountSource::Dir(Arc::new(dir)));
    }
    if found.is_file() {
        return open_file(volume, path);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "neither a directory nor a regular file",
    ))
}

fn open_file(volume: &Dir, path: &str) -> io::Result<MountSource> {
    file::open(|write| {
        let mut options = OpenOptions::new();
        options.read(true).write(write);
        no_waiting(&mut options);
        Ok(volume.open_with(path, &options)?.into_std())
    })
}

#[cfg(unix)]
fn no_waiting(options: &mut OpenOptions) {
    use cap_std::fs::OpenOptionsExt;
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
}

#[cfg(not(unix))]
fn no_waiting(_: &mut OpenOptions) {}

/// The new directory gets the mode of the volume's root.
#[cfg(unix)]
fn with_mode_of(volume: &Dir, builder: &mut DirBuilder) -> io::Result<()> {
    use cap_std::fs::{DirBuilderExt, MetadataExt};
    builder.mode(volume.dir_metadata()?.mode() & 0o7777);
    Ok(())
}

#[cfg(not(unix))]
fn with_mode_of(_: &Dir, _: &mut DirBuilder) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    use super::open;
    use crate::ports::MountSource;

    #[cfg(unix)]
    #[test]
    fn g11_a_sub_path_is_made_but_never_leads_out() {
        let machine = tempfile::tempdir().expect("a folder");
        let root = machine.path().join("volume");
        std::fs::create_dir(&root).expect("made");
        std::fs::create_dir(machine.path().join("outside")).expect("made");
        std::os::unix::fs::symlink("../outside", root.join("relative")).expect("linked");
        std::os::unix::fs::symlink(machine.path().join("outside"), root.join("absolute"))
            .expect("linked");
        std::os::unix::fs::symlink("relative", root.join("twice")).expect("linked");
        std::fs::write(root.join("file"), "").expect("written");
        std::fs::write(machine.path().join("outside/secret"), "s").expect("written");
        std::os::unix::fs::symlink("../outside/secret", root.join("secret")).expect("linked");
        let volume = Dir::open_ambient_dir(&root, ambient_authority()).expect("opened");
        open(&volume, "a/b").expect("made");
        assert!(root.join("a/b").is_dir());
        for path in [
            "relative",
            "absolute",
            "twice",
            "relative/new",
            "../outside",
            "file/deeper",
            "secret",
        ] {
            assert!(open(&volume, path).is_err(), "{path} must not open");
        }
        assert!(!machine.path().join("outside/new").exists());
        let file = open(&volume, "file").expect("opened");
        assert!(matches!(file, MountSource::File(_)));
    }
}
