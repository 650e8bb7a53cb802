//! Requests to one repository. `oci-client` does the rounds of authorization, and pushes; what is fetched is asked for here, because it reads
//! manifests and refusals into memory however long they are, and a registry may be anybody's.

use std::future::Future;
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference, RegistryOperation};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, RANGE, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio_rustls::rustls::crypto::ring;

use super::settings::Host;
use super::{Pace, Registry, RegistryError};
use crate::images::Digest;
use crate::images::blobs::DOCUMENT_BYTES_MAX;
use crate::images::config::{DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST};

pub(super) const AGENT: &str = concat!("peapod/", env!("CARGO_PKG_VERSION"));
const REFUSAL_BYTES_MAX: usize = 16 << 10;
const ATTEMPTS_MAX: u32 = 4;
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// Whoever builds a client without saying which cryptography it is to use gets this one. Another may be chosen already: it will do.
pub(super) fn choose_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(ring::default_provider().install_default()));
}

/// One repository of one server, as one user.
pub(super) struct Session {
    http: reqwest::Client,
    pace: Pace,
    host: Host,
    repository: String,
    auth: RegistryAuth,
    client: OnceCell<Client>,
    authorization: Mutex<Option<HeaderValue>>,
}

impl Registry {
    pub(super) async fn session(
        &self,
        host: &Host,
        repository: &str,
        auth: RegistryAuth,
    ) -> Result<Session, RegistryError> {
        let repository = match &host.prefix {
            Some(prefix) => format!("{prefix}/{repository}"),
            None => repository.to_owned(),
        };
        Ok(Session {
            http: self.http().await?.clone(),
            pace: self.pace,
            host: host.clone(),
            repository,
            auth,
            client: OnceCell::new(),
            authorization: Mutex::default(),
        })
    }
}

