//! Requests to one repository. `oci-client` pushes; what is fetched is asked for here, because it reads manifests and refusals into memory
//! however long they are, and a registry may be anybody's.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE, RETRY_AFTER,
};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::keyring::Auth;
use super::settings::Host;
use super::token::{self, Challenge};
use super::{Pace, Registry, RegistryError};
use crate::images::Digest;
use crate::images::blobs::DOCUMENT_BYTES_MAX;
use crate::images::config::{DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST};

const REFUSAL_BYTES_MAX: u64 = 16 << 10;
/// Of an answer that is no error as registries write them.
pub(super) const WORDS_MAX: usize = 200;
const ATTEMPTS_MAX: u32 = 4;
const RETRY_AFTER_MAX: Duration = Duration::from_secs(30);

/// One repository of one server, as one user.
pub(super) struct Session {
    http: reqwest::Client,
    pace: Pace,
    host: Host,
    repository: String,
    auth: Auth,
    authorization: Mutex<Option<HeaderValue>>,
}

impl Registry {
    pub(super) fn session(
        &self,
        host: &Host,
        repository: &str,
        auth: Auth,
    ) -> Result<Session, RegistryError> {
        let repository = match &host.prefix {
            Some(prefix) => format!("{prefix}/{repository}"),
            None => repository.to_owned(),
        };
        Ok(Session {
            http: self.clients.of(host)?,
            pace: self.pace,
            host: host.clone(),
            repository,
            auth,
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
            let bytes = body(&mut response, "the manifest", DOCUMENT_BYTES_MAX);
            let bytes = tokio::time::timeout(self.pace.document, bytes).await;
            let late = |_| RegistryError::Transport("the manifest takes too long".into());
            let bytes = bytes.map_err(late)??;
            Ok((bytes, stated))
        });
        let (bytes, stated) = fetched.await?;
        let got = Digest::of(&bytes);
        if of.contains(':') && !of.starts_with("sha256:") {
            // It could not be told whether it is what was asked for.
            return Err(RegistryError::Unusable(format!(
                "digest {of}: only sha256 is supported"
            )));
        }
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
            if let Some(header) = self.authorization() {
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
                if self.authorize(response.headers(), "pull").await? {
                    continue;
                }
            }
            return Err(refusal(response).await);
        }
    }

    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let held = self.authorization.lock();
        held.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets what lets one push, if the registry wants to see something.
    pub(super) async fn authorize_push(&self) -> Result<(), RegistryError> {
        let scheme = self.scheme();
        let url = format!("{scheme}://{}/v2/", self.host.authority);
        let response = self.http.get(url).send().await;
        let response = response.map_err(|error| RegistryError::transport(&error))?;
        if response.status() == StatusCode::UNAUTHORIZED
            && !self.authorize(response.headers(), "pull,push").await?
        {
            return Err(refusal(response).await);
        }
        Ok(())
    }

    /// Gets what the registry wants to see with each request, by the headers of its refusal; false if there is nothing to show.
    async fn authorize(&self, refusal: &HeaderMap, what: &str) -> Result<bool, RegistryError> {
        let Some(challenge) = Challenge::of(refusal) else {
            return Ok(false);
        };
        let scope = format!("repository:{}:{what}", self.repository);
        let by_tls = self.host.tls.is_some();
        let answer = token::answer(&self.http, challenge, &self.auth, &scope, by_tls);
        let late = |_| RegistryError::Transport("the token takes too long".into());
        let answer = tokio::time::timeout(self.pace.document, answer).await;
        let answer = answer.map_err(late)??;
        let found = answer.is_some();
        let mut held = self
            .authorization
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *held = answer;
        Ok(found)
    }

    pub(super) const fn auth(&self) -> &Auth {
        &self.auth
    }

    pub(super) fn repository(&self) -> &str {
        &self.repository
    }

    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    pub(super) const fn pace(&self) -> Pace {
        self.pace
    }

    fn scheme(&self) -> &'static str {
        if self.host.tls.is_some() {
            "https"
        } else {
            "http"
        }
    }

    fn url(&self, rest: &str) -> String {
        let (scheme, authority) = (self.scheme(), &self.host.authority);
        format!("{scheme}://{authority}/v2/{}/{rest}", self.repository)
    }
}

/// The next piece of an answer.
pub(super) async fn chunk(response: &mut Response) -> Result<Option<bytes::Bytes>, RegistryError> {
    let chunk = response.chunk().await;
    chunk.map_err(|error| RegistryError::transport(&error))
}

/// A whole answer, if it is no longer than that.
pub(super) async fn body(
    response: &mut Response,
    what: &str,
    max: u64,
) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = chunk(response).await? {
        if (bytes.len() + chunk.len()) as u64 > max {
            let what = what.to_owned();
            return Err(RegistryError::TooLarge { what, max });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
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
pub(super) async fn refusal(mut response: Response) -> RegistryError {
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
    let is_text = response.headers().get(CONTENT_TYPE).is_none_or(is_plain);
    let body = body(&mut response, "", REFUSAL_BYTES_MAX).await;
    let body = body.unwrap_or_default();
    let errors = serde_json::from_slice::<Envelope>(&body).map(|envelope| envelope.errors);
    let words = errors.unwrap_or_default().into_iter().take(4).map(|one| {
        let words = [one.code, one.message].into_iter().flatten();
        words.collect::<Vec<_>>().join(": ")
    });
    let mut detail = words.collect::<Vec<_>>().join("; ");
    // Such as "Client sent an HTTP request to an HTTPS server."
    if detail.is_empty() && is_text {
        let text = String::from_utf8_lossy(&body);
        let line = text.lines().next().unwrap_or_default();
        let line = line.chars().filter(|c| !c.is_control());
        detail = line.take(WORDS_MAX).collect();
    }
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

fn is_plain(kind: &HeaderValue) -> bool {
    kind.to_str()
        .is_ok_and(|kind| kind.starts_with("text/plain"))
}

/// In seconds; a date would need a clock to be compared with, and no registry sends one.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}
