//! What running pods use is not removed, by this peapod or another: each process has a file that lists it, locked for as long as it lives.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::blobs::files;
use super::{Digest, ImageError};
use crate::ports::Image;

pub(super) struct Leases {
    dir: PathBuf,
    mine: Mutex<Mine>,
}

#[derive(Default)]
struct Mine {
    /// By the digest of their manifest. One that nobody holds any more is no longer used.
    held: BTreeMap<Digest, Weak<Image>>,
    file: Option<(PathBuf, File)>,
}

impl Leases {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self {
            dir,
            mine: Mutex::default(),
        }
    }

    /// Shares one image among all who use it, and says that it is used. Whoever calls holds the lock for adding, so that nobody looks
    /// meanwhile: a lease that is half written is never read.
    pub(super) fn hold(&self, manifest: &Digest, image: Image) -> Result<Arc<Image>, ImageError> {
        let mut mine = self.lock();
        if let Some(held) = mine.held.get(manifest).and_then(Weak::upgrade)
            && *held == image
        {
            return Ok(held);
        }
        let image = Arc::new(image);
        mine.held.insert(manifest.clone(), Arc::downgrade(&image));
        self.tell(&mut mine)?;
        Ok(image)
    }

    /// Every image in use, of every process. Whoever calls holds the lock for removing.
    pub(super) fn in_use(&self) -> Result<BTreeSet<Digest>, ImageError> {
        let mut mine = self.lock();
        mine.held.retain(|_, image| image.strong_count() > 0);
        let mut used: BTreeSet<Digest> = mine.held.keys().cloned().collect();
        for path in files(&self.dir)? {
            if mine.file.as_ref().is_some_and(|(own, _)| *own == path) {
                continue;
            }
            let file = match File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(ImageError::io(path)(error)),
            };
            match file.try_lock() {
                // Its process is gone.
                Ok(()) => fs::remove_file(&path).map_err(ImageError::io(&path))?,
                Err(TryLockError::WouldBlock) => {
                    let text = fs::read_to_string(&path).map_err(ImageError::io(&path))?;
                    used.extend(text.lines().filter_map(Digest::from_hex));
                }
                Err(TryLockError::Error(error)) => return Err(ImageError::io(path)(error)),
            }
        }
        Ok(used)
    }

    fn tell(&self, mine: &mut Mine) -> Result<(), ImageError> {
        mine.held.retain(|_, image| image.strong_count() > 0);
        if mine.file.is_none() {
            fs::create_dir_all(&self.dir).map_err(ImageError::io(&self.dir))?;
            let path = self.dir.join(uuid::Uuid::new_v4().simple().to_string());
            let file = File::create_new(&path).map_err(ImageError::io(&path))?;
            file.lock().map_err(ImageError::io(&path))?;
            mine.file = Some((path, file));
        }
        let Some((path, file)) = &mut mine.file else {
            return Ok(());
        };
        let lines: String = mine
            .held
            .keys()
            .map(|one| format!("{}\n", one.hex()))
            .collect();
        let mut write = || {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(lines.as_bytes())
        };
        write().map_err(ImageError::io(path))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Mine> {
        self.mine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        if let Some((path, _)) = self.file.take() {
            // Else the next to collect removes it.
            let _ignored = fs::remove_file(path);
        }
    }
}