impl Session {
    /// A manifest or an index, and its digest: the one asked for, if it was asked for by digest.
    pub(super) async fn document(&self, of: &str) -> Result<(Vec<u8>, Digest), RegistryError> {
        let fetched = patiently(self.pace, || async {
            let accept = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX].join(", ");
            let mut response = self.get(&format!("manifests/{of}"), &accept, 0).await?;
            let stated = response.headers().get("docker-content-digest").cloned();
            let max = DOCUMENT_BYTES_MAX;
            let mut bytes = Vec::new();
            while let Some(chunk) = chunk(&mut response).await? {
                if (bytes.len() + chunk.len()) as u64 > max {
                    let what = "the manifest".to_owned();
                    return Err(RegistryError::TooLarge { what, max });
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok((bytes, stated))
        });
        let (bytes, stated) = fetched.await?;
        let got = Digest::of(&bytes);
        let stated = stated.as_ref().and_then(|header| header.to_str().ok());
        // Its own word is worth nothing against the one asked for, but of a tag it is all there is.
        let expected = if of.contains(':') { Some(of) } else { stated };
        match expected.filter(|expected| expected.starts_with("sha256:")) {
            Some(expected) if *expected != got.to_string() => Err(RegistryError::Digest {
                expected: expected.to_owned(),
                got: got.to_string(),
            }),
            _ => Ok((bytes, got)),
        }
    }

    /// Asks for something of the repository, from a byte on. What comes back says that it is what was asked for.
    pub(super) async fn get(
        &self,
        rest: &str,
        accept: &str,
        from: u64,
    ) -> Result<Response, RegistryError> {
        let mut authorized = false;
        loop {
            let mut request = self.http.get(self.url(rest)).header(ACCEPT, accept);
            if from > 0 {
                request = request.header(RANGE, format!("bytes={from}-"));
            }
            let authorization = self.authorization();
            if let Some(header) = authorization {
                request = request.header(AUTHORIZATION, header);
            }
            let response = request.send().await;
            let response = response.map_err(|error| RegistryError::transport(&error))?;
            if response.status().is_success() {
                return Ok(response);
            }
            // A token may also have been too old.
            if response.status() == StatusCode::UNAUTHORIZED && !authorized {
                authorized = true;
                if self.authorize().await? {
                    continue;
                }
            }
            return Err(refusal(response).await);
        }
    }

    fn authorization(&self) -> Option<HeaderValue> {
        let held = self.authorization.lock();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets what the registry wants to see with each request; false if there is nothing to show.
    async fn authorize(&self) -> Result<bool, RegistryError> {
        let client = self.client().await?;
        let any = self.reference("latest");
        let token = client.auth(&any, &self.auth, RegistryOperation::Pull).await;
        let value = match (token.map_err(failed)?, &self.auth) {
            (Some(token), _) => format!("Bearer {token}"),
            (None, RegistryAuth::Basic(user, password)) => {
                use base64::Engine as _;
                let pair = format!("{user}:{password}");
                let pair = base64::engine::general_purpose::STANDARD.encode(pair);
                format!("Basic {pair}")
            }
            (None, _) => return Ok(false),
        };
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| RegistryError::Unusable("a token that is no header".into()))?;
        value.set_sensitive(true);
        let mut held = self
            .authorization
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *held = Some(value);
        Ok(true)
    }

    /// `oci-client`'s own, as this user.
    pub(super) async fn client(&self) -> Result<&Client, RegistryError> {
        let make = || async {
            choose_crypto();
            Client::try_from(ClientConfig {
                protocol: if self.host.tls {
                    ClientProtocol::Https
                } else {
                    ClientProtocol::Http
                },
                use_monolithic_push: true,
                read_timeout: Some(self.pace.read),
                connect_timeout: Some(self.pace.connect),
                user_agent: AGENT,
                ..ClientConfig::default()
            })
            .map_err(failed)
        };
        self.client.get_or_try_init(make).await
    }

    pub(super) fn reference(&self, tag: &str) -> Reference {
        let (host, repository) = (self.host.authority.clone(), self.repository.clone());
        if tag.contains(':') {
            Reference::with_digest(host, repository, tag.to_owned())
        } else {
            Reference::with_tag(host, repository, tag.to_owned())
        }
    }

    pub(super) fn auth(&self) -> &RegistryAuth {
        &self.auth
    }

    pub(super) const fn pace(&self) -> Pace {
        self.pace
    }

    fn url(&self, rest: &str) -> String {
        let scheme = if self.host.tls { "https" } else { "http" };
        let Host { authority, .. } = &self.host;
        format!("{scheme}://{authority}/v2/{}/{rest}", self.repository)
    }
}

/// The next piece of an answer.
pub(super) async fn chunk(response: &mut Response) -> Result<Option<bytes::Bytes>, RegistryError> {
    let chunk = response.chunk().await;
    chunk.map_err(|error| RegistryError::transport(&error))
}

/// Tries again what may go well the next time, a little later each time, or when the registry says.
pub(super) async fn patiently<T, F: Future<Output = Result<T, RegistryError>>>(
    pace: Pace,
    mut attempt: impl FnMut() -> F,
) -> Result<T, RegistryError> {
    let mut wait = pace.retry;
    for _ in 1..ATTEMPTS_MAX {
        match attempt().await {
            Err(error) if error.is_passing() => {
                tracing::debug!(%error, "is tried again");
                let after = error.retry_after().unwrap_or(wait).min(RETRY_AFTER_MAX);
                tokio::time::sleep(after.max(wait)).await;
                wait *= 2;
            }
            done => return done,
        }
    }
    attempt().await
}

/// What a registry says when it does not give.
async fn refusal(mut response: Response) -> RegistryError {
    #[derive(Deserialize)]
    struct Envelope {
        errors: Vec<One>,
    }
    #[derive(Deserialize)]
    struct One {
        code: Option<String>,
        message: Option<String>,
    }
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    while body.len() < REFUSAL_BYTES_MAX
        && let Ok(Some(more)) = response.chunk().await
    {
        body.extend_from_slice(&more[..more.len().min(REFUSAL_BYTES_MAX)]);
    }
    let errors = serde_json::from_slice::<Envelope>(&body).map(|envelope| envelope.errors);
    let words = errors.unwrap_or_default().into_iter().take(4).map(|one| {
        let words = [one.code, one.message].into_iter().flatten();
        words.collect::<Vec<_>>().join(": ")
    });
    let detail = words.collect::<Vec<_>>().join("; ");
    match status {
        StatusCode::NOT_FOUND => RegistryError::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let words = if detail.is_empty() {
                status.to_string()
            } else {
                detail
            };
            RegistryError::Unauthorized(words)
        }
        status => RegistryError::Status {
            code: status.as_u16(),
            detail,
            retry_after,
        },
    }
}

/// In seconds; a date would need a clock to be compared with, and no registry sends one.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// In our words.
pub(super) fn failed(error: oci_client::errors::OciDistributionError) -> RegistryError {
    use oci_client::errors::OciDistributionError as Error;
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
            RegistryError::Unauthorized(detail.chars().take(REFUSAL_BYTES_MAX).collect())
        }
        Error::UnauthorizedError { .. } => RegistryError::Unauthorized("401 Unauthorized".into()),
        Error::ServerError { code: 403, .. } => RegistryError::Unauthorized("403 Forbidden".into()),
        Error::ServerError { code, message, .. } => RegistryError::Status {
            code,
            detail: message.chars().take(REFUSAL_BYTES_MAX).collect(),
            retry_after: None,
        },
        other => RegistryError::Unusable(other.to_string()),
    }
}
