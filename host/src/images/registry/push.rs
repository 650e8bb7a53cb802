//! Pushing an image.

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use oci_client::errors::OciDistributionError;
use reqwest::header::HeaderValue;
use tokio_util::io::ReaderStream;

use super::auth::PullSecrets;
use super::http::{Session, failed, patiently};
use super::progress::Underway;
use super::pull::{Target, candidates};
use super::{Registry, RegistryError};
use crate::images::blobs::Lock;
use crate::images::config::{Descriptor, MANIFEST, Manifest};
use crate::images::content::Name;
use crate::images::{Digest, ImageError, normalise};

const BLOBS_AT_ONCE: usize = 3;
const PIECE_BYTES: usize = 256 << 10;

impl Registry {
    /// Sends the image `name` of the store to a registry, as `to`; gives the full name there, and its digest.
    pub async fn push(&self, name: &str, to: &str) -> Result<(String, Digest), ImageError> {
        let target = Target::parse(to)?;
        let name = normalise(name)?;
        let lock = self.store.blobs.adding()?;
        let named = self.store.find_name(&name)?;
        let named = named.ok_or(ImageError::NotFound(name))?;
        if target.what.contains(':') && target.what != named.manifest.digest.to_string() {
            let text = format!("the image is {}", named.manifest.digest);
            return Err(RegistryError::Unusable(text).at(target.name).into());
        }
        let mut last = None;
        // A mirror is nothing to push to.
        if let Some(host) = self.settings.hosts(&target.registry).pop() {
            let secrets = PullSecrets::default();
            for auth in candidates(&target.registry, &target.repository, &secrets).await {
                let session = self.session(&host, &target.repository, auth).await?;
                match self.push_by(&session, &named, &target, &lock).await {
                    Err(ImageError::Registry(error)) => {
                        let again = error.is_of_credentials();
                        last = Some(error);
                        if !again {
                            break;
                        }
                    }
                    Err(error) => return Err(error),
                    Ok(()) => return Ok((target.name, named.manifest.digest)),
                }
            }
        }
        let error = last.unwrap_or(RegistryError::NotFound);
        Err(error
            .at(format!("failed to push image \"{}\"", target.name))
            .into())
    }

    async fn push_by(
        &self,
        session: &Session,
        named: &Name,
        target: &Target,
        _held: &Lock,
    ) -> Result<(), ImageError> {
        let bytes = self.store.blobs.document(&named.manifest.digest)?;
        let manifest: Manifest = self.store.blobs.parsed(&named.manifest.digest)?;
        let underway = self.progress.begin(&target.name);
        underway.total(manifest.size());
        let client = session.client().await?;
        let reference = session.reference(&target.what);
        client
            .store_auth_if_needed(reference.resolve_registry(), session.auth())
            .await;
        let pushes = manifest
            .blobs()
            .map(|blob| self.push_blob(session, blob, target, &underway).boxed());
        let pushes: Vec<_> = pushes.collect();
        futures::stream::iter(pushes)
            .buffer_unordered(BLOBS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        let kind = manifest.media_type.as_deref().unwrap_or(MANIFEST);
        let kind = HeaderValue::from_str(kind)
            .map_err(|_| RegistryError::Unusable(format!("media type {kind:?}")))?;
        patiently(session.pace(), || async {
            let sent = client.push_manifest_raw(&reference, bytes.clone(), kind.clone());
            sent.await.map(drop).map_err(failed)
        })
        .await?;
        Ok(())
    }

    async fn push_blob(
        &self,
        session: &Session,
        blob: &Descriptor,
        target: &Target,
        underway: &Underway<'_>,
    ) -> Result<(), RegistryError> {
        let client = session.client().await?;
        let reference = session.reference(&target.what);
        let digest = blob.digest.to_string();
        let path = self.store.blobs.path(&blob.digest);
        patiently(session.pace(), || async {
            if client
                .blob_exists(&reference, &digest)
                .await
                .map_err(failed)?
            {
                return Ok(());
            }
            let file = tokio::fs::File::open(&path).await;
            let file = file
                .map_err(|error| RegistryError::Unusable(format!("{}: {error}", path.display())))?;
            let pieces = ReaderStream::with_capacity(file, PIECE_BYTES);
            let pieces = pieces.map_err(OciDistributionError::IoError);
            let sent = client.push_blob_stream(&reference, pieces, &digest, Some(blob.size));
            sent.await.map(drop).map_err(failed)
        })
        .await
        .map_err(|error| error.at(format!("failed to copy {digest}")))?;
        underway.advance(i64::try_from(blob.size).unwrap_or(i64::MAX));
        Ok(())
    }
}
