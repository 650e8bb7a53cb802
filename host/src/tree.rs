//! Filling a folder from an archive, and removing one that somebody else filled.
//!
//! - owns: [`unpack`], [`remove`]
//! - never does: follow a link
//! - talks to: nobody

use std::path::Path;
use std::{fs, io};

/// How deep it goes down before what is deeper is moved up.
const DEPTH_MAX: usize = 16;

/// Removes a folder and all that is in it. std's `remove_dir_all` recurses and holds a descriptor for each level: a guest that nests
/// thousands of folders in its volume would use up the host's descriptors or its stack, now and at every later clean-up. Here what lies
/// too deep is moved up first.
pub fn remove(root: &Path) -> io::Result<()> {
    while empty(root, root, 0)? {}
    fs::remove_dir(root)
}

/// Empties a folder; whether something was moved up into the root meanwhile.
fn empty(root: &Path, folder: &Path, depth: usize) -> io::Result<bool> {
    let mut moved = false;
    // Read to its end first, or each level would hold a descriptor while the deeper ones are emptied.
    let entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    for entry in entries {
        let path = entry.path();
        if !entry.file_type()?.is_dir() {
            fs::remove_file(path)?;
        } else if depth < DEPTH_MAX {
            moved |= empty(root, &path, depth + 1)?;
            fs::remove_dir(path)?;
        } else {
            fs::rename(path, root.join(uuid::Uuid::new_v4().simple().to_string()))?;
            moved = true;
        }
    }
    Ok(moved)
}

/// Unpacks a layer. `tar` keeps every entry under the folder and refuses to write through links that lead out of it.
pub fn unpack(layer: &Path, into: &Path) -> io::Result<()> {
    let mut archive = tar::Archive::new(io::BufReader::new(std::fs::File::open(layer)?));
    archive.set_preserve_permissions(false);
    archive.set_preserve_mtime(true);
    archive.set_overwrite(true);
    archive.unpack(into)
}

#[cfg(test)]
mod tests {
    use super::remove;

    #[test]
    fn a_tree_of_any_depth_goes_and_what_links_point_to_stays() {
        let place = tempfile::tempdir().expect("a folder");
        let root = place.path().join("root");
        let mut deep = root.join("a");
        std::fs::create_dir_all(&deep).expect("made");
        // Deeper than a path may be long: each level is made under a short name and then moved.
        for level in 0..3000 {
            let above = root.join(format!("n{level}"));
            std::fs::create_dir(&above).expect("made");
            std::fs::write(above.join("f"), "").expect("written");
            std::fs::rename(&deep, above.join("d")).expect("moved");
            deep = above;
        }
        std::fs::write(place.path().join("kept"), "").expect("written");
        #[cfg(unix)]
        std::os::unix::fs::symlink(place.path(), root.join("link")).expect("linked");
        remove(&root).expect("removed");
        assert!(!root.exists() && place.path().join("kept").exists());
    }
}
