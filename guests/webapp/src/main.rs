//! The sample image `training/webapp`: `Hello world!` on port 5000; `$PROVIDER` takes the world's place.
//!
//! It listens on 127.0.0.1, where the other containers of its pod reach it and nobody else does; `$WEBAPP_BIND` names another address.

use std::process::ExitCode;

use web::{Limits, Listener, Peer, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let bind = std::env::var("WEBAPP_BIND").unwrap_or_else(|_| "127.0.0.1:5000".to_owned());
    let provider = std::env::var("PROVIDER").unwrap_or_else(|_| "world".to_owned());
    let listener = match Listener::bind(&bind) {
        Ok(listener) => listener,
        Err(e) => {
            eprintln!("webapp: {bind}: {}", web::error_text(&e));
            return ExitCode::FAILURE;
        }
    };
    println!(" * Running on http://{}/", listener.address());
    let hello = async move |request: Request, peer: Peer| {
        let answer = match request.uri().path() {
            "/" => web::text(200, format!("Hello {provider}!\n")),
            _ => web::page(404, "webapp"),
        };
        println!(
            "{} - - [{}] \"{} {} {:?}\" {} -",
            peer.remote.ip(),
            web::stamp("%d/%b/%Y %H:%M:%S"),
            request.method(),
            request.uri(),
            request.version(),
            answer.status().as_u16()
        );
        answer
    };
    web::serve(
        vec![listener],
        Limits::default(),
        hello,
        std::future::pending(),
    )
    .await;
    ExitCode::SUCCESS
}
