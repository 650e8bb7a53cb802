//! curl's options.

use std::io::Read as _;
use std::time::Duration;

use command::options::{self, Options};

use super::failure::Failure;
use crate::http::basic;
use crate::name::Family;
use crate::tls::Trust;

const SHORT: &str = "sSkvfiILON#46gqo:d:H:X:m:u:A:e:b:w:hVα:β:γ:δε:ζ:η:θ:κ:λμν:";
const LONG: [(&str, char); 45] = [
    ("silent", 's'),
    ("show-error", 'S'),
    ("insecure", 'k'),
    ("verbose", 'v'),
    ("fail", 'f'),
    ("include", 'i'),
    ("show-headers", 'i'),
    ("head", 'I'),
    ("location", 'L'),
    ("remote-name", 'O'),
    ("no-buffer", 'N'),
    ("progress-bar", '#'),
    ("ipv4", '4'),
    ("ipv6", '6'),
    ("globoff", 'g'),
    ("disable", 'q'),
    ("output", 'o'),
    ("data", 'd'),
    ("data-ascii", 'd'),
    ("header", 'H'),
    ("request", 'X'),
    ("max-time", 'm'),
    ("user", 'u'),
    ("user-agent", 'A'),
    ("referer", 'e'),
    ("cookie", 'b'),
    ("write-out", 'w'),
    ("help", 'h'),
    ("version", 'V'),
    ("connect-timeout", 'α'),
    ("retry", 'β'),
    ("retry-delay", 'γ'),
    ("retry-connrefused", 'δ'),
    ("max-redirs", 'ε'),
    ("data-raw", 'ζ'),
    ("data-binary", 'η'),
    ("json", 'θ'),
    ("url", 'κ'),
    ("fail-with-body", 'λ'),
    ("cacert", 'ν'),
    // What is so anyway.
    ("http1.1", 'μ'),
    ("no-progress-meter", 'μ'),
    ("no-keepalive", 'μ'),
    ("compressed", 'μ'),
    ("basic", 'μ'),
];

const HELP: &str = "Usage: curl [options...] <url>
 -d, --data <data>          HTTP POST data; @FILE reads it
 -f, --fail                 Fail fast with no output on HTTP errors
 -H, --header <header>      Pass custom header to server
 -i, --include              Include response headers in output
 -I, --head                 Show document info only
 -k, --insecure             Allow insecure server connections
 -L, --location             Follow redirects
 -m, --max-time <seconds>   Maximum time allowed for transfer
 -o, --output <file>        Write to file instead of stdout
 -O, --remote-name          Write output to file named as remote file
 -s, --silent               Silent mode
 -S, --show-error           Show error even when -s is used
 -u, --user <user:password> Server user and password
 -v, --verbose              Make the operation more talkative
 -w, --write-out <format>   Output FORMAT after completion
 -X, --request <method>     Specify request method to use
";
const VERSION: &str = concat!(
    "curl 8 (peapod ",
    env!("CARGO_PKG_VERSION"),
    ")\nProtocols: http https\n"
);

/// Whether a failed request is a failure of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fail {
    No,
    /// -f: and nothing of the answer is shown.
    Silently,
    WithBody,
}

/// Where an answer goes.
#[derive(Clone, Debug)]
pub(super) enum Output {
    File(String),
    RemoteName,
}

/// What the command line says.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) urls: Vec<String>,
    pub(super) outputs: Vec<Output>,
    pub(super) silent: bool,
    pub(super) verbose: bool,
    pub(super) include: bool,
    pub(super) head_only: bool,
    pub(super) follow: bool,
    pub(super) trust: Trust,
    pub(super) fail: Fail,
    pub(super) family: Family,
    pub(super) method: Option<String>,
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) json: bool,
    pub(super) max_time: Option<Duration>,
    pub(super) connect_time: Option<Duration>,
    pub(super) max_redirects: Option<u32>,
    pub(super) retries: u32,
    pub(super) retry_refused: bool,
    pub(super) pause: Option<Duration>,
    pub(super) write_out: Option<String>,
    /// To be printed in place of anything else.
    pub(super) about: Option<&'static str>,
}

