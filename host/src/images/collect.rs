//! Removing what nobody needs: blobs without a name, and when space runs short, images that nobody has used for long.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use super::blobs::{Lock, files, parse};
use super::config::Manifest;
use super::content::{ContentStore, Name};
use super::program::{Extracted, record_path};
use super::{Digest, ImageError};

/// What goes, beside rubbish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prune {
    /// Nothing.
    Rubbish,
    /// Every image that no running pod uses.
    Unused,
    /// Images that came from a registry and that no running pod uses, until no more than that many bytes are left; those that were not
    /// used for the longest time first. What was loaded by hand stays: nothing here could get it back.
    DownTo(u64),
}

/// What went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Names.
    pub images: Vec<String>,
    /// Size of the removed files.
    pub bytes: u64,
    /// Others are adding to the store, so their blobs and rubbish had to stay.
    pub busy: bool,
}

impl ContentStore {
    /// What all blobs and half-fetched ones take, in bytes.
    pub fn size(&self) -> Result<u64, ImageError> {
        let mut bytes = 0;
        for folder in ["blobs/sha256", "partial"] {
            for path in files(&self.blobs.dir().join(folder))? {
                bytes += fs::metadata(path).map_or(0, |found| found.len());
            }
        }
        Ok(bytes)
    }

    /// Removes what is not needed, and nothing that a running pod uses, of this peapod or another.
    pub fn prune(&self, what: Prune) -> Result<Pruned, ImageError> {
        let mut pruned = Pruned::default();
        let Some(lock) = self.blobs.removing()? else {
            pruned.busy = true;
            return Ok(pruned);
        };
        let used = self.leases.in_use()?;
        // Half-fetched blobs would be resumed by a pull that failed just now; a person, or want of space, means all of them.
        for path in files(&self.blobs.dir().join("partial"))? {
            pruned.bytes += erase(&path)?;
        }
        match what {
            Prune::Rubbish => {}
            Prune::Unused => {
                for (path, named) in self.names()? {
                    if !used.contains(&named.manifest.digest) {
                        erase(&path)?;
                        pruned.images.push(named.name);
                    }
                }
            }
            Prune::DownTo(bytes) => {
                pruned.bytes += self.sweep_locked(&lock, &used)?;
                for (path, named) in self.oldest_first()? {
                    if self.size()? <= bytes {
                        break;
                    }
                    if named.source.is_some() && !used.contains(&named.manifest.digest) {
                        erase(&path)?;
                        pruned.images.push(named.name);
                        pruned.bytes += self.sweep_locked(&lock, &used)?;
                    }
                }
            }
        }
        pruned.bytes += self.sweep_locked(&lock, &used)?;
        pruned.images.sort();
        Ok(pruned)
    }

    /// Removes blobs that nothing needs, unless others are adding: the next to sweep does it then.
    pub(super) fn sweep(&self) -> Result<(), ImageError> {
        if let Some(lock) = self.blobs.removing()? {
            let used = self.leases.in_use()?;
            self.sweep_locked(&lock, &used)?;
        }
        Ok(())
    }

    fn oldest_first(&self) -> Result<Vec<(std::path::PathBuf, Name)>, ImageError> {
        let mut names = self.names()?;
        names.sort_by_key(|(path, _)| fs::metadata(path).and_then(|found| found.modified()).ok());
        Ok(names)
    }

    fn sweep_locked(&self, _held: &Lock, used: &BTreeSet<Digest>) -> Result<u64, ImageError> {
        let mut needed = BTreeSet::new();
        let mut manifests = used.clone();
        manifests.extend(
            self.names()?
                .into_iter()
                .map(|(_, named)| named.manifest.digest),
        );
        for manifest in &manifests {
            self.need(manifest, &mut needed)?;
        }
        let mut bytes = 0;
        for path in files(&self.blobs.dir().join("blobs/sha256"))? {
            let digest = path.file_name().and_then(|name| name.to_str());
            let digest = digest.and_then(Digest::from_hex);
            if !digest.is_some_and(|digest| needed.contains(&digest)) {
                bytes += erase(&path)?;
            }
        }
        for path in files(&self.blobs.dir().join("programs"))? {
            let digest = path.file_stem().and_then(|name| name.to_str());
            let digest = digest.and_then(Digest::from_hex);
            if !digest.is_some_and(|digest| manifests.contains(&digest)) {
                erase(&path)?;
            }
        }
        // Left behind by processes that were killed: all who live hold the other lock while they write here.
        for path in files(&self.blobs.dir().join("tmp"))? {
            if path.is_dir() {
                crate::tree::remove(&path).map_err(ImageError::io(&path))?;
            } else {
                erase(&path)?;
            }
        }
        Ok(bytes)
    }

    /// Adds what an image needs. If it cannot be read, nothing may be removed: what it needs is not known. A manifest that is not there
    /// needs nothing.
    fn need(&self, manifest: &Digest, needed: &mut BTreeSet<Digest>) -> Result<(), ImageError> {
        needed.insert(manifest.clone());
        let parsed: Manifest = match self.blobs.parsed(manifest) {
            Ok(parsed) => parsed,
            Err(ImageError::Io { cause, .. }) if cause.kind() == io::ErrorKind::NotFound => {
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        needed.extend(parsed.blobs().map(|blob| blob.digest.clone()));
        let record = record_path(&self.blobs, manifest);
        match fs::read(&record) {
            Ok(bytes) => {
                let extracted: Extracted = parse(&record, &bytes)?;
                needed.insert(extracted.wasm.digest);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(ImageError::io(record)(error)),
        }
    }
}

/// Removes a file and gives its size.
fn erase(path: &Path) -> Result<u64, ImageError> {
    let size = fs::metadata(path).map_or(0, |found| found.len());
    match fs::remove_file(path) {
        Ok(()) => Ok(size),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(ImageError::io(path)(error)),
    }
}
