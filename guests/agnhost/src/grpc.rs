//! `grpc.health.v1.Health/Check`, over HTTP/2.

use std::convert::Infallible;
use std::io;
use std::rc::Rc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::LocalSet;
use web::Listener;

use crate::Options;

/// Longer questions are nobody's.
const QUESTION_BYTES_MAX: usize = 4096;

const SERVING: u8 = 1;
const NOT_SERVING: u8 = 2;

/// Everything runs on the one thread there is.
#[derive(Clone)]
struct Here;

impl<F: Future + 'static> Executor<F> for Here {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move { drop(task.await) });
    }
}

pub async fn serve(options: Options) -> io::Result<()> {
    let port = options.port("--port", 5000);
    let listener = Listener::bind(("0.0.0.0", port))?;
    println!("serving on {port}");
    let options = Rc::new(options);
    LocalSet::new()
        .run_until(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                let options = Rc::clone(&options);
                let service = service_fn(move |request| reply(Rc::clone(&options), request));
                let connection =
                    http2::Builder::new(Here).serve_connection(TokioIo::new(stream), service);
                // An error is the client's doing: it went away, or spoke no HTTP/2.
                tokio::task::spawn_local(async move { drop(connection.await) });
            }
        })
        .await
}

async fn reply(
    options: Rc<Options>,
    request: Request<Incoming>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let path = request.uri().path().to_owned();
    let service = asked(request).await;
    let known = options.text("--service").unwrap_or_default();
    let (code, message) = match service {
        _ if path != "/grpc.health.v1.Health/Check" => (12, "unknown method"),
        Some(service) if service.is_empty() || service == known.as_bytes() => (0, ""),
        Some(_) => (5, "unknown service"),
        None => (13, "no question"),
    };
    let state = if options.is_over("--delay-unhealthy-sec") {
        NOT_SERVING
    } else {
        SERVING
    };
    println!("check: {code} {state}");
    let body = if code == 0 {
        Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 1 << 3, state])
    } else {
        Bytes::new()
    };
    let mut trailers = HeaderMap::new();
    trailers.insert(HeaderName::from_static("grpc-status"), code.into());
    let message = HeaderValue::from_static(message);
    trailers.insert(HeaderName::from_static("grpc-message"), message);
    let body = Full::new(body).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

/// The service of a `HealthCheckRequest`: five bytes of frame, a key, a length, the name.
async fn asked(request: Request<Incoming>) -> Option<Vec<u8>> {
    let body = http_body_util::Limited::new(request.into_body(), QUESTION_BYTES_MAX);
    let frame = body.collect().await.ok()?.to_bytes();
    let message = frame.get(5..)?;
    match message {
        [] => Some(Vec::new()),
        [10, _, name @ ..] => Some(name.to_vec()),
        _ => None,
    }
}
