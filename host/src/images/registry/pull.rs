//! Pulling an image: what its name means, which of its platforms, its blobs, its name.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use tokio::sync::SemaphorePermit;

use super::auth::{Credentials, PullSecrets};
use super::http::Session;
use super::keyring::Auth;
use super::{Registry, RegistryError};
use crate::images::blobs::{DOCUMENT_BYTES_MAX, Lock};
use crate::images::config::{Descriptor, Document, Manifest};
use crate::images::content::{ContentStore, Name, StoredImage};
use crate::images::program::WASM_BYTES_MAX;
use crate::images::{Digest, ImageError, normalise};

/// Blobs of one image that are fetched at the same time.
const BLOBS_AT_ONCE: usize = 3;
const LAYERS_MAX: usize = 256;
const IMAGE_BYTES_MAX: u64 = 16 << 30;

/// A full name, in parts.
pub(super) struct Target {
    /// The whole.
    pub(super) name: String,
    pub(super) registry: String,
    pub(super) repository: String,
    /// A tag, or a digest.
    pub(super) what: String,
}

impl Target {
    pub(super) fn parse(name: &str) -> Result<Self, ImageError> {
        let name = normalise(name)?;
        let (rest, digest) = match name.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (name.as_str(), None),
        };
        let (registry, path) = rest.split_once('/').unwrap_or(("docker.io", rest));
        let (repository, tag) = path.split_once(':').unwrap_or((path, "latest"));
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            what: digest.unwrap_or(tag).to_owned(),
            name: name.clone(),
        })
    }
}

impl Registry {
    /// Waits for one's turn to pull.
    pub async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.turns.acquire().await.ok()
    }

    /// Makes an image present as its registry, or a mirror, has it now.
    pub async fn pull(&self, name: &str, secrets: PullSecrets) -> Result<StoredImage, ImageError> {
        let pulled = self.pull_and_hold(name, secrets).await;
        pulled.map(|(stored, _lock)| stored)
    }

    /// The same, with the lock for adding: it stays present for as long as that is held, whoever wants it removed.
    pub(in crate::images) async fn pull_and_hold(
        &self,
        name: &str,
        secrets: PullSecrets,
    ) -> Result<(StoredImage, Lock), ImageError> {
        let target = Target::parse(name)?;
        self.check_online(&format!("failed to resolve reference \"{}\"", target.name))?;
        let mut last = None;
        for host in self.settings.hosts(&target.registry) {
            for auth in candidates(&host.known_as, &target.repository, &secrets).await {
                let session = self.session(&host, &target.repository, auth)?;
                match self.pull_by(&session, &target).await {
                    Err(ImageError::Registry(error)) => {
                        tracing::debug!(%error, host = host.authority, "pull of {}", target.name);
                        let again = error.is_of_credentials();
                        last = Some(error);
                        if !again {
                            break;
                        }
                    }
                    done => return done,
                }
            }
        }
        let error = last.unwrap_or(RegistryError::NotFound);
        let what = format!("failed to pull and unpack image \"{}\"", target.name);
        Err(error.at(what).into())
    }

    pub(super) fn check_online(&self, what: &str) -> Result<(), RegistryError> {
        if self.settings.offline {
            let text = "registries.yaml says offline";
            return Err(RegistryError::Unusable(text.into()).at(what));
        }
        Ok(())
    }

    async fn pull_by(
        &self,
        session: &Session,
        target: &Target,
    ) -> Result<(StoredImage, Lock), ImageError> {
        // Until the name stands, nothing of it is rubbish.
        let lock = adding(&self.store).await?;
        let (bytes, source) = session.document(&target.what).await.map_err(|error| {
            let error = match error {
                RegistryError::NotFound => error.at(target.name.as_str()),
                error => error,
            };
            error.at(format!("failed to resolve reference \"{}\"", target.name))
        })?;
        if let Some(there) = self.up_to_date(&target.name, &source) {
            return Ok((there, lock));
        }
        let (manifest, bytes) = platform(session, bytes).await?;
        let underway = self.progress.begin(&target.name);
        let blobs: BTreeMap<&Digest, &Descriptor> =
            manifest.blobs().map(|blob| (&blob.digest, blob)).collect();
        let fetches = blobs.into_values().map(|blob| {
            let part = underway.part(&blob.digest, blob.size);
            async move { self.fetch(session, blob, &part).await }.boxed()
        });
        let fetches: Vec<_> = fetches.collect();
        futures::stream::iter(fetches)
            .buffer_unordered(BLOBS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        let store = Arc::clone(&self.store);
        let name = target.name.clone();
        // Writes to disk, and may unpack all layers to find the program in them.
        let named = tokio::task::spawn_blocking(move || {
            let kind = manifest.media_type.as_deref();
            let kind = kind.unwrap_or(crate::images::config::MANIFEST);
            let manifest = store.blobs.put(kind, &bytes)?;
            store.name(Name {
                name,
                manifest,
                source: Some(source),
            })
        });
        let named = named.await;
        let named = named.map_err(|error| RegistryError::Unusable(error.to_string()))?;
        named.map(|stored| (stored, lock))
    }

    /// The image, if it is here already and its name still means it.
    fn up_to_date(&self, name: &str, source: &Digest) -> Option<StoredImage> {
        let named = self.store.find_name(name).ok()??;
        if named.source.as_ref() != Some(source) {
            return None;
        }
        self.store.whole(&named)?;
        self.store.open(&named).ok()
    }
}

