//! What the sample image `local/tomcat:7.0` runs: deploys every WAR in `$CATALINA_HOME/webapps`, unpacked beside it, logs as Tomcat 7 does,
//! and serves the files of the applications on port 8080. It runs no Java: it is what the sample pod needs of Tomcat.

mod deploy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use percent_encoding::percent_decode_str;
use web::header::{ALLOW, HeaderValue, LOCATION};
use web::{Answer, Limits, Listener, Method, NotServed, Peer, Request, Stop, signals};

const ADDRESS: &str = "0.0.0.0:8080";
const CONNECTOR: &str = "[\"http-bio-8080\"]";
const SERVER: &str = "Apache Tomcat/7.0.42";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(home) = std::env::var_os("CATALINA_HOME").map(PathBuf::from) else {
        eprintln!("The CATALINA_HOME environment variable is not defined");
        return ExitCode::FAILURE;
    };
    let webapps = home.join("webapps");
    let begun = Instant::now();
    // Bound before anything is deployed, as Tomcat does: a port that is taken should show at once.
    let listener = match Listener::bind(ADDRESS) {
        Ok(listener) => listener,
        Err(e) => {
            let text = format!(
                "Failed to initialize end point of {CONNECTOR}: {}",
                web::error_text(&e)
            );
            log("coyote.AbstractProtocol init", "SEVERE", &text);
            return ExitCode::FAILURE;
        }
    };
    log(
        "coyote.AbstractProtocol init",
        "INFO",
        &format!("Initializing ProtocolHandler {CONNECTOR}"),
    );
    let took = begun.elapsed().as_millis();
    log(
        "catalina.startup.Catalina load",
        "INFO",
        &format!("Initialization processed in {took} ms"),
    );

    let begun = Instant::now();
    log(
        "catalina.core.StandardService startInternal",
        "INFO",
        "Starting service Catalina",
    );
    deploy::all(&webapps);
    log(
        "coyote.AbstractProtocol start",
        "INFO",
        &format!("Starting ProtocolHandler {CONNECTOR}"),
    );
    let took = begun.elapsed().as_millis();
    log(
        "catalina.startup.Catalina start",
        "INFO",
        &format!("Server startup in {took} ms"),
    );

    let handler = async move |request: Request, _: Peer| answer(&webapps, &request);
    let stop = async {
        while signals::next().await != signals::TERM {}
        log(
            "coyote.AbstractProtocol pause",
            "INFO",
            &format!("Pausing ProtocolHandler {CONNECTOR}"),
        );
        log(
            "catalina.core.StandardService stopInternal",
            "INFO",
            "Stopping service Catalina",
        );
        Stop::Gracefully
    };
    web::serve(vec![listener], Limits::default(), handler, stop).await;
    ExitCode::SUCCESS
}

fn answer(webapps: &Path, request: &Request) -> Answer {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut answer = web::page(405, SERVER);
        let allowed = HeaderValue::from_static("GET, HEAD");
        answer.headers_mut().insert(ALLOW, allowed);
        return answer;
    }
    let path = request.uri().path();
    let Some(file) = percent_decode_str(path)
        .decode_utf8()
        .ok()
        .filter(|it| !is_hidden(it))
        .and_then(|it| web::inside(&root(webapps, &it), &it))
    else {
        return web::page(404, SERVER);
    };
    match served(&file, request) {
        Err(NotServed::Folder) if !path.ends_with('/') => {
            // With two slashes in front it would be the name of another server.
            let there = format!("/{}/", path.trim_start_matches('/'));
            let Ok(there) = HeaderValue::try_from(there) else {
                return web::page(400, SERVER);
            };
            let mut answer = web::page(302, SERVER);
            answer.headers_mut().insert(LOCATION, there);
            answer
        }
        Err(NotServed::Folder) => {
            served(&file.join("index.html"), request).unwrap_or_else(|_| web::page(404, SERVER))
        }
        Err(NotServed::Status(status, _)) => web::page(status, SERVER),
        Ok(answer) => answer,
    }
}

/// `/` is the application ROOT, as everywhere in Tomcat.
fn root(webapps: &Path, path: &str) -> PathBuf {
    match path.split('/').find(|it| !it.is_empty()) {
        Some(first) if first != ".." && webapps.join(first).is_dir() => webapps.to_owned(),
        _ => webapps.join("ROOT"),
    }
}

/// No client sees `WEB-INF` or `META-INF`, nor the archives themselves.
fn is_hidden(path: &str) -> bool {
    let path = path.to_ascii_uppercase();
    path.ends_with(".WAR")
        || path
            .split('/')
            .any(|it| matches!(it, "WEB-INF" | "META-INF"))
}

fn served(file: &Path, request: &Request) -> Result<Answer, NotServed> {
    let extension = file.extension().and_then(|it| it.to_str());
    let kind = match extension.unwrap_or_default() {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" => "application/javascript",
        "json" => "application/json",
        "txt" => "text/plain",
        "xml" => "application/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        _ => "application/octet-stream",
    };
    let kind = HeaderValue::from_static(kind);
    web::file(file, &kind, request.method(), request.headers())
}

/// A record of java.util.logging: two lines on stderr.
fn log(source: &str, level: &str, text: &str) {
    eprintln!(
        "{} org.apache.{source}\n{level}: {text}",
        web::stamp("%b %d, %Y %-I:%M:%S %p")
    );
}
