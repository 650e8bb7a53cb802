//! What a registry answers instead of what it was asked for.

use std::error::Error;
use std::io;
use std::time::Duration;

use tokio_rustls::rustls;

/// Why nothing came, or nothing that may be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// 404.
    #[error("not found")]
    NotFound,
    /// 401 or 403.
    #[error("authorization failed: {0}")]
    Unauthorized(String),
    /// Any other refusal.
    #[error("unexpected status {code}{}{detail}", if .detail.is_empty() { "" } else { ": " })]
    Status {
        /// Of HTTP.
        code: u16,
        /// What the registry says about it.
        detail: String,
        /// When it may be asked again.
        retry_after: Option<Duration>,
    },
    /// The connection failed, or ended early.
    #[error("{0}")]
    Transport(String),
    /// Something else came than what was asked for.
    #[error("digest mismatch: expected {expected}, got {got}")]
    Digest {
        /// What was asked for.
        expected: String,
        /// What came.
        got: String,
    },
    /// More came than announced or allowed.
    #[error("{what} is larger than {max} bytes")]
    TooLarge {
        /// What.
        what: String,
        /// What would have been allowed.
        max: u64,
    },
    /// What came makes no sense, or none here.
    #[error("{0}")]
    Unusable(String),
    /// One of the above, and what was being done.
    #[error("{0}: {1}")]
    While(String, Box<RegistryError>),
}

impl RegistryError {
    /// An error of the HTTP client, with its causes: by itself it says little.
    pub(super) fn transport(error: &reqwest::Error) -> Self {
        if let Some(error) = of_tls(error) {
            return Self::Unusable(error);
        }
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let more = error.to_string();
            if !text.ends_with(&more) {
                text = format!("{text}: {more}");
            }
            cause = error.source();
        }
        Self::Transport(text)
    }

    pub(super) fn at(self, what: impl Into<String>) -> Self {
        Self::While(what.into(), Box::new(self))
    }

    /// Whether it may go well the next time.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Transport(_) => true,
            Self::Status { code, .. } => *code == 408 || *code == 429 || *code >= 500,
            Self::While(_, inner) => inner.is_passing(),
            _ => false,
        }
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::While(_, inner) => inner.retry_after(),
            _ => None,
        }
    }

    /// Whether other credentials might help.
    pub(super) fn is_of_credentials(&self) -> bool {
        match self {
            Self::Unauthorized(_) => true,
            Self::While(_, inner) => inner.is_of_credentials(),
            _ => false,
        }
    }
}

/// What is wrong with the other side's TLS: it will be wrong the next time, too.
fn of_tls(error: &reqwest::Error) -> Option<String> {
    let error = of_rustls(error)?;
    let text = match error {
        rustls::Error::InvalidCertificate(_) => {
            "its certificate cannot be verified (tls in registries.yaml says whom to trust)"
        }
        rustls::Error::InvalidMessage(_) => {
            "it does not speak TLS (insecure in registries.yaml lists those that do not)"
        }
        _ => return None,
    };
    Some(format!("{text}: {error}"))
}

/// The one inside, however often it was wrapped; an `io::Error` passes over what it holds when asked for its source.
fn of_rustls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(error) = error.downcast_ref() {
        return Some(error);
    }
    match error.downcast_ref().and_then(io::Error::get_ref) {
        Some(inner) => of_rustls(inner),
        None => of_rustls(error.source()?),
    }
}
