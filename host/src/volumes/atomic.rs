//! Files that change together (rule G5). The real ones stand in `..<timestamp>/`; `..data` leads there, and each name that a container
//! sees leads to `..data/<name>`. Renaming a new `..data` over the old one changes all of them in one step.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::path::Path;

use cap_std::fs::{Dir, File, OpenOptions};

use crate::model::Time;

const DATA: &str = "..data";
const DATA_TMP: &str = "..data_tmp";

/// What the files are to be, by path: relative, and never beginning with `..`.
pub(super) type Payload = BTreeMap<String, Content>;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// Permissions (rule G6).
    pub(super) mode: u32,
}

/// Makes the files of `dir` be these and no others; says whether anything had to be written. May be called again after a failure, which
/// leaves what there was.
pub(super) fn write(dir: &Dir, payload: &Payload, now: Time) -> io::Result<bool> {
    if let Some(path) = payload.keys().find(|path| !plain(path)) {
        let text = format!("{path:?} is no path for a file of a volume");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let names: BTreeSet<&str> = payload.keys().filter_map(|p| p.split('/').next()).collect();
    let changes = !is_there(dir, payload)?;
    if changes {
        let stamp = fresh(dir, now)?;
        let switch = || {
            fill(&dir.open_dir(&stamp)?, payload)?;
            remove(dir, DATA_TMP)?;
            symlink(dir, &stamp, DATA_TMP)?;
            dir.rename(DATA_TMP, dir, DATA)
        };
        if let Err(error) = switch() {
            // It will be tried again and again: each try's files would stay beside the others.
            remove(dir, &stamp)?;
            return Err(error);
        }
    }
    // New names lead to what is there already, old ones lead nowhere by now: nobody sees a name whose file is missing but in between.
    for name in &names {
        if dir.symlink_metadata(name).is_err() {
            symlink(dir, &format!("{DATA}/{name}"), name)?;
        }
    }
    let current = dir.read_link(DATA)?;
    for entry in dir.entries()? {
        let name = entry?.file_name();
        let text = name.to_str().unwrap_or_default();
        if text != DATA && Path::new(&name) != current && !names.contains(text) {
            remove(dir, &name)?;
        }
    }
    Ok(changes)
}

/// Held here too, though the manifest's checks have seen to it: what such a path would overwrite is this layout.
fn plain(path: &str) -> bool {
    !path.starts_with("..")
        && path
            .split('/')
            .all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
}

/// Whether the files are those of the payload already, modes included.
fn is_there(dir: &Dir, payload: &Payload) -> io::Result<bool> {
    let Ok(data) = dir.open_dir(DATA) else {
        return Ok(false);
    };
    let mut seen = 0;
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let shown = if folder.is_empty() { "." } else { &folder };
        for entry in data.read_dir(shown)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                return Ok(false);
            };
            let path = format!("{folder}{}{name}", if folder.is_empty() { "" } else { "/" });
            if entry.file_type()?.is_dir() {
                folders.push(path);
                continue;
            }
            let same = payload.get(&path).is_some_and(|wanted| {
                let there = data.open(&path).and_then(|mut file| content(&mut file));
                there.is_ok_and(|there| there == *wanted)
            });
            if !same {
                return Ok(false);
            }
            seen += 1;
        }
    }
    Ok(seen == payload.len())
}

fn content(file: &mut File) -> io::Result<Content> {
    let mode = mode_of(&file.metadata()?);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Content { bytes, mode })
}

/// A new folder, named by the time as a kubelet does it.
fn fresh(dir: &Dir, now: Time) -> io::Result<String> {
    let seconds = i64::try_from(now.unix_secs()).unwrap_or(i64::MAX);
    let at = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    let at = at.strftime("%Y_%m_%d_%H_%M_%S").to_string();
    let mut nanos = now.unix_nanos() % 1_000_000_000;
    loop {
        let name = format!("..{at}.{nanos:09}");
        match dir.create_dir(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => nanos += 1,
            made => return made.map(|()| name),
        }
    }
}

fn fill(dir: &Dir, payload: &Payload) -> io::Result<()> {
    for (path, content) in payload {
        if let Some((folder, _)) = path.rsplit_once('/') {
            dir.create_dir_all(folder)?;
        }
        let mut create = OpenOptions::new();
        create.write(true).create_new(true);
        let mut file = dir.open_with(path, &create)?;
        file.write_all(&content.bytes)?;
        set_mode(&file, content.mode)?;
    }
    Ok(())
}

