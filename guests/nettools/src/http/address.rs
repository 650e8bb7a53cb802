//! Addresses of the web, as far as `http` and `https`.

use url::{Position, Url};

/// A failure to make sense of one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It is none.
    #[error("bad address '{0}'")]
    Bad(String),
    /// It is one of something else.
    #[error("protocol '{0}' not supported")]
    Scheme(String),
}

/// An address.
#[derive(Clone, Debug)]
pub(crate) struct Address(Url);

impl Address {
    /// Reads one; without a scheme it is `http`.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let full = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let bad = || Error::Bad(text.to_owned());
        let url = Url::parse(&full).map_err(|_| bad())?;
        Self::checked(url, text)
    }

    /// What `location`, told by the server of this one, means.
    pub(crate) fn join(&self, location: &str) -> Result<Self, Error> {
        let url = self
            .0
            .join(location)
            .map_err(|_| Error::Bad(location.to_owned()))?;
        Self::checked(url, location)
    }

    fn checked(url: Url, text: &str) -> Result<Self, Error> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Error::Scheme(url.scheme().to_owned()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(Error::Bad(text.to_owned()));
        }
        Ok(Self(url))
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The name or the address; one of IPv6 in brackets.
    pub(crate) fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }

    /// What `Host` says: the port only where it is not the usual one.
    pub(crate) fn authority(&self) -> String {
        match self.0.port() {
            None => self.host().to_owned(),
            Some(port) => format!("{}:{port}", self.host()),
        }
    }

    /// What is asked for.
    pub(crate) fn target(&self) -> &str {
        &self.0[Position::BeforePath..Position::AfterQuery]
    }

    /// The last part of the path, empty where that ends with a slash.
    pub(crate) fn file_name(&self) -> &str {
        self.0.path().rsplit('/').next().unwrap_or_default()
    }

    /// `USER:PASSWORD`, if it says so.
    pub(crate) fn credentials(&self) -> Option<String> {
        let user = self.0.username();
        (!user.is_empty()).then(|| format!("{user}:{}", self.0.password().unwrap_or_default()))
    }

    /// Whether both are of the same server.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }

    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Whether an answer of this status says where else to ask.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The header that a user and a password come to.
pub(crate) fn basic(credentials: &str) -> (String, String) {
    let encoded = data_encoding::BASE64.encode(credentials.as_bytes());
    ("Authorization".to_owned(), format!("Basic {encoded}"))
}
