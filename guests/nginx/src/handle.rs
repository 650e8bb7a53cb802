//! From a request to its answer.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, StatusCode, Version};
use web::header::{self, HeaderValue};
use web::{Answer, Body, NotServed, Peer, Request};

use crate::config::{Config, LastTry, Location, Return, Server, Settings};
use crate::files::{self, encoded};
use crate::logs::{AccessLog, Level};
use crate::template::Exchange;
use crate::{proxy, route};

/// What nginx allows a request line and each header by default.
const LINE_MAX: usize = 8 << 10;
/// Internal redirections of one request.
const TURNS_MAX: usize = 10;
/// What stands below the line of an error page, and in `Server`.
pub(crate) const SERVER: &str = "nginx";

/// The parts of a request that can be taken only once.
pub(crate) struct Arriving {
    pub(crate) body: Option<Incoming>,
    pub(crate) upgrade: Option<OnUpgrade>,
}

/// What an attempt at a location came to.
pub(crate) enum Outcome {
    Done(Answer),
    /// An answer by its status alone, which an `error_page` may dress.
    Status(u16),
    /// Another path and query, to be tried as if it had been asked for.
    Turn(String, Option<String>),
}

/// Answers a request, and logs it once the answer has left.
pub(crate) async fn handle(config: Rc<Config>, mut request: Request, peer: Peer) -> Answer {
    let upgrade = request
        .headers()
        .contains_key(header::UPGRADE)
        .then(|| hyper::upgrade::on(&mut request));
    let (head, body) = request.into_parts();
    let mut exchange = Exchange {
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        head,
        remote: peer.remote,
        local: peer.local,
        server_name: String::new(),
        root: String::new(),
        proxy_host: String::new(),
        proxy_port: 0,
        status: 0,
        body_bytes: 0,
        begun: Instant::now(),
    };
    let host = exchange.host();
    let Some(server) = route::server(&config.servers, peer.local, host.as_deref()) else {
        return web::page(404, SERVER);
    };
    exchange.server_name = server.names.first().cloned().unwrap_or_default();
    let mut arriving = Arriving {
        body: Some(body),
        upgrade,
    };
    let (answer, settings) = answer(&config, server, &mut exchange, &mut arriving).await;
    finished(answer, &settings, exchange)
}

async fn answer(
    config: &Config,
    server: &Server,
    exchange: &mut Exchange,
    arriving: &mut Arriving,
) -> (Answer, Rc<Settings>) {
    let mut settings = Rc::clone(&server.settings);
    let mut next = match fault(exchange) {
        Some(status) => Outcome::Status(status),
        None => match route::normalise(&exchange.path) {
            Some(path) => Outcome::Turn(path, exchange.query.take()),
            None => Outcome::Status(400),
        },
    };
    let (mut internal, mut as_error, mut status) = (false, false, None);
    for _ in 0..=TURNS_MAX {
        next = match next {
            Outcome::Done(mut answer) => {
                if let Some(status) = status.and_then(|it| StatusCode::from_u16(it).ok()) {
                    answer.extensions_mut().clear();
                    *answer.status_mut() = status;
                }
                return (answer, settings);
            }
            Outcome::Status(code) => {
                let pages = Rc::clone(&settings.error_pages);
                let Some(page) = pages
                    .iter()
                    .find(|it| !as_error && it.statuses.contains(&code))
                else {
                    return (web::page(status.unwrap_or(code), SERVER), settings);
                };
                let uri = page.uri.fill(exchange);
                if !uri.starts_with('/') {
                    return (redirect(302, &uri), settings);
                }
                (as_error, internal) = (true, true);
                status = page.instead.unwrap_or(Some(code));
                exchange.head.method = Method::GET;
                arriving.body = None;
                turn_to(&uri)
            }
            Outcome::Turn(path, query) => {
                (exchange.path, exchange.query) = (path, query);
                let location = route::location(server, &exchange.path);
                settings = Rc::clone(location.map_or(&server.settings, |it| &it.settings));
                let returns = server.settings.own.returns.as_ref().filter(|_| !internal);
                let outcome = match returns.or(settings.own.returns.as_ref()) {
                    Some(returns) => returned(returns, exchange, &settings),
                    None if settings.own.internal && !internal => Outcome::Status(404),
                    None => attempt(config, location, &settings, exchange, arriving).await,
                };
                internal = true;
                outcome
            }
        };
    }
    config.error_log.about(
        Level::Error,
        &format!(
            "rewrite or internal redirection cycle while internally redirecting to \"{}\"",
            exchange.path
        ),
        exchange,
    );
    (web::page(500, SERVER), settings)
}

/// What is wrong with a request's head, whatever it asks for.
fn fault(exchange: &Exchange) -> Option<u16> {
    let long = |(name, value): (&header::HeaderName, &HeaderValue)| {
        name.as_str().len() + value.len() > LINE_MAX
    };
    if exchange.target().len() > LINE_MAX {
        Some(414)
    } else if exchange.head.headers.iter().any(long)
        || (exchange.head.version == Version::HTTP_11 && exchange.host().is_none())
    {
        Some(400)
    } else {
        None
    }
}

/// A redirection inside the server to a path and query.
pub(crate) fn turn_to(uri: &str) -> Outcome {
    match uri.split_once('?') {
        Some((path, query)) => Outcome::Turn(path.to_owned(), Some(query.to_owned())),
        None => Outcome::Turn(uri.to_owned(), None),
    }
}

