//! Sends a request by `wasi:http/outgoing-handler`, without any library in between.

use std::time::Duration;

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingResponse, OutgoingRequest, RequestOptions, Scheme,
};

/// Limits to a request's steps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Limits {
    /// Until there is a connection.
    pub connect: Option<Duration>,
    /// Until the response begins.
    pub first_byte: Option<Duration>,
    /// Between parts of the response.
    pub between_bytes: Option<Duration>,
}

/// Asks for a URL by GET.
pub fn get(url: &str, limits: Limits) -> Result<IncomingResponse, ErrorCode> {
    let (scheme, rest) = match url.split_once("://") {
        Some(("https", rest)) => (Scheme::Https, rest),
        Some((_, rest)) => (Scheme::Http, rest),
        None => (Scheme::Http, url),
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let request = OutgoingRequest::new(Fields::new());
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    let path = if path.is_empty() { "/" } else { path };
    request.set_path_with_query(Some(path)).map_err(invalid)?;
    let nanos = |limit: Option<Duration>| {
        limit.map(|limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX))
    };
    let options = RequestOptions::new();
    let unsupported = |()| ErrorCode::ConfigurationError;
    options
        .set_connect_timeout(nanos(limits.connect))
        .map_err(unsupported)?;
    options
        .set_first_byte_timeout(nanos(limits.first_byte))
        .map_err(unsupported)?;
    options
        .set_between_bytes_timeout(nanos(limits.between_bytes))
        .map_err(unsupported)?;
    let response = outgoing_handler::handle(request, Some(options))?;
    loop {
        if let Some(response) = response.get() {
            return response.unwrap_or(Err(ErrorCode::InternalError(None)));
        }
        response.subscribe().block();
    }
}
