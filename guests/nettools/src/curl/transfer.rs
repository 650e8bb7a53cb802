//! One address, and what it is redirected to.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::options::{Fail, Output, Settings};
use crate::error::Error as Network;
use crate::http::{self, Address, Body, Head, Request, basic, is_redirect};
use crate::name::resolve;
use crate::output;
use crate::poll::Deadline;
use crate::tcp::{Connection, Patience};

/// A transfer.
pub(super) struct Transfer<'a> {
    settings: &'a Settings,
    start: Instant,
    /// The last answer's status, 0 before the first.
    pub(super) status: u16,
    received: u64,
    redirects: u32,
    address: Option<Address>,
    peer: Option<SocketAddr>,
    content_type: String,
}

/// Where an answer goes. A file is made when the first of it comes, so that a server that is not there leaves none.
enum Sink {
    Stdout,
    Nowhere,
    To(String),
    File(File),
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if let Self::To(path) = self {
            *self = Self::File(File::create(&path).map_err(|e| {
                Failure::new(
                    23,
                    format!("Failed to open the file {path}: {}", output::reason(&e)),
                )
            })?);
        }
        match self {
            Self::Stdout => output::write(bytes),
            Self::File(file) => file.write_all(bytes),
            Self::Nowhere | Self::To(_) => Ok(()),
        }
        .map_err(|e| Failure::writing(&e))
    }
}

impl<'a> Transfer<'a> {
    pub(super) fn new(settings: &'a Settings, start: Instant) -> Self {
        Self {
            settings,
            start,
            status: 0,
            received: 0,
            redirects: 0,
            address: None,
            peer: None,
            content_type: String::new(),
        }
    }

    /// Runs it, with the output of the `index`-th address.
    pub(super) fn run(&mut self, url: &str, index: usize) -> Result<(), Failure> {
        let settings = self.settings;
        let first = Address::parse(url)?;
        let mut sink = match settings.outputs.get(index) {
            None => Sink::Stdout,
            Some(Output::File(path)) if path == "-" => Sink::Stdout,
            // Nothing is made in /dev.
            Some(Output::File(path)) if path == "/dev/null" => Sink::Nowhere,
            Some(Output::File(path)) => Sink::To(path.clone()),
            Some(Output::RemoteName) => match first.file_name() {
                "" => return Err(Failure::new(23, "Remote file name has no length")),
                name => Sink::To(name.to_owned()),
            },
        };
        let mut address = first.clone();
        let mut posts = settings.body.is_some();
        loop {
            self.address = Some(address.clone());
            let (head, body) = self.ask(&address, &first, posts)?;
            self.status = head.status;
            self.content_type = head.header("Content-Type").unwrap_or_default().to_owned();
            let next = head
                .header("Location")
                .filter(|_| settings.follow && is_redirect(head.status));
            let failed = head.status >= 400 && settings.fail != Fail::No;
            if settings.include || settings.head_only {
                sink.write(&head.raw)?;
            }
            if let Some(location) = next {
                if settings.max_redirects == Some(self.redirects) {
                    let why = format!("Maximum ({}) redirects followed", self.redirects);
                    return Err(Failure::new(47, why));
                }
                self.redirects += 1;
                posts = posts && matches!(head.status, 307 | 308);
                address = address.join(location)?;
                continue;
            }
            if !(failed && settings.fail == Fail::Silently) {
                self.keep(&head, body, &mut sink)?;
            }
            if failed {
                let why = format!("The requested URL returned error: {}", head.status);
                return Err(Failure::new(22, why));
            }
            return Ok(());
        }
    }

    fn ask(
        &mut self,
        address: &Address,
        first: &Address,
        posts: bool,
    ) -> Result<(Head, Body), Failure> {
        let settings = self.settings;
        let mut connection = self.connect(address)?;
        connection.set_patience(Patience {
            until: self.deadline(),
            step: None,
        });
        let body = settings.body.as_deref().filter(|_| posts);
        let usual = match (body, settings.head_only) {
            (Some(_), _) => "POST",
            (None, true) => "HEAD",
            (None, false) => "GET",
        };
        let request = Request {
            method: settings.method.as_deref().unwrap_or(usual),
            address,
            headers: self.headers(address, first, body),
            body: body.unwrap_or_default(),
        };
        let stream = http::secure(connection, address, &settings.trust)
            .map_err(|e| self.explained(e.into(), None))?;
        for line in request.head().lines() {
            self.say(format_args!("> {line}"));
        }
        let (head, body) =
            http::exchange(stream, &request).map_err(|e| self.explained(e.into(), None))?;
        for line in String::from_utf8_lossy(&head.raw).lines() {
            self.say(format_args!("< {line}"));
        }
        Ok((head, body))
    }

    fn headers(
        &self,
        address: &Address,
        first: &Address,
        body: Option<&[u8]>,
    ) -> Vec<(String, String)> {
        let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut headers = vec![own("Host", &address.authority())];
        headers.extend(address.credentials().as_deref().map(basic));
        headers.push(own("User-Agent", "curl/8"));
        let json = self.settings.json;
        let json_type = "application/json";
        headers.push(own("Accept", if json { json_type } else { "*/*" }));
        if let Some(body) = body {
            headers.push(own("Content-Length", &body.len().to_string()));
            let form = "application/x-www-form-urlencoded";
            headers.push(own("Content-Type", if json { json_type } else { form }));
        }
        let given = &self.settings.headers;
        headers.retain(|(name, _)| !given.iter().any(|(it, _)| it.eq_ignore_ascii_case(name)));
        for (name, value) in given {
            // What was meant for one server is not told to another.
            let secret = ["Authorization", "Cookie", "Host"]
                .iter()
                .any(|it| it.eq_ignore_ascii_case(name));
            match value {
                Some(value) if !secret || address.is_beside(first) => {
                    headers.push(own(name, value));
                }
                Some(_) if name.eq_ignore_ascii_case("Host") => {
                    headers.push(own("Host", &address.authority()));
                }
                _ => {}
            }
        }
        headers
    }