/// Removes whatever has that name, if anything has.
fn remove(dir: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
    let name = name.as_ref();
    let removed = match dir.symlink_metadata(name) {
        Ok(found) if found.is_dir() => dir.remove_dir_all(name),
        Ok(_) => dir.remove_file(name),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn symlink(dir: &Dir, to: &str, name: &str) -> io::Result<()> {
    dir.symlink(to, name)
}

#[cfg(not(unix))]
fn symlink(_: &Dir, _: &str, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn mode_of(metadata: &cap_std::fs::Metadata) -> u32 {
    cap_std::fs::MetadataExt::mode(metadata) & 0o777
}

#[cfg(not(unix))]
fn mode_of(_: &cap_std::fs::Metadata) -> u32 {
    0o644
}

/// After the file was made, or the umask would take its part.
#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use cap_std::fs::PermissionsExt;
    file.set_permissions(cap_std::fs::Permissions::from_mode(mode & 0o777))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    use super::{Content, Payload, write};
    use crate::model::Time;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let content = |text: &str| Content {
            bytes: text.as_bytes().to_vec(),
            mode: 0o640,
        };
        files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), content(text)))
            .collect()
    }

    fn names(dir: &Dir) -> Vec<String> {
        let mut names: Vec<_> = dir
            .entries()
            .expect("read")
            .map(|e| e.expect("read").file_name().into_string().expect("text"))
            .collect();
        names.sort();
        names
    }

    #[test]
    fn g5_names_lead_through_data_to_a_folder_named_by_the_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("opened");
        let now = Time::from_unix_secs(1_000_000_000);
        let files = payload(&[("a", "1"), ("sub/deep/b", "2")]);
        assert!(write(&dir, &files, now).expect("written"));
        assert_eq!(
            names(&dir),
            ["..2001_09_09_01_46_40.000000000", "..data", "a", "sub"]
        );
        let link = |name: &str| std::fs::read_link(folder.path().join(name)).expect("a link");
        assert_eq!(
            link("..data").as_os_str(),
            "..2001_09_09_01_46_40.000000000"
        );
        assert_eq!(link("a").as_os_str(), "..data/a");
        assert_eq!(link("sub").as_os_str(), "..data/sub");
        assert_eq!(dir.read_to_string("a").expect("read"), "1");
        assert_eq!(dir.read_to_string("sub/deep/b").expect("read"), "2");
    }

    #[test]
    fn g5_an_update_is_a_new_folder_and_the_same_again_writes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("opened");
        let now = Time::from_unix_secs(1_000_000_000);
        write(&dir, &payload(&[("a", "1"), ("b", "2")]), now).expect("written");
        let open = dir.open("a").expect("opened");
        let before = names(&dir);
        assert!(!write(&dir, &payload(&[("a", "1"), ("b", "2")]), now).expect("written"));
        assert_eq!(names(&dir), before);
        // What a stopped update left behind goes as well.
        dir.symlink("nowhere", "..data_tmp").expect("linked");
        dir.create_dir("..1999_01_01_00_00_00.000000000")
            .expect("made");
        assert!(write(&dir, &payload(&[("a", "3"), ("c", "4")]), now).expect("written"));
        assert_eq!(
            names(&dir),
            ["..2001_09_09_01_46_40.000000001", "..data", "a", "c"],
            "removed keys vanish"
        );
        assert_eq!(dir.read_to_string("a").expect("read"), "3");
        let mut old = String::new();
        std::io::Read::read_to_string(&mut open.into_std(), &mut old).expect("read");
        assert_eq!(old, "1", "whoever has a file open keeps it");
        assert!(
            write(&dir, &Payload::new(), now).expect("written"),
            "an empty one"
        );
        assert_eq!(names(&dir).len(), 2);
    }

    #[test]
    fn g5_an_update_that_fails_leaves_what_there_was_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("opened");
        write(&dir, &payload(&[("a", "1")]), Time::EPOCH).expect("written");
        let before = names(&dir);
        // One source's file is another's folder.
        for _ in 0..3 {
            let broken = payload(&[("a", "2"), ("b", ""), ("b/c", "")]);
            write(&dir, &broken, Time::EPOCH).expect_err("b is a file");
        }
        assert_eq!(names(&dir), before);
        assert_eq!(dir.read_to_string("a").expect("read"), "1");
    }

    #[test]
    fn g6_a_change_of_mode_is_a_change() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("opened");
        let mut files = payload(&[("a", "1")]);
        write(&dir, &files, Time::EPOCH).expect("written");
        let mode = || {
            let metadata = std::fs::metadata(folder.path().join("a")).expect("there");
            metadata.permissions().mode() & 0o777
        };
        assert_eq!(mode(), 0o640);
        files.get_mut("a").expect("there").mode = 0o666;
        assert!(write(&dir, &files, Time::EPOCH).expect("written"));
        assert_eq!(mode(), 0o666, "whatever the umask is");
    }

    #[test]
    fn a_path_that_would_overwrite_the_layout_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("opened");
        for path in ["..data", "..x", "a/../b", "/a", "a//b", "a/", ".", ""] {
            let refused = write(&dir, &payload(&[(path, "")]), Time::EPOCH);
            assert!(refused.is_err(), "{path:?}");
        }
        assert!(names(&dir).is_empty());
        write(
            &dir,
            &payload(&[("...", "odd"), (".hidden", "")]),
            Time::EPOCH,
        )
        .expect_err("begins with two dots");
    }
}
