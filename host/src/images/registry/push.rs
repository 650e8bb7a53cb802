//! Pushing an image, with `oci-client`.

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;
use tokio_util::io::ReaderStream;

use super::auth::PullSecrets;
use super::client::{AGENT, choose_crypto, read};
use super::http::{Session, WORDS_MAX, patiently};
use super::keyring::Auth;
use super::progress::PartUnderway;
use super::pull::{Target, candidates};
use super::settings::Tls;
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
        self.check_online(&format!("failed to push image \"{}\"", target.name))?;
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
                let session = self.session(&host, &target.repository, auth)?;
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
        let pusher = Pusher::new(session, &target.what).await?;
        let pushes = manifest.blobs().map(|blob| {
            let part = underway.part(&blob.digest, blob.size);
            let pusher = &pusher;
            async move { self.push_blob(pusher, blob, part).await }.boxed()
        });
        let pushes: Vec<_> = pushes.collect();
        futures::stream::iter(pushes)
            .buffer_unordered(BLOBS_AT_ONCE)
            .try_collect::<()>()
            .await?;
        let kind = manifest.media_type.as_deref().unwrap_or(MANIFEST);
        let kind = HeaderValue::from_str(kind)
            .map_err(|_| RegistryError::Unusable(format!("media type {kind:?}")))?;
        let sent = pusher.send(|client, reference| {
            let (bytes, kind) = (bytes.clone(), kind.clone());
            async move { client.push_manifest_raw(&reference, bytes, kind).await }
        });
        sent.await?;
        Ok(())
    }

    async fn push_blob(
        &self,
        pusher: &Pusher<'_>,
        blob: &Descriptor,
        part: PartUnderway,
    ) -> Result<(), RegistryError> {
        let digest = blob.digest.to_string();
        let path = self.store.blobs.path(&blob.digest);
        let sent = pusher.send(|client, reference| {
            let (path, digest, sent) = (&path, &digest, part.clone());
            sent.is_at(0);
            async move {
                if client.blob_exists(&reference, digest).await? {
                    return Ok(());
                }
                let file = tokio::fs::File::open(path).await;
                let file = file.map_err(OciDistributionError::IoError)?;
                let pieces = ReaderStream::with_capacity(file, PIECE_BYTES);
                let pieces = pieces.inspect_ok(move |piece| sent.advance(piece.len() as u64));
                let pieces = pieces.map_err(OciDistributionError::IoError);
                let sent = client.push_blob_stream(&reference, pieces, digest, Some(blob.size));
                sent.await.map(drop)
            }
        });
        let failed = |error: RegistryError| error.at(format!("failed to copy {digest}"));
        sent.await.map_err(failed)?;
        part.is_at(blob.size);
        Ok(())
    }
}

/// `oci-client`, with what the session shows to the registry.
struct Pusher<'s> {
    session: &'s Session,
    reference: Reference,
    client: Mutex<Client>,
}

impl<'s> Pusher<'s> {
    async fn new(session: &'s Session, tag: &str) -> Result<Self, RegistryError> {
        session.authorize_push().await?;
        let host = session.host().authority.clone();
        let (repository, tag) = (session.repository().to_owned(), tag.to_owned());
        let reference = if tag.contains(':') {
            Reference::with_digest(host, repository, tag)
        } else {
            Reference::with_tag(host, repository, tag)
        };
        let client = client(session, &reference).await?;
        Ok(Self {
            session,
            reference,
            client: Mutex::new(client),
        })
    }

    /// Does something that may be done twice.
    async fn send<T, F>(&self, work: impl Fn(Client, Reference) -> F) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, OciDistributionError>>,
    {
        let once = || async {
            let client = self.client.lock().await.clone();
            work(client, self.reference.clone()).await.map_err(failed)
        };
        let again = || async {
            match once().await {
                // Some tokens are good for a minute, and a blob before this one took longer.
                Err(error) if error.is_of_credentials() => {
                    self.session.authorize_push().await?;
                    *self.client.lock().await = client(self.session, &self.reference).await?;
                    once().await
                }
                done => done,
            }
        };
        patiently(self.session.pace(), again).await
    }
}

async fn client(session: &Session, reference: &Reference) -> Result<Client, RegistryError> {
    choose_crypto();
    let tls = session.host().tls.as_ref();
    let mut authorities = Vec::new();
    if let Some(Tls::Authority(file)) = tls {
        let failed = |error| RegistryError::Unusable(format!("{}: {error}", file.display()));
        authorities.push(Certificate {
            encoding: CertificateEncoding::Pem,
            data: read(file).map_err(failed)?,
        });
    }
    let pace = session.pace();
    let made = Client::try_from(ClientConfig {
        protocol: match tls {
            Some(_) => ClientProtocol::Https,
            None => ClientProtocol::Http,
        },
        accept_invalid_certificates: tls == Some(&Tls::Unverified),
        extra_root_certificates: authorities,
        use_monolithic_push: true,
        read_timeout: Some(pace.read),
        connect_timeout: Some(pace.connect),
        user_agent: AGENT,
        ..ClientConfig::default()
    });
    let client = made.map_err(failed)?;
    let shown = session.authorization();
    let shown = shown.as_ref().and_then(|header| header.to_str().ok());
    let auth = match (
        shown.and_then(|shown| shown.strip_prefix("Bearer ")),
        session.auth(),
    ) {
        (Some(token), _) => RegistryAuth::Bearer(token.to_owned()),
        (None, Auth::Password(user, password)) if shown.is_some() => {
            RegistryAuth::Basic(user.clone(), password.clone())
        }
        // Without any it asks no server for tokens by itself.
        _ => return Ok(client),
    };
    let registry = reference.resolve_registry();
    client.store_auth_if_needed(registry, &auth).await;
    Ok(client)
}

/// In our words.
fn failed(error: OciDistributionError) -> RegistryError {
    use OciDistributionError as Error;
    match error {
        Error::RequestError(error) => match error.status().map(|status| status.as_u16()) {
            Some(401 | 403) => RegistryError::Unauthorized(error.to_string()),
            Some(code) => RegistryError::Status {
                code,
                detail: String::new(),
                retry_after: None,
            },
            None => RegistryError::transport(&error),
        },
        Error::AuthenticationFailure(detail) => {
            RegistryError::Unauthorized(detail.chars().take(WORDS_MAX).collect())
        }
        Error::UnauthorizedError { .. } => RegistryError::Unauthorized("401 Unauthorized".into()),
        Error::ServerError { code: 403, .. } => RegistryError::Unauthorized("403 Forbidden".into()),
        Error::ServerError { code, message, .. } => RegistryError::Status {
            code,
            detail: message.chars().take(WORDS_MAX).collect(),
            retry_after: None,
        },
        other => RegistryError::Unusable(other.to_string()),
    }
}
