//! What probes and hooks ask, after the image of that name which Kubernetes' own tests use:
//!
//! - `agnhost netexec [--http-port PORT] [--unhealthy-after SECONDS] [--ready-after SECONDS]`: `/healthz` is well until it is not,
//!   `/readyz` is once it is, `/echo?msg=TEXT&code=STATUS` answers as it is told, `/redirect?loc=URL` leads on, `/hang` never answers, `/drain?seconds=N`
//!   answers then and makes `/readyz` bad at once, `/shutdown` ends it. Each request is a line of its log.
//! - `agnhost grpc-health-checking [--port PORT] [--delay-unhealthy-sec SECONDS] [--service NAME]`: `grpc.health.v1.Health` that is well until
//!   it is not.
//!
//! It knows no signals: TERM ends it at once.

mod grpc;
mod netexec;

use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "usage: agnhost netexec [--http-port PORT] [--unhealthy-after SECONDS] [--ready-after SECONDS]\n       \
                     agnhost grpc-health-checking [--port PORT] [--delay-unhealthy-sec SECONDS] [--service NAME]";

/// What it was told.
pub struct Options {
    begun: Instant,
    given: Vec<(String, String)>,
}

impl Options {
    fn read(mut words: impl Iterator<Item = String>, known: &[&str]) -> Option<Options> {
        let mut given = Vec::new();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (word, words.next()?),
            };
            if !known.contains(&name.as_str()) {
                return None;
            }
            given.push((name, value));
        }
        Some(Options {
            begun: Instant::now(),
            given,
        })
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.given.iter().rev().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn port(&self, name: &str, default: u16) -> u16 {
        self.text(name)
            .and_then(|port| port.parse().ok())
            .unwrap_or(default)
    }

    /// Whether that many seconds are yet to pass; not, if it was not said how many.
    pub fn waits_for(&self, name: &str) -> bool {
        self.text(name).is_some() && !self.is_over(name)
    }

    /// Whether that many seconds have passed since the start; never, if it was not said how many.
    pub fn is_over(&self, name: &str) -> bool {
        let seconds = self.text(name).and_then(|text| text.parse().ok());
        seconds.is_some_and(|seconds| self.begun.elapsed() >= Duration::from_secs(seconds))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let what = words.next();
    let done = match what.as_deref() {
        Some("netexec") => {
            let known = ["--http-port", "--unhealthy-after", "--ready-after"];
            match Options::read(words, &known) {
                Some(options) => netexec::serve(options).await,
                None => return misused(),
            }
        }
        Some("grpc-health-checking") => {
            let known = ["--port", "--delay-unhealthy-sec", "--service"];
            match Options::read(words, &known) {
                Some(options) => grpc::serve(options).await,
                None => return misused(),
            }
        }
        _ => return misused(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("agnhost: {}", web::error_text(&e));
            ExitCode::FAILURE
        }
    }
}

fn misused() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
