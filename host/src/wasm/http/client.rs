//! Requests that guests send.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::http::uri::{PathAndQuery, Scheme};
use hyper::{Request, Response, Uri};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode as ErrorCode2;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode as ErrorCode3;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::CONNECTION_BYTES;
use super::connect::{connect, failure, secure};
use super::patience::Patient;
use crate::budget::{Held, Memory};
use crate::network::NetError;
use crate::wasm::process::{ContainerShared, Process};

/// How long each step may take where the guest sets no limit of its own.
const PATIENCE: Duration = Duration::from_secs(600);
/// A response's line and headers. It also bounds what one connection buffers.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What one write to a body takes at most.
const BODY_CHUNK_BYTES: usize = 64 * 1024;

/// The rest of a connection, once the response's head is there.
type Rest = Box<dyn Future<Output = Result<(), Error>> + Send>;

/// What wasmtime-wasi-http asks of its host.
pub(in crate::wasm) struct Hooks {
    process: Arc<Process>,
}

impl Hooks {
    /// The hooks of an instance of a process.
    pub(in crate::wasm) fn new(process: &Arc<Process>) -> Self {
        Self {
            process: Arc::clone(process),
        }
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _received: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Rest), Error>> + Send> {
        let container = Arc::clone(&self.process.container);
        Box::new(send(container, request, options.unwrap_or_default()))
    }

    /// What a guest has written and nobody has taken yet is the host's to keep: little, for a guest may have thousands of bodies open.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }

    fn p2_error_from_hyper(&mut self, _error: &hyper::Error) -> ErrorCode2 {
        ErrorCode2::HttpProtocolError
    }

    fn p3_error_from_hyper(&mut self, _error: &hyper::Error) -> ErrorCode3 {
        ErrorCode3::HttpProtocolError
    }
}

async fn send(
    container: Arc<ContainerShared>,
    request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<(Response<WasiBody>, Rest), Error> {
    let authority = request
        .uri()
        .authority()
        .ok_or(Error::HttpRequestUriInvalid)?;
    let tls = request.uri().scheme() == Some(&Scheme::HTTPS);
    let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let host = authority.host().to_owned();
    let patience = options.connect_timeout.unwrap_or(PATIENCE);
    let too_late = |_| Error::ConnectionTimeout;
    if tls {
        let secured = async { secure(connect(&container, &host, port).await?, &host).await };
        let stream = timeout(patience, secured).await.map_err(too_late)??;
        exchange(&container.memory, stream, request, options).await
    } else {
        let connected = connect(&container, &host, port);
        let stream = timeout(patience, connected).await.map_err(too_late)??;
        exchange(&container.memory, stream.into_io(), request, options).await
    }
}

/// Sends the request and waits for the head of the response.
async fn exchange(
    memory: &Arc<Memory>,
    io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    mut request: Request<WasiBody>,
    options: RequestOptions,
) -> Result<(Response<WasiBody>, Rest), Error> {
    let held = Held::take(memory, CONNECTION_BYTES).ok_or(Error::ConnectionLimitReached)?;
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .handshake(TokioIo::new(io))
        .await
        .map_err(broken)?;
    // A proxy is asked for a whole URI, a server for its path (RFC 9112 §3.2.1).
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
    let mut connection = Box::pin(async move {
        let _held = held;
        connection.await.map_err(broken)
    });
    let patience = options.first_byte_timeout.unwrap_or(PATIENCE);
    let sending = timeout(patience, sender.send_request(request));
    tokio::pin!(sending);
    let mut ended = false;
    let response = tokio::select! {
        biased;
        response = sending.as_mut() => response,
        result = connection.as_mut() => {
            ended = true;
            result?;
            // Closed in good order: the response came before.
            sending.await
        }
    };
    let response = response
        .map_err(|_| Error::ConnectionReadTimeout)?
        .map_err(broken)?;
    let patience = options.between_bytes_timeout.unwrap_or(PATIENCE);
    let response = response.map(|body| Patient::new(body, patience, broken).boxed_unsync());
    let rest: Rest = if ended {
        Box::new(async { Ok(()) })
    } else {
        Box::new(connection)
    };
    Ok((response, rest))
}

/// What `wasi:http` calls it when a connection breaks.
fn broken(error: hyper::Error) -> Error {
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        if let Some(net) = inner.downcast_ref::<NetError>() {
            return failure(*net);
        }
        cause = match inner.downcast_ref::<std::io::Error>() {
            // An `io::Error` answers with the cause of what it wraps, and would hide that itself.
            Some(io) => io.get_ref().map(|inner| inner as _),
            None => inner.source(),
        };
    }
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(None)
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_canceled() || error.is_closed() {
        Error::ConnectionTerminated
    } else {
        Error::Hyper(error)
    }
}
