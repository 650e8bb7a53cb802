//! Removing a folder that somebody else filled.
//!
//! - owns: [`remove`]
//! - never does: follow a link
//! - talks to: nobody

use std::path::Path;
use std::{fs, io};

/// Removes a folder and all that is in it. std's `remove_dir_all` recurses and holds a descriptor for each level: a guest that nests
/// thousands of folders in its volume would use up the host's descriptors or its stack, now and at every later clean-up. Here
/// grandchildren are first moved up, so no path is ever deeper than two.
pub fn remove(root: &Path) -> io::Result<()> {
    loop {
        let folders = take_files(root)?;
        if folders.is_empty() {
            return fs::remove_dir(root);
        }
        for folder in folders {
            for inner in take_files(&folder)? {
                fs::rename(inner, root.join(uuid::Uuid::new_v4().simple().to_string()))?;
            }
            fs::remove_dir(folder)?;
        }
    }
}

/// Removes every file of the folder and gives the folders in it.
fn take_files(folder: &Path) -> io::Result<Vec<std::path::PathBuf>> {
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(folders)
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