/// A redirection by the client.
pub(crate) fn redirect(status: u16, to: &str) -> Answer {
    let Ok(to) = HeaderValue::from_str(to) else {
        return web::page(500, SERVER);
    };
    let mut answer = web::page(status, SERVER);
    answer.headers_mut().insert(header::LOCATION, to);
    answer
}

fn returned(returns: &Return, exchange: &Exchange, settings: &Settings) -> Outcome {
    let text = returns.text.as_ref().map(|it| it.fill(exchange));
    Outcome::Done(match (returns.status, text) {
        (status @ (301 | 302 | 303 | 307 | 308), Some(to)) => redirect(status, &to),
        (status, Some(text)) => {
            let mut answer = web::text(status, text);
            answer.headers_mut().insert(
                header::CONTENT_TYPE,
                files::kind(settings, Path::new(&exchange.path)),
            );
            answer
        }
        (status, None) if status >= 300 => return Outcome::Status(status),
        (status, None) => web::text(status, ""),
    })
}

async fn attempt(
    config: &Config,
    location: Option<&Location>,
    settings: &Settings,
    exchange: &mut Exchange,
    arriving: &mut Arriving,
) -> Outcome {
    let root = settings.own.alias.as_ref().unwrap_or(&settings.root);
    exchange.root = root.display().to_string();
    let announced = arriving.body.as_ref().and_then(|it| it.size_hint().exact());
    if settings.max_body_bytes > 0 && announced.is_some_and(|it| it > settings.max_body_bytes) {
        let text = format!(
            "client intended to send too large body: {} bytes",
            announced.unwrap_or_default()
        );
        config.error_log.about(Level::Error, &text, exchange);
        return Outcome::Status(413);
    }
    if let Some(tries) = &settings.own.try_files {
        let found = tries.files.iter().map(|it| it.fill(exchange)).find(|it| {
            let file = path_of(settings, location, it);
            file.is_some_and(|file| {
                if it.ends_with('/') {
                    file.is_dir()
                } else {
                    file.is_file()
                }
            })
        });
        match (found, &tries.last) {
            (Some(path), _) => exchange.path = path,
            (None, LastTry::Status(status)) => return Outcome::Status(*status),
            (None, LastTry::Uri(uri)) => return turn_to(&uri.fill(exchange)),
        }
    }
    if let Some(pass) = &settings.own.pass {
        let path = location.map_or("/", |it| it.path.as_str());
        return proxy::pass(config, settings, pass, path, exchange, arriving).await;
    }
    if exchange.head.method != Method::GET && exchange.head.method != Method::HEAD {
        return Outcome::Status(405);
    }
    let Some(file) = path_of(settings, location, &exchange.path) else {
        return Outcome::Status(400);
    };
    if exchange.path.ends_with('/') {
        return files::folder(config, settings, &file, exchange);
    }
    let kind = files::kind(settings, &file);
    match web::file(&file, &kind, &exchange.head.method, &exchange.head.headers) {
        Ok(answer) if answer.status().is_client_error() => {
            Outcome::Status(answer.status().as_u16())
        }
        Ok(answer) => Outcome::Done(answer),
        // A path alone: how the client calls this server, through which ports and names, is its own business.
        Err(NotServed::Folder) => {
            let query = exchange
                .query
                .as_ref()
                .map(|it| format!("?{it}"))
                .unwrap_or_default();
            Outcome::Done(redirect(
                301,
                &format!("{}/{query}", encoded(&exchange.path)),
            ))
        }
        Err(NotServed::Status(status, e)) => {
            let text = format!(
                "open() \"{}\" failed ({})",
                file.display(),
                web::error_text(&e)
            );
            config.error_log.about(Level::Error, &text, exchange);
            Outcome::Status(status)
        }
    }
}

/// The file a path means at a location.
fn path_of(settings: &Settings, location: Option<&Location>, path: &str) -> Option<PathBuf> {
    match (&settings.own.alias, location) {
        (Some(alias), Some(location)) => {
            let rest = path.strip_prefix(location.path.as_str())?;
            if location.exact {
                return Some(alias.clone());
            }
            web::inside(alias, &format!("/{rest}"))
        }
        _ => web::inside(&settings.root, path),
    }
}

/// The last touches, and the log line when the answer has left.
fn finished(mut answer: Answer, settings: &Rc<Settings>, mut exchange: Exchange) -> Answer {
    let status = answer.status().as_u16();
    exchange.status = status;
    let usual = matches!(status, 200 | 201 | 204 | 206 | 301..=304 | 307 | 308);
    for header in settings.add_headers.iter().filter(|it| usual || it.always) {
        if let Ok(value) = HeaderValue::try_from(header.value.fill(&exchange))
            && !value.is_empty()
        {
            answer.headers_mut().append(header.name.clone(), value);
        }
    }
    answer
        .headers_mut()
        .insert(header::SERVER, HeaderValue::from_static(SERVER));
    if settings.access.is_empty() {
        return answer;
    }
    answer.map(|inner| -> Body {
        Box::pin(Logged {
            inner,
            exchange,
            settings: Rc::clone(settings),
        })
    })
}

/// A body that is counted, and logged when it is gone, sent or not.
struct Logged {
    inner: Body,
    exchange: Exchange,
    settings: Rc<Settings>,
}

impl hyper::body::Body for Logged {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let frame = self.inner.as_mut().poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.exchange.body_bytes += frame.data_ref().map_or(0, |it| it.len() as u64);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        for log in self.settings.access.iter() {
            AccessLog::request(log, &self.exchange);
        }
    }
}
