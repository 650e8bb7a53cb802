//! One blob: resumed where an earlier attempt was cut off, also by another process; verified before it is a blob.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::CONTENT_RANGE;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _, BufWriter};

use super::http::{Session, chunk, patiently};
use super::progress::PartUnderway;
use super::{Registry, RegistryError};
use crate::images::blobs::Blobs;
use crate::images::config::Descriptor;
use crate::images::{Digest, ImageError};

/// How often one looks whether another has got the blob.
const LOOK: Duration = Duration::from_millis(100);
const BUFFER_BYTES: usize = 512 << 10;
/// An attempt that brought that much is no failure: of a large blob over a bad line, each brings a part.
const WORTH_BYTES: u64 = 4 << 20;

impl Registry {
    /// Makes a blob present.
    pub(super) async fn fetch(
        &self,
        session: &Session,
        blob: &Descriptor,
        part: &PartUnderway,
    ) -> Result<(), ImageError> {
        let Some(partial) = Partial::open(&self.store.blobs, blob).await? else {
            part.is_at(blob.size);
            return Ok(());
        };
        let mut resumed = partial.len()?;
        part.is_at(resumed);
        loop {
            let copied = self.copy(session, blob, &partial, part).await;
            copied.map_err(|error| error.at(format!("failed to copy {}", blob.digest)))?;
            let (path, digest) = (partial.path.clone(), blob.digest.clone());
            let hashed = tokio::task::spawn_blocking(move || Digest::of_file(&path)).await;
            let hashed = hashed.map_err(io::Error::other).and_then(|hashed| hashed);
            let (got, _) = hashed.map_err(ImageError::io(&partial.path))?;
            if got == digest {
                return self.store.blobs.adopt(&partial.path, &digest);
            }
            // Perhaps only what an earlier attempt left was wrong, from a mirror or a proxy that is well again.
            if resumed > 0 {
                resumed = 0;
                partial.empty(part).map_err(ImageError::io(&partial.path))?;
                continue;
            }
            // Nothing can be made of it.
            let _ignored = std::fs::remove_file(&partial.path);
            let error = RegistryError::Digest {
                expected: digest.to_string(),
                got: got.to_string(),
            };
            return Err(error.at(format!("failed to copy {digest}")).into());
        }
    }

    /// Gets what is missing of a blob, for as long as attempts bring something.
    async fn copy(
        &self,
        session: &Session,
        blob: &Descriptor,
        partial: &Partial,
        part: &PartUnderway,
    ) -> Result<(), RegistryError> {
        let len = || {
            let found = partial.len();
            found.map_err(|error| RegistryError::Unusable(error.to_string()))
        };
        let mut before = len()?;
        loop {
            let attempt = || partial.continue_from(session, blob, part);
            match patiently(session.pace(), attempt).await {
                Err(error) if error.is_passing() => {
                    let now = len()?;
                    if now < before + WORTH_BYTES {
                        return Err(error);
                    }
                    before = now;
                }
                done => return done,
            }
        }
    }
}

/// What there is of a blob so far, for this process alone.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    /// Nothing, if the blob is there, perhaps because another has fetched it meanwhile.
    async fn open(blobs: &Blobs, blob: &Descriptor) -> Result<Option<Self>, ImageError> {
        let dir = blobs.dir().join("partial");
        std::fs::create_dir_all(&dir).map_err(ImageError::io(&dir))?;
        let path = dir.join(blob.digest.hex());
        loop {
            if blobs.has(blob) {
                return Ok(None);
            }
            let file = File::options()
                .create(true)
                .read(true)
                .append(true)
                .open(&path);
            let file = file.map_err(ImageError::io(&path))?;
            match file.try_lock() {
                // Between the two, its owner may have made a blob of it, or thrown it away.
                Ok(()) if is_at(&file, &path) && !blobs.has(blob) => {
                    return Ok(Some(Self { path, file }));
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => tokio::time::sleep(LOOK).await,
                Err(TryLockError::Error(error)) => return Err(ImageError::io(path)(error)),
            }
        }
    }

    fn len(&self) -> Result<u64, ImageError> {
        let found = self.file.metadata().map_err(ImageError::io(&self.path))?;
        Ok(found.len())
    }

    /// Begins anew.
    fn empty(&self, part: &PartUnderway) -> io::Result<()> {
        part.is_at(0);
        self.file.set_len(0)
    }

    /// One request for what is missing.
    async fn continue_from(
        &self,
        session: &Session,
        blob: &Descriptor,
        part: &PartUnderway,
    ) -> Result<(), RegistryError> {
        let io =
            |error: io::Error| RegistryError::Unusable(format!("{}: {error}", self.path.display()));
        let mut have = self.file.metadata().map_err(io)?.len();
        if have == blob.size {
            return Ok(());
        }
        let again = |have: &mut u64| {
            *have = 0;
            self.empty(part).map_err(io)
        };
        if have > blob.size {
            again(&mut have)?;
        }
        let rest = format!("blobs/{}", blob.digest);
        let asked = session.get(&rest, "*/*", have).await;
        let mut response = match asked {
            // It does not like where we would go on.
            Err(RegistryError::Status { code: 416, .. }) => {
                again(&mut have)?;
                session.get(&rest, "*/*", 0).await?
            }
            asked => asked?,
        };
        if have > 0 && !continues(&response, have) {
            again(&mut have)?;
        }
        let file = self.file.try_clone().map_err(io)?;
        let mut file = tokio::fs::File::from_std(file);
        file.seek(io::SeekFrom::End(0)).await.map_err(io)?;
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, file);
        let ended = loop {
            match chunk(&mut response).await {
                Ok(Some(bytes)) => {
                    have += bytes.len() as u64;
                    if have > blob.size {
                        let (what, max) = (blob.digest.to_string(), blob.size);
                        break Err(RegistryError::TooLarge { what, max });
                    }
                    out.write_all(&bytes).await.map_err(io)?;
                    part.advance(bytes.len() as u64);
                }
                Ok(None) if have < blob.size => {
                    let text = format!("it ended after {have} of {} bytes", blob.size);
                    break Err(RegistryError::Transport(text));
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // What came is kept, to go on from, unless too much came.
        out.flush().await.map_err(io)?;
        if matches!(ended, Err(RegistryError::TooLarge { .. })) {
            let _ignored = std::fs::remove_file(&self.path);
        }
        ended
    }
}

/// Whether the answer is the rest that was asked for; a server may send the whole instead.
fn continues(response: &reqwest::Response, from: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE);
    let range = range.and_then(|range| range.to_str().ok());
    let start = range.and_then(|range| range.strip_prefix("bytes ")?.split('-').next());
    response.status() == StatusCode::PARTIAL_CONTENT
        && start.and_then(|start| start.trim().parse().ok()) == Some(from)
}

/// Whether the open file is still the one of that name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let ours = file.metadata().map(|found| (found.dev(), found.ino()));
    let there = std::fs::metadata(path).map(|found| (found.dev(), found.ino()));
    matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}
