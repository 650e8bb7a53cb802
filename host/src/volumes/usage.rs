//! How much a volume holds (rule G2).

use std::collections::BTreeSet;
use std::io;

use cap_std::fs::{Dir, Metadata, ReadDir};

use crate::model::Bytes;

/// Folders are held open down to this depth: a guest that nests more has no way to hide what lies there, its volume counts as full.
const DEPTH_MAX: usize = 256;

/// What a volume takes.
pub(super) struct Taken {
    /// Of its disk or memory, as `du` counts: whole blocks, every file once, folders too.
    pub(super) content: Bytes,
    /// How many files and folders there are.
    pub(super) entries: u64,
}

/// How much the volume holds. Stops as soon as it is more than `enough`.
pub(super) fn measure(volume: &Dir, enough: Bytes) -> io::Result<Bytes> {
    take_stock(volume, enough).map(|taken| taken.content)
}

/// The same with the number of entries.
pub(super) fn take_stock(volume: &Dir, enough: Bytes) -> io::Result<Taken> {
    let (mut used, mut entries) = (0_u64, 0);
    let mut linked = BTreeSet::new();
    let mut open: Vec<(Dir, ReadDir)> = vec![(volume.try_clone()?, volume.entries()?)];
    loop {
        let depth = open.len();
        let Some((folder, listing)) = open.last_mut() else {
            break;
        };
        let Some(entry) = listing.next() else {
            open.pop();
            continue;
        };
        let name = entry?.file_name();
        let Ok(found) = folder.symlink_metadata(&name) else {
            // Guests go on working meanwhile.
            continue;
        };
        if size::several_names(&found).is_some_and(|file| !linked.insert(file)) {
            continue;
        }
        entries += 1;
        used = used.saturating_add(size::taken(&found));
        if used > enough.0 {
            break;
        }
        if found.is_dir() {
            if depth >= DEPTH_MAX {
                used = u64::MAX;
                break;
            }
            let inside = folder.open_dir(&name);
            if let Ok(inside) = inside {
                let listing = inside.entries()?;
                open.push((inside, listing));
            }
        }
    }
    Ok(Taken {
        content: Bytes(used),
        entries,
    })
}

#[cfg(unix)]
mod size {
    use cap_std::fs::MetadataExt;

    use super::Metadata;

    /// Blocks are always of 512 bytes here, whatever the file system's are.
    pub(super) fn taken(found: &Metadata) -> u64 {
        found.blocks().saturating_mul(512)
    }

    /// Which file it is, if it has more than one name.
    pub(super) fn several_names(found: &Metadata) -> Option<(u64, u64)> {
        (!found.is_dir() && found.nlink() > 1).then(|| (found.dev(), found.ino()))
    }
}

#[cfg(not(unix))]
mod size {
    use super::Metadata;

    pub(super) fn taken(found: &Metadata) -> u64 {
        found.len()
    }

    pub(super) fn several_names(_: &Metadata) -> Option<(u64, u64)> {
        None
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    use super::measure;
    use crate::model::Bytes;

    const ALL: Bytes = Bytes(u64::MAX);

    fn opened(folder: &tempfile::TempDir) -> Dir {
        Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("opened")
    }

    #[test]
    fn g2_usage_is_counted_in_blocks_every_file_once_and_no_link_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = opened(&folder);
        let empty = measure(&dir, ALL).expect("measured").0;
        dir.create_dir_all("a/b").expect("made");
        dir.write("a/b/file", vec![1; 100_000]).expect("written");
        let once = measure(&dir, ALL).expect("measured").0 - empty;
        assert!((100_000..150_000).contains(&once), "{once}");
        dir.hard_link("a/b/file", &dir, "again").expect("linked");
        dir.symlink("a", "link").expect("linked");
        dir.symlink("/", "everything").ok();
        std::os::unix::fs::symlink("/usr", folder.path().join("out")).expect("linked");
        let again = measure(&dir, ALL).expect("measured").0 - empty;
        assert!(again < once + 30_000, "{again}, not twice {once}");
        let hole = std::fs::File::create(folder.path().join("hole")).expect("made");
        hole.set_len(1 << 40).expect("sparse");
        let sparse = measure(&dir, ALL).expect("measured").0;
        assert!(sparse < 1 << 30, "a hole takes nothing: {sparse}");
    }

    #[test]
    fn g2_measuring_stops_at_the_limit_and_depth_hides_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = opened(&folder);
        for at in 0..50 {
            dir.write(format!("f{at}"), vec![1; 4096]).expect("written");
        }
        let some = measure(&dir, Bytes(10_000)).expect("measured").0;
        assert!((10_000..40_000).contains(&some), "{some}");
        let mut at = opened(&folder);
        for _ in 0..300 {
            at.create_dir("d").expect("made");
            at = at.open_dir("d").expect("opened");
        }
        assert_eq!(measure(&dir, ALL).expect("measured"), ALL);
    }
}
