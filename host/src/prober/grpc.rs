//! `grpc.health.v1.Health/Check` (rule D11): one call over a connection of its own, HTTP/2 without TLS.
//!
//! A request of one text and an answer of one number need no code generator: the two messages are written out here.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE, USER_AGENT};
use hyper::rt::Executor;
use hyper::{Method, Request, Response, Version};
use hyper_util::rt::TokioIo;

use super::{OUTPUT_BYTES_MAX, Outcome, VERSION, dial};
use crate::network::{PodNetwork, TcpIo};

const PATH: &str = "/grpc.health.v1.Health/Check";

/// What a server may say of itself, by number.
const STATES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const SERVING: u64 = 1;

/// The names of gRPC's codes, by number.
const CODES: [&str; 17] = [
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
];
const UNAVAILABLE: usize = 14;

/// Asks a server how it is.
pub(super) async fn probe(
    net: &Arc<PodNetwork>,
    port: u16,
    service: &str,
    timeout: Duration,
) -> Outcome {
    let remote = SocketAddr::from((net.ip(), port));
    let seconds = timeout.as_secs();
    // As Go's client with WithBlock: what refuses connections is a timeout, for it goes on trying. To say so at once is as true.
    let mut connected = false;
    let check = async {
        let host = net.ip().to_string();
        let stream = dial::dial(net, &host, port).await.map_err(|why| {
            Outcome::Failure(format!(
                "timeout: failed to connect service {:?} within {seconds}s: {why}",
                remote.to_string()
            ))
        })?;
        connected = true;
        Ok(check(stream.into_io(), remote, service).await)
    };
    let answer = match tokio::time::timeout(timeout, check).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(outcome)) => return outcome,
        Err(_) if connected => {
            let text = format!("timeout: health rpc did not complete within {seconds}s");
            return Outcome::Failure(text);
        }
        Err(_) => {
            return Outcome::Failure(format!(
                "timeout: failed to connect service {:?} within {seconds}s: context deadline exceeded",
                remote.to_string()
            ));
        }
    };
    match answer {
        Ok(SERVING) => Outcome::Success,
        Ok(state) => {
            let state = usize::try_from(state).ok();
            let name = state.and_then(|state| STATES.get(state)).copied();
            Outcome::Failure(format!(
                "service unhealthy (responded with {:?})",
                name.unwrap_or("UNKNOWN")
            ))
        }
        Err(Refused { code, message }) if name_of(code) == "Unimplemented" => {
            Outcome::Failure(format!(
                "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): {message}"
            ))
        }
        Err(Refused { code, message }) => Outcome::Failure(format!(
            "error: health rpc probe failed: rpc error: code = {} desc = {message}",
            name_of(code)
        )),
    }
}

/// A call that came to nothing.
#[derive(Debug, PartialEq, Eq)]
struct Refused {
    code: usize,
    message: String,
}

impl Refused {
    fn broken(error: &dyn std::fmt::Display) -> Self {
        Self {
            code: UNAVAILABLE,
            message: error.to_string(),
        }
    }
}

fn name_of(code: usize) -> String {
    match CODES.get(code) {
        Some(name) => (*name).to_owned(),
        None => format!("Code({code})"),
    }
}

async fn check(io: TcpIo, remote: SocketAddr, service: &str) -> Result<u64, Refused> {
    let tasks = Tasks::default();
    let (mut sender, connection) = http2::Builder::new(tasks.clone())
        .handshake(TokioIo::new(io))
        .await
        .map_err(|error| Refused::broken(&error))?;
    let mut running = Running {
        connection: pin!(connection),
        open: true,
        new: tasks,
        tasks: FuturesUnordered::new(),
    };
    let request = request(remote, service).map_err(|error| Refused::broken(&error))?;
    let mut answer = pin!(async {
        let response = sender.send_request(request).await;
        read(response.map_err(|error| Refused::broken(&error))?).await
    });
    tokio::select! {
        answer = &mut answer => answer,
        () = &mut running => Err(Refused::broken(&"connection closed")),
    }
}

fn request(remote: SocketAddr, service: &str) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("http://{remote}{PATH}"))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))
        .header(TE, HeaderValue::from_static("trailers"))
        .header(USER_AGENT, format!("kube-probe/{VERSION}"))
        .body(Full::new(framed(&question(service))))
}

async fn read(mut response: Response<hyper::body::Incoming>) -> Result<u64, Refused> {
    if response.status() != 200 {
        return Err(Refused {
            code: if response.status() == 404 { 12 } else { 2 },
            message: format!(
                "unexpected HTTP status code received from server: {}",
                response.status()
            ),
        });
    }
    if let Some(status) = status(response.headers()) {
        status?;
    }
    let mut body = BytesMut::new();
    let mut ended = None;
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|error| Refused::broken(&error))?;
        match frame.into_data() {
            Ok(data) if body.len() + data.len() <= OUTPUT_BYTES_MAX => body.put(data),
            Ok(_) => {
                let message = "grpc: received message larger than max".to_owned();
                return Err(Refused { code: 8, message });
            }
            Err(frame) => ended = frame.trailers_ref().and_then(status),
        }
    }
    match ended {
        Some(status) => status?,
        None => {
            let message = "server closed the stream without sending trailers".to_owned();
            return Err(Refused { code: 13, message });
        }
    }
    state(&body).ok_or_else(|| Refused {
        code: 13,
        message: "grpc: failed to unmarshal the received message".to_owned(),
    })
}

