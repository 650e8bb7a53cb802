//! The root directory of one instance: made fresh for each, of the image's files and those every container has.

use std::io;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirBuilder};

use super::mounts::normalise;
use crate::ports::{LayerFile, StartRequest};

/// Makes the root directory and every mount point in it.
pub(super) fn create(request: &StartRequest) -> io::Result<Dir> {
    let path = request.scratch.clone();
    std::fs::create_dir_all(&path)?;
    let root = Dir::open_ambient_dir(&path, ambient_authority())?;
    let layers = request.image.layers.iter().map(LayerFile::as_pair);
    crate::layers::unpack(layers, &root)?;
    for dir in ["etc", "dev", "tmp"] {
        make_dir(&root, dir)?;
    }
    root.write("etc/hostname", format!("{}\n", request.host.hostname))?;
    root.write("etc/hosts", request.host.hosts_file())?;
    root.write(
        "etc/resolv.conf",
        request.host.net.identity().resolv.to_string(),
    )?;
    // The place of the null device, which is mounted there; all there is of it where the machine has none.
    root.write("dev/null", "")?;
    Ok(root)
}

/// Makes a directory with its parents, following what is there already.
pub(super) fn make_dir(root: &Dir, path: &str) -> io::Result<()> {
    let plain = normalise(path);
    let plain = plain.trim_start_matches('/');
    if plain.is_empty() {
        return Ok(());
    }
    match root.metadata(plain) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
        Err(_) => {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            root.create_dir_with(plain, &builder)
        }
    }
}
