//! Passing requests on: both bodies streamed, one connection a request.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper::{HeaderMap, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until, timeout};
use web::Body;
use web::header::{self, HeaderName, HeaderValue};

use crate::config::{Config, Pass, Redirect, Settings};
use crate::files::encoded;
use crate::handle::{Arriving, Outcome};
use crate::logs::Level;
use crate::template::Exchange;

/// What concerns one connection and not the request (RFC 9110 §7.6.1).
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The servers behind a name, taken in turn; the second list's only when none of the first takes a connection.
pub(crate) struct Upstream {
    first: Vec<SocketAddr>,
    backup: Vec<SocketAddr>,
    turn: Cell<usize>,
}

impl Upstream {
    pub(crate) fn new(first: Vec<SocketAddr>, backup: Vec<SocketAddr>) -> Upstream {
        Upstream {
            first,
            backup,
            turn: Cell::new(0),
        }
    }

    /// Each address once, beginning with the one whose turn it is.
    fn round(&self) -> Vec<SocketAddr> {
        let turn = self.turn.replace(self.turn.get().wrapping_add(1));
        let (start, rest) = self
            .first
            .split_at(turn.checked_rem(self.first.len()).unwrap_or(0));
        let mut round: Vec<SocketAddr> = Vec::new();
        for address in rest.iter().chain(start).chain(&self.backup) {
            if !round.contains(address) {
                round.push(*address);
            }
        }
        round
    }
}

/// Answers a request with what the upstream makes of it.
pub(crate) async fn pass(
    config: &Config,
    settings: &Settings,
    pass: &Pass,
    location: &str,
    exchange: &mut Exchange,
    arriving: &mut Arriving,
) -> Outcome {
    exchange.proxy_host.clone_from(&pass.host);
    exchange.proxy_port = pass.port;
    let target = target(pass, location, exchange);
    let (stream, address) = match connect(config, settings, pass, &target, exchange).await {
        Ok(connected) => connected,
        Err(status) => return Outcome::Status(status),
    };
    let told = |level, text: &str| {
        let text = format!("{text}, upstream: \"http://{address}{target}\"");
        config.error_log.about(level, &text, exchange);
    };
    let Ok(uri) = target.parse::<Uri>() else {
        return Outcome::Status(400);
    };
    let progress = Rc::new(Progress {
        last: Cell::new(Instant::now()),
        too_large: Cell::new(false),
    });
    let limit = if settings.max_body_bytes == 0 {
        u64::MAX
    } else {
        settings.max_body_bytes
    };
    let body = arriving.body.take().map(|inner| Upload {
        inner,
        left: limit,
        progress: Rc::clone(&progress),
    });
    let mut request = hyper::Request::new(Optional(body));
    *request.method_mut() = exchange.head.method.clone();
    *request.uri_mut() = uri;
    *request.headers_mut() = request_headers(settings, exchange);

    let answered = async {
        let (mut sender, connection) = http1::Builder::new()
            .handshake(TokioIo::new(stream))
            .await?;
        // It ends with the last of its request and its answer.
        tokio::task::spawn_local(async move { drop(connection.with_upgrades().await) });
        sender.send_request(request).await
    };
    let mut answered = pin!(answered);
    let answer = loop {
        let deadline = progress.last.get() + settings.proxy.read;
        tokio::select! {
            answer = &mut answered => break answer,
            () = sleep_until(deadline), if Instant::now() < deadline => {}
            () = std::future::ready(()), if Instant::now() >= deadline => {
                told(Level::Error, "upstream timed out (110: Operation timed out) while reading response header from upstream");
                return Outcome::Status(504);
            }
        }
    };
    match answer {
        Ok(answer) => Outcome::Done(returning(
            settings,
            pass,
            location,
            answer,
            arriving.upgrade.take(),
        )),
        Err(_) if progress.too_large.get() => {
            told(
                Level::Error,
                "client intended to send too large chunked body",
            );
            Outcome::Status(413)
        }
        Err(e) if e.is_parse() => {
            told(
                Level::Error,
                "upstream sent no valid HTTP/1.0 header while reading response header from upstream",
            );
            Outcome::Status(502)
        }
        Err(_) => {
            told(
                Level::Error,
                "upstream prematurely closed connection while reading response header from upstream",
            );
            Outcome::Status(502)
        }
    }
}

/// The path and query to ask the upstream for.
fn target(pass: &Pass, location: &str, exchange: &Exchange) -> String {
    let Some(uri) = &pass.uri else {
        return exchange.target().to_owned();
    };
    let rest = exchange.path.strip_prefix(location).unwrap_or_default();
    let query = exchange
        .query
        .as_ref()
        .map(|it| format!("?{it}"))
        .unwrap_or_default();
    format!("{uri}{}{query}", encoded(rest))
}