/// `grpc-status` and `grpc-message`, where they stand here.
fn status(headers: &HeaderMap) -> Option<Result<(), Refused>> {
    let code = headers.get("grpc-status")?.to_str().ok()?;
    let code = code.parse().unwrap_or(2);
    if code == 0 {
        return Some(Ok(()));
    }
    let message = headers.get("grpc-message");
    let message = message.map_or("", |message| message.to_str().unwrap_or_default());
    Some(Err(Refused {
        code,
        message: decoded(message),
    }))
}

/// Percent-encoding, as gRPC has it for messages.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A message on the wire: not compressed, its length, itself.
fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// `HealthCheckRequest { string service = 1; }`
fn question(service: &str) -> Vec<u8> {
    let mut message = Vec::with_capacity(service.len() + 4);
    if !service.is_empty() {
        message.push(1 << 3 | 2);
        let mut length = service.len();
        while length >= 0x80 {
            message.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
            length >>= 7;
        }
        message.push(u8::try_from(length).unwrap_or_default());
        message.extend_from_slice(service.as_bytes());
    }
    message
}

/// `HealthCheckResponse { ServingStatus status = 1; }` in its frame. Fields that are not known are skipped.
fn state(frame: &[u8]) -> Option<u64> {
    let (head, message) = frame.split_at_checked(5)?;
    let (compressed, length) = head.split_first()?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    if *compressed != 0 || usize::try_from(length).ok() != Some(message.len()) {
        return None;
    }
    let mut rest = message;
    let mut state = 0;
    while !rest.is_empty() {
        let key = number(&mut rest)?;
        match (key >> 3, key & 7) {
            (1, 0) => state = number(&mut rest)?,
            (_, 0) => _ = number(&mut rest)?,
            (_, 1) => rest = rest.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(number(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            (_, 5) => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(state)
}

/// A number of seven bits a byte, the lowest first.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// What hyper wants to run beside a connection. It is run inside the probe and ends with it: a server that keeps its connection open
/// without a word would else keep a task of each probe.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl<F> Executor<F> for Tasks
where
    F: Future + Send + 'static,
{
    fn execute(&self, task: F) {
        let task = Box::pin(async move { drop(task.await) });
        let mut new = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        new.push(task);
    }
}

/// A connection and what runs beside it; ready when both are over.
struct Running<C> {
    connection: C,
    open: bool,
    new: Tasks,
    tasks: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl<C: Future + Unpin> Future for Running<C> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            if this.open && Pin::new(&mut this.connection).poll(cx).is_ready() {
                this.open = false;
            }
            let new = {
                let mut new = this.new.0.lock().unwrap_or_else(PoisonError::into_inner);
                std::mem::take(&mut *new)
            };
            let grew = !new.is_empty();
            this.tasks.extend(new);
            match this.tasks.poll_next_unpin(cx) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) if this.open => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending if grew => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{decoded, framed, question, state};

    #[test]
    fn d11_the_question_names_the_service() {
        assert!(question("").is_empty());
        assert_eq!(question("ab"), b"\x0a\x02ab");
        let long = "x".repeat(300);
        assert_eq!(question(&long)[..3], *b"\x0a\xac\x02");
        assert_eq!(framed(b"\x0a\x02ab")[..], *b"\0\0\0\0\x04\x0a\x02ab");
    }

    #[test]
    fn d11_the_answer_is_one_number_and_nothing_means_unknown() {
        for (frame, expected) in [
            (&b"\0\0\0\0\x02\x08\x01"[..], Some(1)),
            (b"\0\0\0\0\x02\x08\x02", Some(2)),
            (b"\0\0\0\0\0", Some(0)),
            // A field that came later than this client, then the number.
            (b"\0\0\0\0\x06\x12\x02ab\x08\x01", Some(1)),
            (b"\0\0\0\0\x03\x08\xac\x02", Some(300)),
            (b"\x01\0\0\0\x02\x08\x01", None),
            (b"\0\0\0\0\x03\x08\x01", None),
            (b"\0\0\0\0\x02\x08\x80", None),
            (b"\0\0\0\0\x02\x12\x7f", None),
            (b"\0\0", None),
        ] {
            assert_eq!(state(frame), expected, "{frame:?}");
        }
    }

    #[test]
    fn d11_a_servers_words_are_read() {
        assert_eq!(
            decoded("unknown service %22x%22 100%"),
            "unknown service \"x\" 100%"
        );
    }
}
