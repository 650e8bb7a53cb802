//! A folder as a layer.

use std::fs;
use std::path::Path;

use super::ImageError;
use super::blobs::files;

/// The folder as a tar with fixed times and owners: the same files give the same digest.
pub(super) fn tar_of(folder: &Path) -> Result<Vec<u8>, ImageError> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.mode(tar::HeaderMode::Deterministic);
    builder.follow_symlinks(false);
    append(&mut builder, folder, Path::new(""))?;
    builder.into_inner().map_err(ImageError::io(folder))
}

fn append(
    builder: &mut tar::Builder<Vec<u8>>,
    folder: &Path,
    inside: &Path,
) -> Result<(), ImageError> {
    let mut entries = files(&folder.join(inside))?;
    entries.sort();
    for path in entries {
        let Some(name) = path.file_name() else {
            continue;
        };
        let inside = inside.join(name);
        let kind = fs::symlink_metadata(&path).map_err(ImageError::io(&path))?;
        if kind.is_dir() {
            let added = builder.append_dir(&inside, &path);
            added.map_err(ImageError::io(&path))?;
            append(builder, folder, &inside)?;
        } else {
            let added = builder.append_path_with_name(&path, &inside);
            added.map_err(ImageError::io(&path))?;
        }
    }
    Ok(())
}
