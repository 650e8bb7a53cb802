//! `wget`, in the manners of BusyBox's: status 1 for whatever goes wrong.

use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write};
use std::net::SocketAddr;
use std::time::Duration;

use command::options::{self, Options};

use crate::complain;
use crate::error::Error as Network;
use crate::http::{self, Address, Body, Head, Request, basic, is_redirect};
use crate::name::{Family, resolve};
use crate::output;
use crate::poll::Deadline;
use crate::tcp::{Connection, Patience};
use crate::tls::Trust;

/// A server may send elsewhere so often.
const MAX_REDIRECTS: usize = 5;
/// Before another try.
const PAUSE: Duration = Duration::from_secs(1);

const SHORT: &str = "qSvnO:T:t:P:U:ςηθ:ζκ:λ:μ:";
const LONG: [(&str, char); 19] = [
    ("quiet", 'q'),
    ("no-verbose", 'n'),
    ("server-response", 'S'),
    ("output-document", 'O'),
    ("timeout", 'T'),
    ("connect-timeout", 'T'),
    ("read-timeout", 'T'),
    ("dns-timeout", 'T'),
    ("tries", 't'),
    ("directory-prefix", 'P'),
    ("user-agent", 'U'),
    ("no-cache", 'ς'),
    ("no-check-certificate", 'η'),
    ("ca-certificate", 'θ'),
    ("spider", 'ζ'),
    ("header", 'κ'),
    ("post-data", 'λ'),
    ("post-file", 'μ'),
    ("verbose", 'v'),
];

/// Why a download failed.
#[derive(Debug)]
enum Failure {
    /// It may go better the next time.
    Passing(String),
    Lasting(String),
    /// Standard output is read by nobody any more.
    NoReader,
}

/// `wget`.
pub fn wget(args: &[String]) -> i32 {
    let failed = |why: &dyn Display| {
        complain("wget", why);
        1
    };
    let options = match options::parse(args, SHORT, &LONG) {
        Ok(options) => options,
        Err(why) => return failed(&why),
    };
    let mut download = match Download::new(&options) {
        Ok(download) => download,
        Err(why) => return failed(&why),
    };
    if options.operands.is_empty() {
        return failed(&"usage: wget [-qS] [-O FILE] [-T SECONDS] [-t TRIES] URL…");
    }
    let mut status = 0;
    for url in &options.operands {
        match download.get_with_tries(url) {
            Ok(()) => {}
            Err(Failure::NoReader) => return output::BROKEN_PIPE,
            Err(Failure::Passing(why) | Failure::Lasting(why)) => status = failed(&why),
        }
    }
    status
}

/// Where the body goes.
enum Target {
    Stdout,
    File(File, String),
    Nowhere,
}

struct Download {
    quiet: bool,
    show_head: bool,
    spider: bool,
    trust: Trust,
    patience: Option<Duration>,
    tries: u32,
    folder: Option<String>,
    file: Option<String>,
    /// The file of -O has been begun, and takes the next body after what is in it.
    begun: bool,
    headers: Vec<(String, String)>,
    agent: String,
    body: Option<Vec<u8>>,
}

