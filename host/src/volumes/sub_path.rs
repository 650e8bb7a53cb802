//! `subPath`: a directory inside a volume (rule G11).

use std::io;

use cap_std::fs::{Dir, DirBuilder};

/// Opens the directory, making it if it is missing. cap-std refuses every way out of the volume: `..`, absolute links, links to links.
pub(super) fn open(volume: &Dir, path: &str) -> io::Result<Dir> {
    match volume.metadata(path) {
        Ok(found) if !found.is_dir() => Err(io::Error::new(
            io::ErrorKind::NotADirectory,
            "it is a file, and a wasm container can be given directories only",
        )),
        Ok(_) => volume.open_dir(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            with_mode_of(volume, &mut builder)?;
            volume.create_dir_with(path, &builder)?;
            volume.open_dir(path)
        }
        Err(error) => Err(error),
    }
}

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
        let volume = Dir::open_ambient_dir(&root, ambient_authority()).expect("opened");
        open(&volume, "a/b").expect("made");
        assert!(root.join("a/b").is_dir());
        for path in [
            "relative",
            "absolute",
            "twice",
            "relative/new",
            "../outside",
            "file",
        ] {
            assert!(open(&volume, path).is_err(), "{path} must not open");
        }
        assert!(!machine.path().join("outside/new").exists());
    }
}
