//! Blobs by digest, in files. Safe under several peapods and under `kill -9` at any moment: what is written is written elsewhere, put on
//! disk and renamed into its place; whoever adds holds a shared lock, whoever removes an exclusive one, and locks end with their process.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Serialize, de::DeserializeOwned};
use sha2::Sha256;

use super::config::Descriptor;
use super::{Digest, ImageError};
use crate::ports::LayerFile;

/// A manifest, an index or a configuration; what registries take at most.
pub(super) const DOCUMENT_BYTES_MAX: u64 = 4 << 20;

/// The folder of a content store.
pub(super) struct Blobs {
    dir: PathBuf,
}

/// Ends when it is dropped.
pub(super) struct Lock(#[expect(dead_code, reason = "held open")] File);

impl Blobs {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Held while blobs are added before what names them, and while a name is being followed: nothing is removed meanwhile.
    pub(super) fn adding(&self) -> Result<Lock, ImageError> {
        let (path, file) = self.lock_file()?;
        file.lock_shared().map_err(ImageError::io(path))?;
        Ok(Lock(file))
    }

    /// Held while blobs are removed; nothing if others keep adding, as a pull of hours does.
    #[expect(
        clippy::disallowed_methods,
        reason = "commands and threads of their own wait here, no runtime's"
    )]
    pub(super) fn removing(&self) -> Result<Option<Lock>, ImageError> {
        let (path, file) = self.lock_file()?;
        for _ in 0..50 {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Lock(file))),
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
                Err(fs::TryLockError::Error(error)) => return Err(ImageError::io(path)(error)),
            }
        }
        Ok(None)
    }

    fn lock_file(&self) -> Result<(PathBuf, File), ImageError> {
        fs::create_dir_all(&self.dir).map_err(ImageError::io(&self.dir))?;
        let path = self.dir.join("lock");
        let file = File::options().create(true).append(true).open(&path);
        Ok((path.clone(), file.map_err(ImageError::io(path))?))
    }

    pub(super) fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs").join("sha256").join(digest.hex())
    }

    /// A blob as a layer to unpack.
    pub(super) fn layer(&self, digest: &Digest) -> LayerFile {
        LayerFile {
            path: self.path(digest),
            digest: digest.hex().to_owned(),
        }
    }

    /// Whether the blob is there. One of another length was cut short by a crash of the machine.
    pub(super) fn has(&self, blob: &Descriptor) -> bool {
        fs::metadata(self.path(&blob.digest)).is_ok_and(|found| found.len() == blob.size)
    }

    /// Adds a blob. Whoever calls holds the lock for adding.
    pub(super) fn put(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, ImageError> {
        let blob = Descriptor::new(media_type, Digest::of(bytes), bytes.len() as u64);
        let path = self.path(&blob.digest);
        // Read, not only looked for: what a bad disk has made of it is put right.
        if !fs::read(&path).is_ok_and(|there| there == bytes) {
            self.write(&path, bytes)?;
        }
        Ok(blob)
    }

    /// Adds a blob of unknown digest as it is read, unless it is longer than `max`.
    pub(super) fn put_stream(
        &self,
        media_type: &str,
        source: &mut dyn Read,
        max: u64,
    ) -> Result<Descriptor, ImageError> {
        let place = self.dir.join("tmp");
        fs::create_dir_all(&place).map_err(ImageError::io(&place))?;
        let mut hasher = Sha256::default();
        let mut written = || {
            let mut file = tempfile::NamedTempFile::new_in(&place)?;
            let mut size = 0_u64;
            let mut buffer = vec![0; 256 << 10];
            loop {
                let len = source.read(&mut buffer)?;
                if len == 0 {
                    return Ok((file, size));
                }
                size += len as u64;
                if size > max {
                    let text = format!("it has more than {max} bytes");
                    return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
                }
                sha2::Digest::update(&mut hasher, &buffer[..len]);
                file.write_all(&buffer[..len])?;
            }
        };
        let (file, size) = written().map_err(ImageError::io(&place))?;
        let blob = Descriptor::new(media_type, Digest::finish(hasher), size);
        self.settle(file, &self.path(&blob.digest))?;
        Ok(blob)
    }

    /// Moves a file that is in the store's folder, and verified, to where its digest says.
    pub(super) fn adopt(&self, file: &Path, digest: &Digest) -> Result<(), ImageError> {
        let path = self.path(digest);
        let dir = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(dir).map_err(ImageError::io(dir))?;
        let moved = || {
            File::open(file)?.sync_all()?;
            fs::rename(file, &path)?;
            sync_dir(dir)
        };
        moved().map_err(ImageError::io(&path))
    }

    /// Writes a file of the store: whole, or not at all.
    pub(super) fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
        let place = self.dir.join("tmp");
        fs::create_dir_all(&place).map_err(ImageError::io(&place))?;
        let written = || {
            let mut file = tempfile::NamedTempFile::new_in(&place)?;
            file.write_all(bytes)?;
            Ok(file)
        };
        self.settle(written().map_err(ImageError::io(path))?, path)
    }

    fn settle(&self, file: tempfile::NamedTempFile, path: &Path) -> Result<(), ImageError> {
        let dir = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(dir).map_err(ImageError::io(dir))?;
        let settled = || {
            file.as_file().sync_all()?;
            file.persist(path)?;
            // What names it comes later, and must not be on disk before it.
            sync_dir(dir)
        };
        settled().map_err(ImageError::io(path))
    }

    /// A manifest, an index or a configuration, and no other than that.
    pub(super) fn document(&self, digest: &Digest) -> Result<Vec<u8>, ImageError> {
        let path = self.path(digest);
        let mut bytes = Vec::new();
        let file = File::open(&path).map_err(ImageError::io(&path))?;
        let read = file.take(DOCUMENT_BYTES_MAX).read_to_end(&mut bytes);
        read.map_err(ImageError::io(&path))?;
        match Digest::of(&bytes) {
            got if got == *digest => Ok(bytes),
            got => Err(ImageError::Corrupt {
                path,
                detail: format!("its content is {got}"),
            }),
        }
    }

    pub(super) fn parsed<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T, ImageError> {
        parse(&self.path(digest), &self.document(digest)?)
    }
}

/// A rename is on disk once its folder is.
fn sync_dir(dir: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, ImageError> {
    serde_json::to_vec(value).map_err(|error| ImageError::Corrupt {
        path: PathBuf::new(),
        detail: error.to_string(),
    })
}

pub(super) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|error| ImageError::Corrupt {
        path: path.to_owned(),
        detail: error.to_string(),
    })
}

/// What is in a folder; nothing if there is none.
pub(super) fn files(dir: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ImageError::io(dir)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(ImageError::io(dir))
}