impl Download {
    fn new(options: &Options) -> Result<Self, String> {
        let mut headers = Vec::new();
        for (_, value) in options.given.iter().filter(|(letter, _)| *letter == 'κ') {
            let header = value.as_deref().unwrap_or_default();
            let (name, value) = header
                .split_once(':')
                .ok_or_else(|| format!("bad header '{header}'"))?;
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        let body = match (options.value('λ'), options.value('μ')) {
            (Some(text), _) => Some(text.as_bytes().to_vec()),
            (None, Some(path)) => Some(std::fs::read(path).map_err(|e| cannot_open(path, &e))?),
            (None, None) => None,
        };
        let number = |letter| -> Result<Option<f64>, String> {
            let Some(text) = options.value(letter) else {
                return Ok(None);
            };
            text.parse()
                .map(Some)
                .map_err(|_| format!("invalid number '{text}'"))
        };
        let tries = match options.value('t') {
            None => 1,
            Some("inf" | "0") => u32::MAX,
            Some(text) => text
                .parse()
                .map_err(|_| format!("invalid number '{text}'"))?,
        };
        Ok(Self {
            quiet: options.has('q'),
            show_head: options.has('S'),
            spider: options.has('ζ'),
            trust: match options.value('θ') {
                _ if options.has('η') => Trust::All,
                Some(path) => Trust::File(path.to_owned()),
                None => Trust::Usual,
            },
            patience: number('T')?
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .filter(|time| !time.is_zero()),
            tries,
            folder: options.value('P').map(str::to_owned),
            file: options.value('O').map(str::to_owned),
            begun: false,
            headers,
            agent: options.value('U').unwrap_or("Wget").to_owned(),
            body,
        })
    }

    fn get_with_tries(&mut self, url: &str) -> Result<(), Failure> {
        let mut left = self.tries;
        loop {
            left = left.saturating_sub(1);
            match self.get(url) {
                Err(Failure::Passing(why)) if left > 0 => {
                    self.say(format_args!("wget: {why}, trying again"));
                    std::thread::sleep(PAUSE);
                }
                done => return done,
            }
        }
    }

    fn get(&mut self, url: &str) -> Result<(), Failure> {
        let lasting = |e: http::AddressError| Failure::Lasting(e.to_string());
        let mut address = Address::parse(url).map_err(lasting)?;
        let mut posts = self.body.is_some();
        for _ in 0..=MAX_REDIRECTS {
            let (head, body) = self.ask(&address, posts)?;
            if self.show_head {
                for line in String::from_utf8_lossy(&head.raw).lines() {
                    complain_line(format_args!("  {line}"));
                }
            }
            match head.header("Location") {
                Some(location) if is_redirect(head.status) => {
                    address = address.join(location).map_err(lasting)?;
                    posts = posts && matches!(head.status, 307 | 308);
                }
                _ if head.status >= 300 => {
                    return Err(Failure::Lasting(format!(
                        "server returned error: {}",
                        head.line
                    )));
                }
                _ if self.spider => {
                    self.say("remote file exists");
                    return Ok(());
                }
                _ => return self.keep(&address, &head, body),
            }
        }
        Err(Failure::Lasting("too many redirections".to_owned()))
    }

    /// Sends the request, and reads the head of the answer.
    fn ask(&self, address: &Address, posts: bool) -> Result<(Head, Body), Failure> {
        let connection = self.connect(address)?;
        let body = self.body.as_deref().filter(|_| posts);
        let mut headers = vec![
            ("Host".to_owned(), address.authority()),
            ("User-Agent".to_owned(), self.agent.clone()),
            ("Connection".to_owned(), "close".to_owned()),
        ];
        headers.extend(address.credentials().as_deref().map(basic));
        if let Some(body) = body {
            headers.push((
                "Content-Type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            ));
            headers.push(("Content-Length".to_owned(), body.len().to_string()));
        }
        // One that is given takes the place of ours.
        headers.retain(|(name, _)| {
            !self
                .headers
                .iter()
                .any(|(given, _)| given.eq_ignore_ascii_case(name))
        });
        headers.extend(self.headers.iter().cloned());
        let request = Request {
            method: if body.is_some() { "POST" } else { "GET" },
            address,
            headers,
            body: body.unwrap_or_default(),
        };
        http::secure(connection, address, &self.trust)
            .and_then(|stream| http::exchange(stream, &request))
            .map_err(|e| match e {
                http::Error::Io(e) => reading(&e),
                http::Error::Cut(_) => Failure::Passing("error getting response".to_owned()),
                http::Error::NotHttp => Failure::Lasting("bad response".to_owned()),
                e => Failure::Lasting(e.to_string()),
            })
    }

    fn connect(&self, address: &Address) -> Result<Connection, Failure> {
        let (host, port) = (address.host(), address.port());
        let addresses = resolve(host, Family::Any, Deadline::within(self.patience))
            .map_err(|e| Failure::Passing(e.to_string()))?;
        let patience = Patience {
            until: Deadline::NEVER,
            step: self.patience,
        };
        let mut failure = Failure::Lasting(format!("bad address '{host}'"));
        for ip in addresses {
            let to = SocketAddr::from((ip, port));
            self.say(format_args!("Connecting to {} ({to})", address.authority()));
            match Connection::connect(to, None, patience) {
                Ok(connection) => return Ok(connection),
                Err(Network::TimedOut) => {
                    failure = Failure::Passing("download timed out".to_owned());
                }
                Err(e) => {
                    failure = Failure::Passing(format!("can't connect to remote host ({ip}): {e}"));
                }
            }
        }
        Err(failure)
    }

    /// Puts the body where it belongs.
    fn keep(&mut self, address: &Address, head: &Head, mut body: Body) -> Result<(), Failure> {
        let mut target = self.target(address)?;
        let name = match &target {
            Target::Stdout => {
                self.say("writing to stdout");
                "-"
            }
            Target::File(_, name) => {
                self.say(format_args!("saving to '{name}'"));
                name.rsplit('/').next().unwrap_or(name)
            }
            Target::Nowhere => "-",
        }
        .to_owned();
        let mut buffer = vec![0; 16 * 1024];
        let mut total: u64 = 0;
        loop {
            let read = body.read(&mut buffer).map_err(|e| reading(&e))?;
            let part = buffer.get(..read).unwrap_or_default();
            if part.is_empty() {
                break;
            }
            match &mut target {
                Target::Stdout => output::write(part).map_err(|e| match e.kind() {
                    ErrorKind::BrokenPipe => Failure::NoReader,
                    _ => Failure::Lasting(format!("write error: {e}")),
                })?,
                Target::File(file, _) => file
                    .write_all(part)
                    .map_err(|e| Failure::Lasting(format!("write error: {e}")))?,
                Target::Nowhere => {}
            }
            total += part.len() as u64;
        }
        let size = size(total);
        if head.length().ok().flatten().is_some() {
            let bar = "*".repeat(32);
            self.say(format_args!(
                "{name:<20.20} 100% |{bar}| {size:>5}  0:00:00 ETA"
            ));
        } else {
            self.say(format_args!("{name:<20.20} {size:>5}  0:00:00 ETA"));
        }
        match target {
            Target::Stdout => self.say("written to stdout"),
            Target::File(_, name) => self.say(format_args!("'{name}' saved")),
            Target::Nowhere => {}
        }
        Ok(())
    }

    fn target(&mut self, address: &Address) -> Result<Target, Failure> {
        let mut open = OpenOptions::new();
        open.write(true);
        let name = match &self.file {
            Some(name) if name == "-" => return Ok(Target::Stdout),
            // Nothing is made in /dev.
            Some(name) if name == "/dev/null" => return Ok(Target::Nowhere),
            Some(name) => {
                if self.begun {
                    open.append(true);
                } else {
                    open.create(true).truncate(true);
                }
                self.begun = true;
                name.clone()
            }
            None => {
                open.create_new(true);
                let name = match address.file_name() {
                    "" => "index.html",
                    name => name,
                };
                match &self.folder {
                    Some(folder) => format!("{}/{name}", folder.trim_end_matches('/')),
                    None => name.to_owned(),
                }
            }
        };
        match open.open(&name) {
            Ok(file) => Ok(Target::File(file, name)),
            Err(e) => Err(Failure::Lasting(cannot_open(&name, &e))),
        }
    }

    /// A line for whoever watches.
    fn say(&self, text: impl Display) {
        if !self.quiet {
            complain_line(text);
        }
    }
}

fn complain_line(text: impl Display) {
    // Nobody is left to tell where standard error itself fails.
    let _ = writeln!(io::stderr(), "{text}");
}

fn cannot_open(path: &str, e: &io::Error) -> String {
    format!("can't open '{path}': {}", output::reason(e))
}

/// What a failure to read, or to send, comes to.
fn reading(e: &io::Error) -> Failure {
    Failure::Passing(match e.kind() {
        ErrorKind::TimedOut => "download timed out".to_owned(),
        ErrorKind::UnexpectedEof => "connection closed prematurely".to_owned(),
        _ => format!("error getting response: {e}"),
    })
}

/// A number of bytes in five columns.
fn size(bytes: u64) -> String {
    if bytes < 100_000 {
        return bytes.to_string();
    }
    let (mut tenths, mut unit) = (bytes * 10 / 1024, 'k');
    for larger in ['M', 'G', 'T'] {
        if tenths < 10_000 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    format!("{}.{}{unit}", tenths / 10, tenths % 10)
}
