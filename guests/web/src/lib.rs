//! What the server images share: a listener that tokio can use on WASI, HTTP/1.1 by hyper with limits on what a client can hold,
//! answers from files, signals, and lines for logs.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use web::{Listener, Peer, Request, Stop};
//! let listener = Listener::bind("0.0.0.0:8080")?;
//! let hello = async |_: Request, peer: Peer| web::text(200, format!("Hello {}\n", peer.remote.ip()));
//! web::serve(vec![listener], web::Limits::default(), hello, std::future::pending()).await;
//! # Ok(())
//! # }
//! ```

mod answer;
mod files;
mod linger;
mod listener;
mod log;
mod serve;
pub mod signals;

pub use answer::{Answer, Body, empty, html, page, reason, text};
pub use files::{NotServed, file, inside};
pub use hyper::{Method, StatusCode, header, http::request::Parts};
pub use listener::Listener;
pub use log::{error_text, stamp};
pub use serve::{Limits, Peer, Request, Stop, serve};