async fn connect(
    config: &Config,
    settings: &Settings,
    pass: &Pass,
    target: &str,
    exchange: &Exchange,
) -> Result<(TcpStream, SocketAddr), u16> {
    let mut status = 502;
    for address in pass.upstream.round() {
        let fault = match timeout(settings.proxy.connect, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok((stream, address)),
            Ok(Err(e)) => {
                status = 502;
                format!(
                    "connect() failed ({}) while connecting to upstream",
                    web::error_text(&e)
                )
            }
            Err(_) => {
                status = 504;
                "upstream timed out (110: Operation timed out) while connecting to upstream"
                    .to_owned()
            }
        };
        let text = format!("{fault}, upstream: \"http://{address}{target}\"");
        config.error_log.about(Level::Error, &text, exchange);
    }
    Err(status)
}

/// Takes out what concerns the connection it came by, the headers that `Connection` names among it.
fn strip_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(','))
        .filter_map(|it| it.trim().parse().ok())
        .collect();
    for name in HOP_BY_HOP.iter().chain(&named) {
        headers.remove(name);
    }
}

fn request_headers(settings: &Settings, exchange: &Exchange) -> HeaderMap {
    let mut headers = exchange.head.headers.clone();
    strip_hops(&mut headers);
    // It is this server that answers it.
    headers.remove(header::EXPECT);
    if let Ok(host) = HeaderValue::from_str(&exchange.proxy_host) {
        headers.insert(header::HOST, host);
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in settings.proxy.set_headers.iter() {
        match HeaderValue::try_from(value.fill(exchange)) {
            Ok(value) if !value.is_empty() => drop(headers.insert(name, value)),
            _ => drop(headers.remove(name)),
        }
    }
    headers
}

/// The upstream's answer as the client gets it.
fn returning(
    settings: &Settings,
    pass: &Pass,
    location: &str,
    mut answer: Response<Incoming>,
    client: Option<OnUpgrade>,
) -> web::Answer {
    if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
        let upstream = hyper::upgrade::on(&mut answer);
        if let Some(client) = client {
            tokio::task::spawn_local(join(client, upstream));
        }
    } else {
        strip_hops(answer.headers_mut());
    }
    let headers = answer.headers_mut();
    headers.remove(header::DATE);
    for name in settings.proxy.hide_headers.iter() {
        headers.remove(name);
    }
    let redirected = headers
        .get(header::LOCATION)
        .and_then(|it| it.to_str().ok())
        .and_then(|it| redirected(&settings.proxy.redirect, pass, location, it));
    if let Some(to) = redirected.and_then(|it| HeaderValue::try_from(it).ok()) {
        headers.insert(header::LOCATION, to);
    }
    let patience = settings.proxy.read;
    answer.map(|inner| -> Body {
        Box::pin(Download {
            inner,
            patience,
            sleep: None,
        })
    })
}

/// Where a redirection of the upstream's leads from the client's side; nothing: where it says.
fn redirected(how: &Redirect, pass: &Pass, location: &str, to: &str) -> Option<String> {
    match how {
        Redirect::Off => None,
        Redirect::Default => {
            let passed = format!(
                "http://{}{}",
                pass.host,
                pass.uri.as_deref().unwrap_or(location)
            );
            to.strip_prefix(&passed)
                .map(|rest| format!("{location}{rest}"))
        }
        Redirect::Replace(from, by) => to
            .strip_prefix(from.as_str())
            .map(|rest| format!("{by}{rest}")),
    }
}

/// Two connections that speak another protocol now, until both have ended.
async fn join(client: OnUpgrade, upstream: OnUpgrade) {
    if let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) {
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        // What breaks them is one of the two ends; neither can be told.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
    }
}

/// How the sending of a request goes.
struct Progress {
    /// When something last moved.
    last: Cell<Instant>,
    too_large: Cell<bool>,
}

/// A body, or none.
struct Optional(Option<Upload>);

/// The client's body on its way to the upstream.
struct Upload {
    inner: Incoming,
    left: u64,
    progress: Rc<Progress>,
}

impl hyper::body::Body for Optional {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Some(upload) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(&mut upload.inner).poll_frame(context));
        upload.progress.last.set(Instant::now());
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(io::Error::other)?;
            let len = frame.data_ref().map_or(0, |it| it.len() as u64);
            // A chunked body says no length beforehand.
            upload.left = upload.left.checked_sub(len).ok_or_else(|| {
                upload.progress.too_large.set(true);
                io::Error::from(ErrorKind::FileTooLarge)
            })?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(|it| it.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .as_ref()
            .map_or(SizeHint::with_exact(0), |it| it.inner.size_hint())
    }
}

/// The upstream's body on its way to the client. An upstream that stops in the middle cuts the answer off.
struct Download {
    inner: Incoming,
    patience: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl hyper::body::Body for Download {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.inner).poll_frame(context) {
            this.sleep = None;
            return Poll::Ready(frame.map(|it| it.map_err(io::Error::other)));
        }
        let sleep = this
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(this.patience)));
        sleep
            .as_mut()
            .poll(context)
            .map(|()| Some(Err(ErrorKind::TimedOut.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
