//! The sample image `nginx`: serves files and passes requests on, as /etc/nginx/nginx.conf says. It is not nginx: it knows the directives
//! in `config/directives.rs`, and refuses all others by name, as nginx refuses those it does not know.
//!
//! Where it differs: one process, which is one worker; a redirection to a folder's slash names the path alone; upstreams are asked by
//! HTTP/1.1, bodies are streamed and never buffered; error logs and times to wait for a client hold for all servers; names of upstreams are
//! looked up once, at the start.

mod config;
mod files;
mod handle;
mod logs;
mod proxy;
mod route;
mod template;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;

use web::{Limits, Listener, Peer, Request, Stop, signals};

use crate::config::{Config, Fault};
use crate::logs::{ErrorLog, Level};

const USAGE: &str = "usage: nginx [-tTvVq] [-c FILE] [-g DIRECTIVES]";

/// What the command line says.
struct Options {
    file: PathBuf,
    globals: String,
    test: bool,
    version: bool,
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    if options.version {
        eprintln!(
            "nginx version: nginx of peapod {}",
            env!("CARGO_PKG_VERSION")
        );
        return ExitCode::SUCCESS;
    }
    let file = options.file.display();
    match Config::read(&options.file, &options.globals) {
        Ok(_) if options.test => {
            eprintln!("nginx: the configuration file {file} syntax is ok");
            eprintln!("nginx: configuration file {file} test is successful");
            ExitCode::SUCCESS
        }
        Ok(config) => run(config),
        Err(fault) => {
            emerg(&fault);
            if options.test {
                eprintln!("nginx: configuration file {file} test failed");
            }
            ExitCode::FAILURE
        }
    }
}

fn emerg(fault: &Fault) {
    eprintln!("nginx: [emerg] {fault}");
}

fn options() -> Option<Options> {
    let mut options = Options {
        file: PathBuf::from("/etc/nginx/nginx.conf"),
        globals: String::new(),
        test: false,
        version: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-c" => options.file = args.next()?.into(),
            "-g" => options.globals = args.next()?,
            "-t" | "-T" => options.test = true,
            "-v" | "-V" => options.version = true,
            "-q" => {}
            _ => return None,
        }
    }
    Some(options)
}

#[tokio::main(flavor = "current_thread")]
async fn run(config: Config) -> ExitCode {
    let errors = Rc::clone(&config.error_log);
    let listeners = match listen(&config) {
        Ok(listeners) => listeners,
        Err(fault) => {
            emerg(&fault);
            return ExitCode::FAILURE;
        }
    };
    for warning in &config.warnings {
        errors.say(Level::Warn, warning);
    }
    if let Err(e) = write_pid(&config.pid) {
        let text = format!(
            "open() \"{}\" failed ({})",
            config.pid.display(),
            web::error_text(&e)
        );
        errors.say(Level::Warn, &text);
    }
    errors.say(Level::Notice, "start worker processes");
    let limits = Limits {
        connections: config.worker_connections,
        idle: config.keep_alive.unwrap_or(Limits::default().idle),
        stalled: config.send_timeout,
        keep_alive: config.keep_alive.is_some(),
        ..Limits::default()
    };
    let config = Rc::new(config);
    let handler = async move |request: Request, peer: Peer| {
        handle::handle(Rc::clone(&config), request, peer).await
    };
    web::serve(listeners, limits, handler, stopped(&errors)).await;
    errors.say(Level::Notice, "exit");
    ExitCode::SUCCESS
}

/// It is for scripts in the container: what they send a signal to is process 1. The image has no /var/run of its own.
fn write_pid(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, "1\n")
}

/// A listener for each address that a server names.
fn listen(config: &Config) -> Result<Vec<Listener>, Fault> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for listen in config.servers.iter().flat_map(|it| &it.listen) {
        if !addresses.contains(&listen.address) {
            addresses.push(listen.address);
        }
    }
    // An address of its own and every address of the same port do not go together; connections to the one arrive at the other.
    let any = addresses.clone();
    addresses.retain(|it| {
        it.ip().is_unspecified()
            || !any.iter().any(|any| {
                any.ip().is_unspecified()
                    && any.port() == it.port()
                    && any.is_ipv4() == it.is_ipv4()
            })
    });
    let bind = |address: SocketAddr| {
        Listener::bind(address).map_err(|e| {
            Fault::whole(format!(
                "bind() to {address} failed ({})",
                web::error_text(&e)
            ))
        })
    };
    addresses.into_iter().map(bind).collect()
}

/// TERM and INT end it at once, QUIT after the requests that are being answered.
async fn stopped(errors: &ErrorLog) -> Stop {
    loop {
        let (name, how) = match signals::next().await {
            signals::TERM => ("SIGTERM", Stop::Now),
            signals::INT => ("SIGINT", Stop::Now),
            signals::QUIT => ("SIGQUIT", Stop::Gracefully),
            other => {
                errors.say(
                    Level::Notice,
                    &format!("signal {other} received, which does nothing here"),
                );
                continue;
            }
        };
        let doing = if how == Stop::Now {
            "exiting"
        } else {
            "gracefully shutting down"
        };
        errors.say(Level::Notice, &format!("signal ({name}) received, {doing}"));
        return how;
    }
}
