//! One layer after another onto a folder.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use cap_std::fs::{Dir, DirBuilder, OpenOptions, Permissions};
use sha2::{Digest as _, Sha256};

pub use super::archive::Limits;
use super::archive::{self, Entry, Kind};
use super::path::{link_target, split};
use super::{LayerError, compressed};

/// In a layer, the name of what it removes from those below begins so.
const WHITEOUT: &str = ".wh.";

/// Unpacks layers, lowest first: files, and the SHA-256 of each in hexadecimal. One whose content is another leaves what it brought before
/// that showed, and an error.
pub fn unpack<'l>(
    layers: impl IntoIterator<Item = (&'l Path, &'l str)>,
    root: &Dir,
) -> Result<(), LayerError> {
    let mut unpacker = Unpacker::new(root, Limits::default());
    for (path, digest) in layers {
        let mut file = Hashed {
            file: File::open(path)?,
            hasher: Sha256::new(),
        };
        unpacker.layer(BufReader::with_capacity(128 << 10, &mut file))?;
        // The archive may end before its file does.
        io::copy(&mut file, &mut io::sink())?;
        if hex::encode(file.hasher.finalize()) != digest {
            return Err(LayerError::Changed(path.to_owned()));
        }
    }
    Ok(())
}

/// A file that is hashed as it is read.
struct Hashed {
    file: File,
    hasher: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read(into)?;
        self.hasher.update(&into[..len]);
        Ok(len)
    }
}

/// Puts layers onto a folder that nobody else uses meanwhile.
pub struct Unpacker<'d> {
    root: &'d Dir,
    limits: Limits,
    /// What the layer at hand has brought: whiteouts are about the layers below only, wherever in their layer they stand.
    brought: HashSet<String>,
}

impl<'d> Unpacker<'d> {
    /// For layers that together keep those limits.
    pub fn new(root: &'d Dir, limits: Limits) -> Self {
        Self {
            root,
            limits,
            brought: HashSet::new(),
        }
    }

    /// The next layer.
    pub fn layer(&mut self, layer: impl BufRead) -> Result<(), LayerError> {
        self.brought.clear();
        let mut limits = self.limits;
        let archive = compressed::open(layer)?;
        let read = archive::read(archive, &mut limits, |entry, bytes| {
            self.apply(entry, bytes)
        });
        self.limits = limits;
        read
    }

    fn apply(&mut self, entry: &Entry, bytes: &mut dyn Read) -> Result<(), LayerError> {
        let path = entry.path.as_str();
        let (folder, name) = split(path);
        let at = |error| LayerError::Write(path.to_owned(), error);
        if let Some(gone) = name.strip_prefix(WHITEOUT) {
            return match gone {
                "" | "." | ".." => Err(LayerError::Entry(path.to_owned(), "it removes no name")),
                ".wh..opq" => self.clear(folder).map_err(at),
                // Marks of a file system of old.
                _ if gone.starts_with(WHITEOUT) => Ok(()),
                _ if folder.is_empty() => self.remove(gone).map_err(at),
                _ => self.remove(&format!("{folder}/{gone}")).map_err(at),
            };
        }
        if path.is_empty() || entry.kind == Kind::Other {
            return Ok(());
        }
        self.make_folder(folder).map_err(at)?;
        self.bring(path);
        let there = self.root.symlink_metadata(path).ok();
        let is_folder = there.as_ref().is_some_and(cap_std::fs::Metadata::is_dir);
        if there.is_some() && !(is_folder && entry.kind == Kind::Folder) {
            if entry.kind == Kind::HardLink(path.to_owned()) {
                return Err(LayerError::Entry(path.to_owned(), "a link to itself"));
            }
            // Never written over: the file may have other names, which are not this layer's to change.
            self.erase(path, is_folder).map_err(at)?;
        }
        match &entry.kind {
            Kind::File => self.write(entry, bytes).map_err(at),
            Kind::Folder if is_folder => Ok(()),
            Kind::Folder => self.root.create_dir(path).map_err(at),
            Kind::Symlink(target) => self.link(path, target).map_err(at),
            Kind::HardLink(of) => self.root.hard_link(of, self.root, path).map_err(at),
            Kind::Other => Ok(()),
        }
    }

    fn write(&self, entry: &Entry, bytes: &mut dyn Read) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let mut file = self.root.open_with(&entry.path, &options)?;
        io::copy(bytes, &mut file)?;
        set_attributes(&file, entry)
    }

    #[cfg(unix)]
    fn link(&self, path: &str, target: &str) -> io::Result<()> {
        self.root.symlink(link_target(path, target), path)
    }

    #[cfg(not(unix))]
    fn link(&self, path: &str, target: &str) -> io::Result<()> {
        self.root.symlink_file(link_target(path, target), path)
    }

    /// Makes a folder with those above it, following links that lead to folders.
    fn make_folder(&self, path: &str) -> io::Result<()> {
        if path.is_empty() || self.root.is_dir(path) {
            return Ok(());
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        self.root.create_dir_with(path, &builder)
    }

    /// Remembers a path, and the folders it implies.
    fn bring(&mut self, path: &str) {
        let mut path = path;
        while !path.is_empty() && self.brought.insert(path.to_owned()) {
            path = split(path).0;
        }
    }

    /// Removes what layers below have brought at a path.
    fn remove(&self, path: &str) -> io::Result<()> {
        let Ok(there) = self.root.symlink_metadata(path) else {
            return Ok(());
        };
        if !self.brought.contains(path) {
            self.erase(path, there.is_dir())
        } else if there.is_dir() {
            self.clear(path)
        } else {
            Ok(())
        }
    }

    /// Removes what layers below have brought in a folder.
    fn clear(&self, folder: &str) -> io::Result<()> {
        let entries = if folder.is_empty() {
            self.root.entries()?
        } else if self
            .root
            .symlink_metadata(folder)
            .is_ok_and(|at| at.is_dir())
        {
            self.root.read_dir(folder)?
        } else {
            return Ok(());
        };
        for entry in entries.collect::<Result<Vec<_>, _>>()? {
            let name = entry.file_name();
            // Everything here was made from names that are text.
            let Some(name) = name.to_str() else { continue };
            if folder.is_empty() {
                self.remove(name)?;
            } else {
                self.remove(&format!("{folder}/{name}"))?;
            }
        }
        Ok(())
    }

    fn erase(&self, path: &str, is_folder: bool) -> io::Result<()> {
        if is_folder {
            self.root.remove_dir_all(path)
        } else {
            self.root.remove_file(path)
        }
    }
}

/// Its owner can always read and write it, or peapod could not remove it; set-user-ID means nothing here.
#[cfg(unix)]
fn set_attributes(file: &cap_std::fs::File, entry: &Entry) -> io::Result<()> {
    use cap_std::fs::PermissionsExt as _;
    use rustix::fs::{Timespec, Timestamps, UTIME_OMIT};
    file.set_permissions(Permissions::from_mode(entry.mode & 0o777 | 0o600))?;
    let at = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
    let times = Timestamps {
        last_access: at(0, UTIME_OMIT),
        last_modification: at(entry.modified, 0),
    };
    Ok(rustix::fs::futimens(file, &times)?)
}

#[cfg(not(unix))]
fn set_attributes(_: &cap_std::fs::File, _: &Entry) -> io::Result<()> {
    Ok(())
}
