//! Entries of a tar archive, with the long names of its dialects, and no more of anything than allowed. The `tar` crate joins long names by
//! itself, but reads them into memory whole, however long the archive says they are.

use std::io::Read;

use tar::EntryType;

use super::LayerError;
use super::path::inside;

/// Long names and other extensions of one entry.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

/// What an archive may still bring.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files, folders, links and what else an archive lists.
    pub entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 8 << 30,
            entries: 500_000,
        }
    }
}

impl Limits {
    fn take(&mut self, size: u64) -> Result<(), LayerError> {
        let all = Self::default();
        let entries = self.entries.checked_sub(1);
        self.entries = entries.ok_or_else(|| too_much(format!("{} entries", all.entries)))?;
        let bytes = self.bytes.checked_sub(size);
        self.bytes = bytes.ok_or_else(|| too_much(format!("{} GiB", all.bytes >> 30)))?;
        Ok(())
    }
}

fn too_much(what: String) -> LayerError {
    LayerError::TooMuch(what)
}

/// One entry, without its bytes.
#[derive(Debug)]
pub(super) struct Entry {
    /// Relative to the root; empty for the root itself.
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) mode: u32,
    /// Seconds since 1970.
    pub(super) modified: i64,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// A symbolic link to that text.
    Symlink(String),
    /// Another name of that path.
    HardLink(String),
    /// A device, a pipe: things that only root can make, and no guest could use.
    Other,
}

/// What precedes an entry and belongs to it.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
}

/// Calls back for each entry, with its bytes.
pub(super) fn read(
    source: impl Read,
    limits: &mut Limits,
    mut each: impl FnMut(&Entry, &mut dyn Read) -> Result<(), LayerError>,
) -> Result<(), LayerError> {
    let mut archive = tar::Archive::new(source);
    let mut extension = Extension::default();
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry?;
        let size = entry.header().entry_size()?;
        limits.take(size)?;
        match entry.header().entry_type() {
            EntryType::GNULongName => extension.path = Some(text(&mut entry, size)?),
            EntryType::GNULongLink => extension.link = Some(text(&mut entry, size)?),
            EntryType::XHeader => extension.read(&small(&mut entry, size)?)?,
            EntryType::XGlobalHeader => {}
            kind => {
                let extension = std::mem::take(&mut extension);
                let found = found(entry.header(), kind, extension)?;
                each(&found, &mut entry)?;
            }
        }
    }
    Ok(())
}

impl Extension {
    fn read(&mut self, bytes: &[u8]) -> Result<(), LayerError> {
        for field in tar::PaxExtensions::new(bytes) {
            let field = field?;
            match field.key_bytes() {
                b"path" => self.path = Some(field.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(field.value_bytes().to_vec()),
                // Only for what is larger than an image may be.
                b"size" => return Err(too_much("8 GiB in one file".into())),
                key if key.starts_with(b"GNU.sparse.") => return Err(sparse("")),
                _ => {}
            }
        }
        Ok(())
    }
}

fn sparse(path: &str) -> LayerError {
    LayerError::Entry(path.to_owned(), "sparse files are not supported")
}

fn found(header: &tar::Header, kind: EntryType, more: Extension) -> Result<Entry, LayerError> {
    let path = more.path.unwrap_or_else(|| header.path_bytes().to_vec());
    let path = inside(&path)?;
    let link = || {
        let short = || header.link_name_bytes().unwrap_or_default().to_vec();
        more.link.clone().unwrap_or_else(short)
    };
    let kind = match kind {
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink => match String::from_utf8(link()) {
            Ok(target) if !target.is_empty() && !target.contains('\0') => Kind::Symlink(target),
            _ => return Err(LayerError::Entry(path, "its link leads to no name")),
        },
        EntryType::Link => Kind::HardLink(inside(&link())?),
        EntryType::GNUSparse => return Err(sparse(&path)),
        _ => Kind::Other,
    };
    Ok(Entry {
        path,
        kind,
        mode: header.mode()?,
        modified: i64::try_from(header.mtime()?).unwrap_or(0),
    })
}

fn small(entry: &mut impl Read, size: u64) -> Result<Vec<u8>, LayerError> {
    if size > EXTENSION_BYTES_MAX {
        return Err(too_much("1 MiB of attributes of one entry".into()));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A long name, without the zero at its end.
fn text(entry: &mut impl Read, size: u64) -> Result<Vec<u8>, LayerError> {
    let mut bytes = small(entry, size)?;
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes)
}