async fn adding(store: &Arc<ContentStore>) -> Result<Lock, ImageError> {
    let store = Arc::clone(store);
    // Waits for as long as somebody removes things.
    let lock = tokio::task::spawn_blocking(move || store.blobs.adding()).await;
    lock.map_err(|error| RegistryError::Unusable(error.to_string()))?
}

pub(super) async fn candidates(
    registry: &str,
    repository: &str,
    secrets: &PullSecrets,
) -> Vec<Auth> {
    let (registry, repository) = (registry.to_owned(), repository.to_owned());
    let secrets = secrets.clone();
    let found = tokio::task::spawn_blocking(move || {
        Credentials::of_this_user().candidates(&registry, &repository, &secrets)
    });
    found.await.unwrap_or_else(|_| vec![Auth::Nobody])
}

/// The manifest for this machine, and its bytes.
async fn platform(
    session: &Session,
    mut bytes: Vec<u8>,
) -> Result<(Manifest, Vec<u8>), RegistryError> {
    for _ in 0..3 {
        match Document::parse(&bytes).map_err(RegistryError::Unusable)? {
            Document::Manifest(manifest) => {
                check(&manifest)?;
                return Ok((manifest, bytes));
            }
            Document::Index(index) => {
                let best = index.best().ok_or_else(|| {
                    let others = index.platforms();
                    RegistryError::Unusable(format!("no image for wasi/wasm, only for {others}"))
                })?;
                (bytes, _) = session.document(&best.digest.to_string()).await?;
            }
        }
    }
    Err(RegistryError::Unusable(
        "an index of indexes of indexes".into(),
    ))
}

/// Nothing of it is fetched if all of it would be too much.
fn check(manifest: &Manifest) -> Result<(), RegistryError> {
    let too_large = |what: &str, max| {
        let what = what.to_owned();
        Err(RegistryError::TooLarge { what, max })
    };
    if manifest.config.size > DOCUMENT_BYTES_MAX {
        return too_large("its configuration", DOCUMENT_BYTES_MAX);
    }
    let mut components = manifest.layers.iter().filter(|layer| layer.is_wasm());
    if components.any(|layer| layer.size > WASM_BYTES_MAX) {
        return too_large("its component", WASM_BYTES_MAX);
    }
    if manifest.layers.len() > LAYERS_MAX {
        return Err(RegistryError::Unusable(format!(
            "it has {} layers, and at most {LAYERS_MAX} are taken",
            manifest.layers.len()
        )));
    }
    let mut sizes = BTreeMap::new();
    for blob in manifest.blobs() {
        if *sizes.entry(&blob.digest).or_insert(blob.size) != blob.size {
            let digest = &blob.digest;
            return Err(RegistryError::Unusable(format!(
                "it says two sizes of {digest}"
            )));
        }
    }
    if manifest.size() > IMAGE_BYTES_MAX {
        return too_large("the image", IMAGE_BYTES_MAX);
    }
    Ok(())
}
