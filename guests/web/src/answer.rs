//! What requests are answered with.

use std::io;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::ext::ReasonPhrase;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};

/// A body, whole or streamed. It stays on its thread.
pub type Body = Pin<Box<dyn hyper::body::Body<Data = Bytes, Error = io::Error>>>;
/// An answer.
pub type Answer = Response<Body>;

/// No body.
#[must_use]
pub fn empty() -> Body {
    Box::pin(Empty::new().map_err(|never| match never {}))
}

/// An answer of plain text.
pub fn text(status: u16, body: impl Into<Bytes>) -> Answer {
    whole(status, "text/plain; charset=utf-8", body)
}

/// An answer of HTML.
pub fn html(status: u16, body: impl Into<Bytes>) -> Answer {
    whole(status, "text/html", body)
}

/// A short HTML page that says what went wrong, in nginx's form; `server` stands below the line.
#[must_use]
pub fn page(status: u16, server: &str) -> Answer {
    let title = format!("{status} {}", reason(status));
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>{server}</center>\r\n</body>\r\n</html>\r\n"
    );
    whole(status, "text/html", page)
}

fn whole(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let body = Full::new(body.into()).map_err(|never| match never {});
    let mut answer: Answer = Response::new(Box::pin(body));
    *answer.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
        .extensions_mut()
        .insert(ReasonPhrase::from_static(reason(status).as_bytes()));
    answer
}

/// A status in words, as nginx puts it: 302, 405, 408, 413, 414 and 504 differ from the RFC's.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    match status {
        302 => "Found",
        405 => "Not Allowed",
        408 => "Request Time-out",
        413 => "Request Entity Too Large",
        414 => "Request-URI Too Large",
        416 => "Requested Range Not Satisfiable",
        503 => "Service Temporarily Unavailable",
        504 => "Gateway Time-out",
        _ => StatusCode::from_u16(status)
            .ok()
            .and_then(|it| it.canonical_reason())
            .unwrap_or("Unknown"),
    }
}