    fn connect(&mut self, address: &Address) -> Result<Connection, Failure> {
        let settings = self.settings;
        let (host, port) = (address.host(), address.port());
        let patience = Patience {
            until: self.deadline().or(Deadline::within(settings.connect_time)),
            step: None,
        };
        let addresses = resolve(host, settings.family, patience.until).map_err(|e| match e {
            Network::TimedOut => {
                let why = format!("Resolving timed out after {} milliseconds", self.millis());
                Failure::new(28, why)
            }
            _ => Failure::new(6, format!("Could not resolve host: {host}")),
        })?;
        for ip in addresses {
            let to = SocketAddr::from((ip, port));
            self.say(format_args!("*   Trying {to}..."));
            match Connection::connect(to, None, patience) {
                Ok(connection) => {
                    self.say(format_args!("* Connected to {host} ({ip}) port {port}"));
                    self.peer = Some(to);
                    return Ok(connection);
                }
                Err(Network::TimedOut) if patience.until.is_over() => {
                    let why = format!("Connection timed out after {} milliseconds", self.millis());
                    return Err(Failure::new(28, why));
                }
                Err(e) => self.say(format_args!("* connect to {to} failed: {e}")),
            }
        }
        Err(Failure::new(
            7,
            format!(
                "Failed to connect to {host} port {port} after {} ms: Could not connect to server",
                self.millis()
            ),
        ))
    }

    /// Puts the body where it belongs.
    fn keep(&mut self, head: &Head, mut body: Body, sink: &mut Sink) -> Result<(), Failure> {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = match body.read(&mut buffer) {
                Ok(read) => read,
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                    let text = match body.missing() {
                        Some(left) => {
                            format!("transfer closed with {left} bytes remaining to read")
                        }
                        None => "transfer closed with outstanding read data remaining".to_owned(),
                    };
                    return Err(Failure::new(18, text));
                }
                Err(e) => return Err(self.explained(http::Error::Io(e).into(), Some(head))),
            };
            let part = buffer.get(..read).unwrap_or_default();
            // Also where it is empty: a file is made of an empty answer.
            sink.write(part)?;
            if part.is_empty() {
                return Ok(());
            }
            self.received += part.len() as u64;
        }
    }

    /// Fills in what a failure by time does not know of itself.
    fn explained(&self, failure: Failure, head: Option<&Head>) -> Failure {
        if failure.status != 28 {
            return failure;
        }
        let of = match head.and_then(|head| head.length().ok().flatten()) {
            Some(length) => format!(" out of {length}"),
            None => String::new(),
        };
        Failure::new(
            28,
            format!(
                "Operation timed out after {} milliseconds with {}{of} bytes received",
                self.millis(),
                self.received
            ),
        )
    }

    fn deadline(&self) -> Deadline {
        Deadline::after(self.start, self.settings.max_time)
    }

    fn took(&self) -> Duration {
        self.start.elapsed()
    }

    fn millis(&self) -> u128 {
        self.took().as_millis()
    }

    /// A line of -v.
    fn say(&self, text: impl Display) {
        if self.settings.verbose {
            // Nobody is left to tell where standard error itself fails.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// What -w asks for.
    pub(super) fn write_out(&self) -> Result<(), Failure> {
        let Some(format) = &self.settings.write_out else {
            return Ok(());
        };
        let mut text = String::new();
        let mut rest = format.as_str();
        while let Some(at) = rest.find(['%', '\\']) {
            let (before, from) = rest.split_at(at);
            text += before;
            let mut chars = from.chars();
            let pair = (chars.next(), chars.next());
            rest = chars.as_str();
            match pair {
                (_, Some('n')) if from.starts_with('\\') => text.push('\n'),
                (_, Some('t')) if from.starts_with('\\') => text.push('\t'),
                (_, Some('r')) if from.starts_with('\\') => text.push('\r'),
                (_, Some('%')) if from.starts_with('%') => text.push('%'),
                (_, Some('{')) if from.starts_with('%') && rest.contains('}') => {
                    let (name, after) = rest.split_once('}').unwrap_or((rest, ""));
                    text += &self.variable(name);
                    rest = after;
                }
                (one, two) => text.extend(one.into_iter().chain(two)),
            }
        }
        text += rest;
        output::write(text.as_bytes()).map_err(|e| Failure::writing(&e))
    }

    fn variable(&self, name: &str) -> String {
        match name {
            "http_code" | "response_code" => format!("{:03}", self.status),
            "size_download" => self.received.to_string(),
            "num_redirects" => self.redirects.to_string(),
            "time_total" => format!("{:.6}", self.took().as_secs_f64()),
            "content_type" => self.content_type.clone(),
            "url_effective" => self
                .address
                .as_ref()
                .map(|address| address.as_str().to_owned())
                .unwrap_or_default(),
            "remote_ip" => self.peer.map(|it| it.ip().to_string()).unwrap_or_default(),
            "remote_port" => self
                .peer
                .map(|it| it.port().to_string())
                .unwrap_or_default(),
            _ => String::new(),
        }
    }
}
