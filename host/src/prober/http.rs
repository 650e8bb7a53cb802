//! One GET, redirects included (rules D9, D10).

use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::request::{Headers, Target};
use super::{OUTPUT_BYTES_MAX, Outcome, dial, port, request, tls};
use crate::model::{Container, HttpGet};
use crate::network::PodNetwork;

/// Requests that one GET may come to.
const REQUESTS_MAX: usize = 10;
/// The longest head of a response.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A handler's request.
#[derive(Clone)]
pub(super) struct Get {
    target: Target,
    headers: Headers,
}

/// What came back in the end.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    /// Its beginning.
    pub(super) body: Vec<u8>,
}

/// Nothing came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// As Go's client words it.
    pub(super) text: String,
    /// It was to be TLS, and the server speaks plain HTTP.
    pub(super) plain_server: bool,
}

impl Get {
    /// Makes the request; a port without a number is an error before anything is asked (rule D7).
    pub(super) fn new(
        http: &HttpGet,
        container: &Container,
        net: &PodNetwork,
        agent: &str,
    ) -> Result<Self, String> {
        let port = port::resolve(&http.port, container)?;
        let host = http.host.clone().unwrap_or_else(|| net.ip().to_string());
        Ok(Self {
            target: Target::first(http.https, &host, port, &http.path),
            headers: request::headers(&http.headers, agent)?,
        })
    }

    /// The same in plain HTTP, without what only an encrypted connection may carry (rule E5).
    pub(super) fn in_plain(mut self) -> Self {
        self.target.https = false;
        self.headers.map.remove(hyper::header::AUTHORIZATION);
        self
    }

    /// The host that the request names, as the event of rule E5 has it.
    pub(super) fn host(&self) -> String {
        let own = self.headers.host.as_ref();
        own.and_then(|host| host.to_str().ok())
            .unwrap_or(&self.target.authority)
            .to_owned()
    }

    /// Asks, and follows redirects to the same host; one that leads elsewhere is the answer.
    pub(super) async fn send(&self, net: &Arc<PodNetwork>) -> Result<Answer, Failed> {
        let mut target = self.target.clone();
        let mut host = self.headers.host.clone();
        let mut requests = 0;
        loop {
            let response = ask(net, &target, &self.headers, host.as_ref()).await?;
            requests += 1;
            let Some(location) = response.location else {
                return Ok(response.answer);
            };
            let (next, names_host) = target.join(&location).map_err(|why| target.failed(why))?;
            if next.host != self.target.host {
                return Ok(response.answer);
            }
            if requests == REQUESTS_MAX {
                let why = format!("stopped after {REQUESTS_MAX} redirects");
                return Err(next.failed(why));
            }
            if names_host {
                host = None;
            }
            target = next;
        }
    }

    /// Asks within that time, and says what the answer means to a probe.
    pub(super) async fn probe(&self, net: &Arc<PodNetwork>, timeout: Duration) -> Outcome {
        let Ok(answer) = tokio::time::timeout(timeout, self.send(net)).await else {
            let why = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
            return Outcome::Failure(self.target.failed(why).text);
        };
        let Answer { status, body } = match answer {
            Ok(answer) => answer,
            Err(failed) => return Outcome::Failure(failed.text),
        };
        if status.is_success() {
            Outcome::Success
        } else if status.is_redirection() {
            let body = String::from_utf8_lossy(&body);
            Outcome::Warning(format!("Probe terminated redirects, Response body: {body}"))
        } else {
            // Not the body, which may hold what is nobody else's business.
            Outcome::Failure(format!(
                "HTTP probe failed with statuscode: {}",
                status.as_u16()
            ))
        }
    }
}

impl Target {
    fn failed(&self, why: impl Display) -> Failed {
        Failed {
            text: format!("Get {:?}: {why}", self.url()),
            plain_server: false,
        }
    }
}

/// One response and where it leads.
struct Led {
    answer: Answer,
    location: Option<String>,
}

async fn ask(
    net: &Arc<PodNetwork>,
    target: &Target,
    headers: &Headers,
    host: Option<&HeaderValue>,
) -> Result<Led, Failed> {
    let request = message(target, headers, host).map_err(|why| target.failed(why))?;
    let stream = dial::dial(net, &target.host, target.port)
        .await
        .map_err(|why| target.failed(why))?;
    if !target.https {
        return exchange(stream.into_io(), request)
            .await
            .map_err(|why| target.failed(why));
    }
    match tls::secure(stream, &target.host).await {
        Ok(stream) => exchange(stream, request)
            .await
            .map_err(|why| target.failed(why)),
        Err(tls::Broken::Plain) => Err(Failed {
            plain_server: true,
            ..target.failed(tls::PLAIN)
        }),
        Err(tls::Broken::Other(why)) => Err(target.failed(why)),
    }
}

fn message(
    target: &Target,
    headers: &Headers,
    host: Option<&HeaderValue>,
) -> Result<Request<Empty<Bytes>>, String> {
    let bad = |error: &dyn Display| error.to_string();
    let host = match host {
        Some(host) => host.clone(),
        None => HeaderValue::from_str(&target.authority).map_err(|error| bad(&error))?,
    };
    let uri: Uri = target.path.parse().map_err(|error| bad(&error))?;
    let mut request = Request::new(Empty::new());
    *request.uri_mut() = uri;
    // First, where a client puts it.
    request.headers_mut().insert(HOST, host);
    request.headers_mut().extend(headers.map.clone());
    Ok(request)
}

/// Sends the request and reads the beginning of the answer. The connection ends with this future: nothing of it runs elsewhere.
async fn exchange<IO>(io: IO, request: Request<Empty<Bytes>>) -> Result<Led, String>
where
    IO: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut builder = http1::Builder::new();
    builder
        .max_buf_size(HEAD_BYTES_MAX)
        .title_case_headers(true);
    let (mut sender, connection) = builder
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| cause(&error))?;
    let mut connection = pin!(connection);
    let mut answer = pin!(async {
        let response = sender.send_request(request).await;
        read(response.map_err(|error| cause(&error))?).await
    });
    let mut open = true;
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            // What it was about to say is told by the answer.
            _ = &mut connection, if open => open = false,
        }
    }
}

async fn read(mut response: Response<hyper::body::Incoming>) -> Result<Led, String> {
    let status = response.status();
    let location = response.headers().get(LOCATION);
    let location = location
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .filter(|location| !location.is_empty() && leads_on(status));
    let mut body = Vec::new();
    while body.len() < OUTPUT_BYTES_MAX {
        let Some(frame) = response.frame().await else {
            break;
        };
        let frame = frame.map_err(|error| cause(&error))?;
        if let Some(bytes) = frame.data_ref() {
            let room = OUTPUT_BYTES_MAX - body.len();
            body.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
    }
    let answer = Answer { status, body };
    Ok(Led { answer, location })
}

fn leads_on(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// What really happened: hyper says what it was doing at the time.
fn cause(error: &hyper::Error) -> String {
    if error.is_incomplete_message() {
        return "EOF".into();
    }
    let mut error: &dyn std::error::Error = error;
    while let Some(inner) = error.source() {
        error = inner;
    }
    error.to_string()
}
