//! The head of an answer.

use std::io::{self, BufRead};

use super::{Error, line};

/// A head may be this long, and have so many headers.
const MAX_HEAD: usize = 256 * 1024;
const MAX_HEADERS: usize = 256;

/// The head of an answer.
pub(crate) struct Head {
    pub(crate) status: u16,
    /// The status line as it came.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    /// All of it as it came, with the empty line after it.
    pub(crate) raw: Vec<u8>,
}

impl Head {
    pub(super) fn read(reader: &mut impl BufRead) -> Result<Self, Error> {
        let mut raw = Vec::new();
        loop {
            let line = line(reader, MAX_HEAD.saturating_sub(raw.len()))?;
            if line.is_empty() {
                return Err(if raw.len() < MAX_HEAD {
                    Error::Cut(!raw.is_empty())
                } else {
                    Error::NotHttp
                });
            }
            raw.extend_from_slice(&line);
            // Found out at the first line, not at the end of what may have no end.
            if !raw.starts_with(b"HTTP/") {
                return Err(Error::NotHttp);
            }
            if line == b"\r\n" || line == b"\n" {
                return Self::parse(raw).ok_or(Error::NotHttp);
            }
        }
    }

    fn parse(raw: Vec<u8>) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut headers);
        parsed.parse(&raw).ok()?.is_complete().then_some(())?;
        let first = raw.split(|byte| *byte == b'\n').next()?;
        let own = |header: &httparse::Header<'_>| {
            (
                header.name.to_owned(),
                String::from_utf8_lossy(header.value).into_owned(),
            )
        };
        Some(Self {
            status: parsed.code?,
            line: String::from_utf8_lossy(first).trim_end().to_owned(),
            headers: parsed.headers.iter().map(own).collect(),
            raw,
        })
    }

    /// The first header of a name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The length of the body, as far as it is told.
    pub(crate) fn length(&self) -> Result<Option<u64>, Error> {
        match self.header("Content-Length") {
            None => Ok(None),
            Some(text) => text
                .trim()
                .parse()
                .map(Some)
                .map_err(|_| io::Error::other("bad Content-Length").into()),
        }
    }
}
