//! The sample image `luksa/kubia:1.0`: a web server on port 8080 that says which host it runs on and who asks.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use web::{Limits, Listener, Peer, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let hostname = hostname();
    println!("Kubia server starting...");
    println!("Local hostname is {hostname}");
    let listener = match Listener::bind("0.0.0.0:8080") {
        Ok(listener) => listener,
        Err(e) => {
            eprintln!("Error: listen on 0.0.0.0:8080: {}", web::error_text(&e));
            return ExitCode::FAILURE;
        }
    };
    println!("Listening on port 8080");
    let greet = async move |request: Request, peer: Peer| {
        let client = mapped(peer.remote);
        println!("Received request for {} from {client}", request.uri());
        web::text(
            200,
            format!("Hey there, this is {hostname}. Your IP is {client}.\n"),
        )
    };
    // It takes no signals: TERM ends it at once.
    web::serve(
        vec![listener],
        Limits::default(),
        greet,
        std::future::pending(),
    )
    .await;
    ExitCode::SUCCESS
}

/// The pod's name: every container of a pod has the same.
fn hostname() -> String {
    std::env::var("HOSTNAME")
        .ok()
        .or_else(|| std::fs::read_to_string("/etc/hostname").ok())
        .map(|it| it.trim().to_owned())
        .filter(|it| !it.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// The client's address as a socket for both families shows it: IPv4 within IPv6.
fn mapped(client: SocketAddr) -> String {
    match client.ip() {
        IpAddr::V4(ip) => format!("::ffff:{ip}"),
        IpAddr::V6(ip) => ip.to_string(),
    }
}
