//! What goes wrong, by curl's numbers and in its words.

use std::io::{self, ErrorKind};

use crate::http;
use crate::output;
use crate::tls;

/// A failure.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: i32,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(status: i32, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }

    /// Standard output is read by nobody any more.
    pub(super) fn is_broken_pipe(&self) -> bool {
        self.status == output::BROKEN_PIPE
    }

    /// Whether it is one of those that `--retry` tries again after.
    pub(super) fn is_passing(&self, status: u16, refused_too: bool) -> bool {
        match self.status {
            6 | 28 => true,
            7 => refused_too,
            22 => matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// Output that could not be written.
    pub(super) fn writing(e: &io::Error) -> Self {
        if e.kind() == ErrorKind::BrokenPipe {
            return Self::new(output::BROKEN_PIPE, "");
        }
        Self::new(23, format!("Failure writing output to destination: {e}"))
    }
}

impl From<http::AddressError> for Failure {
    fn from(error: http::AddressError) -> Self {
        match error {
            http::AddressError::Bad(url) => Self::new(3, format!("URL rejected: {url}")),
            http::AddressError::Scheme(scheme) => {
                Self::new(1, format!("Protocol \"{scheme}\" not supported"))
            }
        }
    }
}

impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        match error {
            http::Error::Tls(tls::Error::Certificate(why)) => {
                Self::new(60, format!("SSL certificate problem: {why}"))
            }
            http::Error::Tls(e @ tls::Error::NoAuthority(_)) => Self::new(77, e.to_string()),
            http::Error::Tls(e) => Self::new(35, e.to_string()),
            http::Error::Cut(false) => Self::new(52, "Empty reply from server"),
            http::Error::Cut(true) => Self::new(56, "Recv failure: the answer is cut off"),
            http::Error::NotHttp => Self::new(1, "Received HTTP/0.9 when not allowed"),
            http::Error::Io(e) => match e.kind() {
                // Its text depends on how long it took and on what came: whoever knows that says it.
                ErrorKind::TimedOut => Self::new(28, "Operation timed out"),
                ErrorKind::BrokenPipe => Self::new(55, format!("Send failure: {e}")),
                _ => Self::new(56, format!("Recv failure: {e}")),
            },
        }
    }
}
