//! A small HTTP/1.1 server of files, for guests.
//!
//! WASI 0.2 has no threads, so one loop turns over all connections and never waits for one of them: a client that sends half a request
//! and goes for lunch holds up nobody.

mod files;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

pub use files::{Answer, answer_from};

/// A request's head may be this long, and no longer.
const MAX_HEAD: usize = 8 * 1024;
/// A client that neither sends nor takes anything for so long is dropped.
const PATIENCE: Duration = Duration::from_secs(60);
/// A client that has its answer and neither closes nor sends is dropped after this.
const LINGER: Duration = Duration::from_secs(2);
/// How long the loop rests when nothing happens. The longest wait of a client is this; the cost of idling is its inverse.
const REST: Duration = Duration::from_millis(10);

/// A request as far as a server of files needs it.
pub struct Request {
    /// `GET`, `HEAD` …
    pub method: String,
    /// The target as the client sent it.
    pub target: String,
    /// The request line, for the log.
    pub line: String,
    /// `Referer`, or `-`.
    pub referer: String,
    /// `User-Agent`, or `-`.
    pub user_agent: String,
}

/// One line of the access log.
pub struct Entry<'a> {
    /// Who asked.
    pub peer: SocketAddr,
    /// What for; nothing where the request could not be read.
    pub request: Option<&'a Request>,
    /// The status it was answered with.
    pub status: u16,
    /// Bytes of the body that was sent.
    pub bytes: usize,
}

impl Entry<'_> {
    /// The line in the combined format of nginx and Apache.
    pub fn combined(&self) -> String {
        let time = stamp("%d/%b/%Y:%H:%M:%S +0000");
        let (line, referer, agent) = match self.request {
            Some(it) => (
                it.line.as_str(),
                it.referer.as_str(),
                it.user_agent.as_str(),
            ),
            None => ("", "-", "-"),
        };
        format!(
            "{} - - [{time}] \"{line}\" {} {} \"{referer}\" \"{agent}\"",
            self.peer.ip(),
            self.status,
            self.bytes
        )
    }
}

/// The time of now in UTC, by a strftime format.
pub fn stamp(format: &str) -> String {
    jiff::Timestamp::now().strftime(format).to_string()
}

/// An error in words, without its number: that one is WASI's, and means something else on the machine of whoever reads the log.
pub fn words(e: &io::Error) -> String {
    let text = e.to_string();
    text.split_once(" (os error")
        .map_or(text.clone(), |(words, _)| words.to_owned())
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    stage: Stage,
    last: Instant,
}

enum Stage {
    /// The head as far as it came.
    Reading(Vec<u8>),
    /// The whole answer, and how much of it was sent.
    Replying(Vec<u8>, usize),
    /// All is sent. What the client still sends is read and thrown away until it closes: closing on unread bytes is a reset, and a reset
    /// can overtake the answer.
    Lingering,
}

/// What a turn over a connection came to.
enum Turn {
    Nothing,
    Moved,
    Over,
}

/// Serves until `stop` says so. `stop` is asked at every turn, and given the time there is to rest.
pub fn serve(
    listener: &TcpListener,
    mut answer: impl FnMut(&Request) -> Answer,
    mut log: impl FnMut(Entry),
    mut stop: impl FnMut(Duration) -> bool,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut open: Vec<Connection> = Vec::new();
    let mut moved = false;
    while !stop(if moved { Duration::ZERO } else { REST }) {
        moved = false;
        // An error of accept is the client's, gone before its turn; the listener itself stays good.
        if let Ok((stream, peer)) = listener.accept() {
            moved = true;
            if stream.set_nonblocking(true).is_ok() {
                open.push(Connection {
                    stream,
                    peer,
                    stage: Stage::Reading(Vec::new()),
                    last: Instant::now(),
                });
            }
        }
        open.retain_mut(|connection| match connection.turn(&mut answer, &mut log) {
            Turn::Nothing => connection.last.elapsed() < connection.patience(),
            Turn::Moved => {
                moved = true;
                connection.last = Instant::now();
                true
            }
            Turn::Over => false,
        });
    }
    Ok(())
}

impl Connection {
    fn patience(&self) -> Duration {
        match self.stage {
            Stage::Lingering => LINGER,
            _ => PATIENCE,
        }
    }

    fn turn(
        &mut self,
        answer: &mut impl FnMut(&Request) -> Answer,
        log: &mut impl FnMut(Entry),
    ) -> Turn {
        if let Stage::Replying(reply, sent) = &mut self.stage {
            match self.stream.write(&reply[*sent..]) {
                Ok(0) => return Turn::Over,
                Ok(n) if *sent + n < reply.len() => *sent += n,
                Ok(_) => {
                    let _ = self.stream.shutdown(Shutdown::Write);
                    self.stage = Stage::Lingering;
                }
                Err(e) if again(&e) => return Turn::Nothing,
                Err(_) => return Turn::Over,
            }
            return Turn::Moved;
        }
        let mut buffer = [0; 2048];
        let n = match self.stream.read(&mut buffer) {
            Ok(0) => return Turn::Over,
            Ok(n) => n,
            Err(e) if again(&e) => return Turn::Nothing,
            Err(_) => return Turn::Over,
        };
        let Stage::Reading(head) = &mut self.stage else {
            return Turn::Nothing;
        };
        head.extend_from_slice(&buffer[..n]);
        let (request, made) = match parse(head) {
            Parsed::Part if head.len() < MAX_HEAD => return Turn::Moved,
            Parsed::Part => (None, Answer::error(431)),
            Parsed::Bad => (None, Answer::error(400)),
            Parsed::Whole(request) => {
                let made = answer(&request);
                (Some(request), made)
            }
        };
        let with_body = request.as_ref().is_none_or(|it| it.method != "HEAD");
        let bytes = if with_body { made.body.len() } else { 0 };
        log(Entry {
            peer: self.peer,
            request: request.as_ref(),
            status: made.status,
            bytes,
        });
        self.stage = Stage::Replying(made.into_bytes(with_body), 0);
        Turn::Moved
    }
}

fn again(e: &io::Error) -> bool {
    matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

enum Parsed {
    Part,
    Bad,
    Whole(Request),
}

fn parse(head: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut it = httparse::Request::new(&mut headers);
    match it.parse(head) {
        Ok(httparse::Status::Partial) => Parsed::Part,
        Err(_) => Parsed::Bad,
        Ok(httparse::Status::Complete(_)) => {
            let (method, target) = (it.method.unwrap_or_default(), it.path.unwrap_or_default());
            let header = |name: &str| {
                let found = it
                    .headers
                    .iter()
                    .find(|h| h.name.eq_ignore_ascii_case(name));
                // A quote inside would end the log's field early.
                found.map_or("-".to_owned(), |h| {
                    String::from_utf8_lossy(h.value).replace('"', "\\x22")
                })
            };
            Parsed::Whole(Request {
                method: method.to_owned(),
                target: target.to_owned(),
                line: format!("{method} {target} HTTP/1.{}", it.version.unwrap_or(1))
                    .replace('"', "\\x22"),
                referer: header("Referer"),
                user_agent: header("User-Agent"),
            })
        }
    }
}
