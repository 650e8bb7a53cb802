//! The sample image `luksa/kubia-ssl-proxy:1.0`: takes HTTPS on port 8443 and passes what is inside on to 127.0.0.1:8080, and answers
//! questions about itself on port 9901, as Envoy does in the image of that name.
//!
//! Without files it makes itself a certificate at the start, for the pod's name and localhost. Files come from `--cert` and `--key`, or
//! `$TLS_PROXY_CERT` and `$TLS_PROXY_KEY`: PEM, with a key over P-256.

mod admin;
mod certificate;
mod crypto;
mod proxy;

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::version::{TLS12, TLS13};
use tokio_rustls::TlsAcceptor;
use web::{Limits, Listener, Stop, signals};

use crate::admin::Stats;
use crate::proxy::Proxy;

const USAGE: &str = "usage: tls-proxy [--listen ADDRESS] [--upstream ADDRESS] [--admin ADDRESS] [--cert FILE --key FILE]";

struct Options {
    listen: String,
    upstream: String,
    admin: String,
    files: Option<(String, String)>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            say("critical", &fault);
            ExitCode::FAILURE
        }
    }
}

fn options() -> Option<Options> {
    let (mut cert, mut key) = (
        std::env::var("TLS_PROXY_CERT").ok(),
        std::env::var("TLS_PROXY_KEY").ok(),
    );
    let mut options = Options {
        listen: "0.0.0.0:8443".to_owned(),
        upstream: "127.0.0.1:8080".to_owned(),
        admin: "0.0.0.0:9901".to_owned(),
        files: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--listen" => options.listen = args.next()?,
            "--upstream" => options.upstream = args.next()?,
            "--admin" => options.admin = args.next()?,
            "--cert" => cert = args.next(),
            "--key" => key = args.next(),
            _ => return None,
        }
    }
    options.files = match (cert, key) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => None,
        _ => return None,
    };
    Some(options)
}

async fn run(options: &Options) -> Result<(), String> {
    let certified = match &options.files {
        Some((cert, key)) => certificate::from_files(cert, key)?,
        None => certificate::self_signed()?,
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(crypto::provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(certified));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // The client's first choice may be AES, which is slow here.
    config.ignore_client_order = true;

    let stats = Rc::new(Stats::new());
    let proxy = Proxy {
        listener: listen(&options.listen)?,
        upstream: address(&options.upstream)?,
        acceptor: TlsAcceptor::from(Arc::new(config)),
        stats: Rc::clone(&stats),
    };
    let admin = listen(&options.admin)?;
    say("info", &format!("admin address: {}", admin.address()));
    say(
        "info",
        &format!(
            "listening on {}, upstream {}",
            proxy.listener.address(),
            proxy.upstream
        ),
    );
    let stop = async {
        tokio::select! {
            () = proxy.run() => {}
            () = terminated() => say("info", "caught SIGTERM, exiting"),
        }
        Stop::Now
    };
    let answers = async move |request, _| admin::answer(&stats, &request);
    web::serve(vec![admin], Limits::default(), answers, stop).await;
    Ok(())
}

async fn terminated() {
    while !matches!(signals::next().await, signals::TERM | signals::INT) {}
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(|| format!("no such address: {text}"))
}

fn listen(text: &str) -> Result<Listener, String> {
    Listener::bind(address(text)?)
        .map_err(|e| format!("cannot bind '{text}': {}", web::error_text(&e)))
}

/// A line of the log, in Envoy's form.
fn say(level: &str, text: &str) {
    eprintln!(
        "[{}][1][{level}][main] {text}",
        web::stamp("%Y-%m-%d %H:%M:%S.%3f")
    );
}
