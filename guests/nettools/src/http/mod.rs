//! A client of HTTP/1.1: one request per connection, the body as it comes.

mod address;
mod body;
mod head;

use std::io::{self, BufRead as _, BufReader, ErrorKind, Read, Write};

pub(crate) use address::{Address, Error as AddressError, basic, is_redirect};
pub(crate) use body::Body;
pub(crate) use head::Head;

use crate::tcp::Connection;
use crate::tls::{self, Trust};

/// What a request and its answer go over.
pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A failure after the connection stood.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// TLS could not be agreed on.
    #[error("{0}")]
    Tls(tls::Error),
    /// The answer ended before its head did; whether anything came of it at all.
    #[error("{}", if *.0 { "connection closed within the head of the answer" } else { "connection closed without an answer" })]
    Cut(bool),
    /// That is no HTTP.
    #[error("the answer is not HTTP")]
    NotHttp,
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A request.
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) address: &'a Address,
    /// In their order, `Host` and `Content-Length` included.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: &'a [u8],
}

impl Request<'_> {
    /// The request line and the headers, with the empty line after them.
    pub(crate) fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.address.target());
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head + "\r\n"
    }
}

/// Makes of a connection what the address is talked to over.
pub(crate) fn secure(
    connection: Connection,
    address: &Address,
    trust: &Trust,
) -> Result<Box<dyn Stream>, Error> {
    if address.is_https() {
        tls::client(connection, address.host(), trust).map_err(|e| match e {
            tls::Error::Io(e) => Error::Io(e),
            e => Error::Tls(e),
        })
    } else {
        Ok(Box::new(connection))
    }
}

/// Sends a request and reads the head of the answer.
pub(crate) fn exchange(
    mut stream: Box<dyn Stream>,
    request: &Request<'_>,
) -> Result<(Head, Body), Error> {
    let sent = stream
        .write_all(request.head().as_bytes())
        .and_then(|()| stream.write_all(request.body))
        .and_then(|()| stream.flush());
    // A server may answer, and hang up, before it has read the whole body.
    let refused = match sent {
        Err(e) if !matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
            return Err(e.into());
        }
        sent => sent.err(),
    };
    let mut reader = BufReader::new(stream);
    let head = loop {
        let head = match (Head::read(&mut reader), refused.as_ref()) {
            (Err(_), Some(e)) => return Err(io::Error::from(e.kind()).into()),
            (head, _) => head?,
        };
        // `100 Continue` and its like come before the answer.
        if head.status >= 200 || head.status == 101 {
            break head;
        }
    };
    let body = Body::new(reader, &head, request.method)?;
    Ok((head, body))
}

/// A line with its end; empty where the stream has ended.
fn line(reader: &mut impl io::BufRead, limit: usize) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    reader.take(limit).read_until(b'\n', &mut line)?;
    Ok(line)
}