impl Settings {
    pub(super) fn read(args: &[String]) -> Result<Self, Failure> {
        let usage = |text: String| Failure::new(2, text);
        let mut options = options::parse(args, SHORT, &LONG).map_err(usage)?;
        let mut urls = std::mem::take(&mut options.operands);
        let mut outputs = Vec::new();
        let mut headers = Vec::new();
        for (letter, value) in &options.given {
            let value = value.clone().unwrap_or_default();
            match letter {
                'κ' => urls.push(value),
                'o' => outputs.push(Output::File(value)),
                'O' => outputs.push(Output::RemoteName),
                'A' => headers.push(("User-Agent".to_owned(), Some(value))),
                'e' => headers.push(("Referer".to_owned(), Some(value))),
                'b' => headers.push(("Cookie".to_owned(), Some(value))),
                'u' => {
                    let (name, value) = basic(&value);
                    headers.push((name, Some(value)));
                }
                'H' => headers.extend(header(&value)),
                _ => {}
            }
        }
        let about = match (options.has('h'), options.has('V')) {
            (true, _) => Some(HELP),
            (false, true) => Some(VERSION),
            (false, false) => None,
        };
        if urls.is_empty() && about.is_none() {
            return Err(usage("no URL specified".to_owned()));
        }
        let family = match (options.has('4'), options.has('6')) {
            (true, false) => Family::V4,
            (false, true) => Family::V6,
            _ => Family::Any,
        };
        let fail = match (options.has('f'), options.has('λ')) {
            (_, true) => Fail::WithBody,
            (true, false) => Fail::Silently,
            (false, false) => Fail::No,
        };
        Ok(Self {
            urls,
            outputs,
            silent: options.has('s') && !options.has('S'),
            verbose: options.has('v'),
            include: options.has('i'),
            head_only: options.has('I'),
            follow: options.has('L'),
            trust: match options.value('ν') {
                _ if options.has('k') => Trust::All,
                Some(path) => Trust::File(path.to_owned()),
                None => Trust::Usual,
            },
            fail,
            family,
            method: options.value('X').map(str::to_owned),
            headers,
            body: body(&options)?,
            json: options.has('θ'),
            max_time: seconds(&options, 'm')?,
            connect_time: seconds(&options, 'α')?,
            max_redirects: match options.value('ε') {
                None => Some(50),
                Some("-1") => None,
                Some(_) => number(&options, 'ε')?,
            },
            retries: number(&options, 'β')?.unwrap_or(0),
            retry_refused: options.has('δ'),
            pause: seconds(&options, 'γ')?,
            write_out: options.value('w').map(str::to_owned),
            about,
        })
    }
}

/// `NAME: VALUE`; without a value it takes ours away, and `NAME;` is one that is empty.
fn header(text: &str) -> Option<(String, Option<String>)> {
    if let Some((name, value)) = text.split_once(':') {
        let value = value.trim();
        return Some((
            name.trim().to_owned(),
            (!value.is_empty()).then(|| value.to_owned()),
        ));
    }
    text.strip_suffix(';')
        .map(|name| (name.trim().to_owned(), Some(String::new())))
}

/// What all the -d and their like come to.
fn body(options: &Options) -> Result<Option<Vec<u8>>, Failure> {
    let mut body: Option<Vec<u8>> = None;
    for (letter, value) in &options.given {
        let value = value.as_deref().unwrap_or_default();
        let part = match (letter, value.strip_prefix('@')) {
            ('d', Some(path)) => {
                let mut bytes = contents(path)?;
                bytes.retain(|byte| !matches!(byte, b'\r' | b'\n'));
                bytes
            }
            ('η' | 'θ', Some(path)) => contents(path)?,
            ('d' | 'ζ' | 'η' | 'θ', _) => value.as_bytes().to_vec(),
            _ => continue,
        };
        match &mut body {
            None => body = Some(part),
            Some(body) => {
                if *letter != 'θ' {
                    body.push(b'&');
                }
                body.extend(part);
            }
        }
    }
    Ok(body)
}

fn contents(path: &str) -> Result<Vec<u8>, Failure> {
    let read = if path == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    read.map_err(|_| Failure::new(26, format!("Failed to open {path}")))
}

fn seconds(options: &Options, letter: char) -> Result<Option<Duration>, Failure> {
    let Some(text) = options.value(letter) else {
        return Ok(None);
    };
    let time = text
        .parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| bad_number(text))?;
    Ok(Some(time).filter(|time| !time.is_zero()))
}

fn number(options: &Options, letter: char) -> Result<Option<u32>, Failure> {
    options
        .value(letter)
        .map(|text| text.parse().map_err(|_| bad_number(text)))
        .transpose()
}

fn bad_number(text: &str) -> Failure {
    Failure::new(
        2,
        format!("expected a proper numerical parameter, not '{text}'"),
    )
}
