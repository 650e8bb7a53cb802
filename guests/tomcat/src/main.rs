//! What the sample image `local/tomcat:7.0` runs: deploys every WAR in `$CATALINA_HOME/webapps`, unpacked beside it, logs as Tomcat 7 does,
//! and serves the files of the applications on port 8080. It runs no Java: it is what the sample pod needs of Tomcat.

mod deploy;

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use peapod_guest::signals;
use web::{Answer, Request};

const ADDRESS: &str = "0.0.0.0:8080";
const CONNECTOR: &str = "[\"http-bio-8080\"]";

fn main() -> ExitCode {
    let Some(home) = std::env::var_os("CATALINA_HOME").map(PathBuf::from) else {
        eprintln!("The CATALINA_HOME environment variable is not defined");
        return ExitCode::FAILURE;
    };
    let webapps = home.join("webapps");
    let begun = Instant::now();
    let listener = match TcpListener::bind(ADDRESS) {
        Ok(listener) => {
            log(
                "coyote.AbstractProtocol init",
                "INFO",
                &format!("Initializing ProtocolHandler {CONNECTOR}"),
            );
            Some(listener)
        }
        Err(e)
            if matches!(
                e.kind(),
                ErrorKind::PermissionDenied | ErrorKind::Unsupported
            ) =>
        {
            let text = format!(
                "ProtocolHandler {CONNECTOR} gets no socket ({}): no network here, deploying without serving",
                web::words(&e)
            );
            log("coyote.AbstractProtocol init", "WARNING", &text);
            None
        }
        Err(e) => {
            log(
                "coyote.AbstractProtocol init",
                "SEVERE",
                &format!(
                    "Failed to initialize end point of {CONNECTOR}: {}",
                    web::words(&e)
                ),
            );
            return ExitCode::FAILURE;
        }
    };
    log(
        "catalina.startup.Catalina load",
        "INFO",
        &format!(
            "Initialization processed in {} ms",
            begun.elapsed().as_millis()
        ),
    );

    let begun = Instant::now();
    log(
        "catalina.core.StandardService startInternal",
        "INFO",
        "Starting service Catalina",
    );
    deploy::all(&webapps);
    if listener.is_some() {
        log(
            "coyote.AbstractProtocol start",
            "INFO",
            &format!("Starting ProtocolHandler {CONNECTOR}"),
        );
    }
    log(
        "catalina.startup.Catalina start",
        "INFO",
        &format!("Server startup in {} ms", begun.elapsed().as_millis()),
    );

    match &listener {
        Some(listener) => {
            let served = web::serve(
                listener,
                |request| answer(&webapps, request),
                |_| {},
                |rest| {
                    if !rest.is_zero() {
                        std::thread::sleep(rest);
                    }
                    signals::take() == Some(signals::TERM)
                },
            );
            if let Err(e) = served {
                log(
                    "coyote.AbstractProtocol start",
                    "SEVERE",
                    &format!(
                        "Failed to start end point of {CONNECTOR}: {}",
                        web::words(&e)
                    ),
                );
                return ExitCode::FAILURE;
            }
        }
        None => while signals::wait() != signals::TERM {},
    }
    log(
        "catalina.core.StandardService stopInternal",
        "INFO",
        "Stopping service Catalina",
    );
    ExitCode::SUCCESS
}

/// `/` is the application ROOT, as everywhere in Tomcat; no client sees `WEB-INF` or `META-INF`.
fn answer(webapps: &Path, request: &Request) -> Answer {
    let first = request.target.split('/').nth(1).unwrap_or_default();
    let root = if !first.is_empty() && webapps.join(first).is_dir() {
        webapps.to_owned()
    } else {
        webapps.join("ROOT")
    };
    let upper = request.target.to_ascii_uppercase();
    // A percent sign could spell the hidden names in another way, and no file of an application needs one.
    if upper.contains("WEB-INF")
        || upper.contains("META-INF")
        || upper.contains('%')
        || upper.ends_with(".WAR")
    {
        return Answer::error(404);
    }
    web::answer_from(&root, request)
}

/// A record of java.util.logging: two lines on stderr.
fn log(source: &str, level: &str, text: &str) {
    eprintln!(
        "{} org.apache.{source}\n{level}: {text}",
        web::stamp("%b %d, %Y %-I:%M:%S %p")
    );
}
