//! The files of an instance, opened, and which is which while they are being rotated.

use std::fs::{File, Metadata};
use std::io;
use std::path::Path;

use super::super::file::Place;

/// The files of an instance, oldest first; what is removed meanwhile is left out.
pub(super) fn files(place: &Place) -> io::Result<Vec<File>> {
    loop {
        // First, or a rotation in between would hide the file that was current: so it may be found twice, and is taken once.
        let current = open(&place.current())?;
        let mut files = Vec::new();
        for (_, path) in place.pieces() {
            files.extend(open(&path)?);
        }
        let Some(current) = current else {
            return Ok(files);
        };
        let mut found = false;
        for file in &files {
            found |= same(file, &current)?;
        }
        if found {
            return Ok(files);
        }
        if is_at(&current, &place.current()) {
            files.push(current);
            return Ok(files);
        }
        // Rotated while the others were opened, perhaps removed since: nobody knows where among them it belongs.
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether both are the same file.
pub(super) fn same(one: &File, other: &File) -> io::Result<bool> {
    Ok(identity(&one.metadata()?) == identity(&other.metadata()?))
}

/// Whether a file is the one at that path now: it is not once it was rotated.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(open), Ok(there)) = (file.metadata(), std::fs::metadata(path)) else {
        return false;
    };
    identity(&open) == identity(&there)
}

#[cfg(unix)]
fn identity(of: &Metadata) -> impl PartialEq + use<> {
    use std::os::unix::fs::MetadataExt as _;
    (of.dev(), of.ino())
}

/// The time at which it was made stands for a file where there is no such number.
#[cfg(not(unix))]
fn identity(of: &Metadata) -> impl PartialEq + use<> {
    of.created().ok()
}
