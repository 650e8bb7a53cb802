//! Handles HTTP requests by `wasi:http/incoming-handler`: the path says what is to happen.

use std::io::Write;
use std::time::Duration;

use behaviours::fetch::{self, Limits};
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse,
    ResponseOutparam,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

struct Hello;

wasip2::http::proxy::export!(Hello);

impl wasip2::exports::http::incoming_handler::Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let target = request.path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/" => text(out, 200, "hello\n"),
            "/headers" => text(out, 200, &headers(&request)),
            "/env" => text(out, 200, &environment()),
            "/file" => match std::fs::read(query) {
                Ok(bytes) => with(respond(out, 200), |to| to.write_all(&bytes)),
                Err(error) => text(out, 404, &format!("{error}\n")),
            },
            "/print" => {
                println!("out {query}");
                eprintln!("err {query}");
                text(out, 200, "printed\n");
            }
            "/echo" => echo(request, out),
            "/proxy" => proxy(query.strip_prefix("url=").unwrap_or(query), out),
            "/count" => count(query.parse().unwrap_or(1), out),
            "/zeros" => zeros(query.parse().unwrap_or(1), out),
            "/sleep" => {
                std::thread::sleep(Duration::from_millis(query.parse().unwrap_or(0)));
                text(out, 200, "slept\n");
            }
            "/after" => {
                text(out, 200, "before\n");
                std::thread::sleep(Duration::from_millis(query.parse().unwrap_or(0)));
                println!("after {query}");
            }
            "/memory" => {
                let mebibytes: usize = query.parse().unwrap_or(1);
                let block = vec![1u8; mebibytes << 20];
                text(out, 200, &format!("{}\n", block.len()));
            }
            "/none" => drop(out),
            "/silent" => std::mem::forget(out),
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::LoopDetected)),
            "/exit" => {
                drop(out);
                std::process::exit(query.parse().unwrap_or(0));
            }
            "/trap" => {
                std::mem::forget(out);
                core::arch::wasm32::unreachable();
            }
            "/late-trap" => {
                let body = respond(out, 200);
                let Ok(mut to) = body.write() else { return };
                let _ = to.write_all(b"half of it\n");
                std::thread::sleep(Duration::from_millis(50));
                core::arch::wasm32::unreachable();
            }
            "/spin" => loop {
                core::hint::spin_loop();
            },
            _ => text(out, 404, "no such thing\n"),
        }
    }
}

fn respond(out: ResponseOutparam, status: u16) -> OutgoingBody {
    let response = OutgoingResponse::new(Fields::new());
    let _ = response.set_status_code(status);
    let body = response.body();
    ResponseOutparam::set(out, Ok(response));
    body.unwrap_or_else(|()| core::arch::wasm32::unreachable())
}

fn with(body: OutgoingBody, write: impl FnOnce(&mut OutputStream) -> std::io::Result<()>) {
    let Ok(mut to) = body.write() else { return };
    let written = write(&mut to);
    drop(to);
    // A client that went away is nothing to die of.
    if written.is_ok() {
        let _ = OutgoingBody::finish(body, None);
    }
}

fn text(out: ResponseOutparam, status: u16, text: &str) {
    with(respond(out, status), |to| to.write_all(text.as_bytes()));
}

fn headers(request: &IncomingRequest) -> String {
    let mut text = format!(
        "{:?} {:?} {:?} {:?}\n",
        request.method(),
        request.scheme(),
        request.authority(),
        request.path_with_query()
    );
    for (name, value) in request.headers().entries() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(&value)));
    }
    text
}

fn environment() -> String {
    let mut text = String::new();
    for arg in std::env::args() {
        text.push_str(&format!("arg {arg}\n"));
    }
    for (name, value) in std::env::vars() {
        text.push_str(&format!("{name}={value}\n"));
    }
    text
}

fn echo(request: IncomingRequest, out: ResponseOutparam) {
    let Ok(from) = request.consume() else { return };
    pass(from, respond(out, 200));
}

fn proxy(url: &str, out: ResponseOutparam) {
    match fetch::get(url, Limits::default()) {
        Ok(response) => {
            let status = response.status();
            let Ok(from) = response.consume() else { return };
            pass(from, respond(out, status));
        }
        Err(error) => text(out, 502, &format!("{error:?}\n")),
    }
}

/// Passes a body on, part by part.
fn pass(from: IncomingBody, body: OutgoingBody) {
    let Ok(stream) = from.stream() else { return };
    with(body, |to| copy(&stream, to));
}

fn copy(from: &InputStream, to: &mut OutputStream) -> std::io::Result<()> {
    loop {
        match from.blocking_read(64 * 1024) {
            Ok(bytes) => to.write_all(&bytes)?,
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(std::io::Error::other(error.to_debug_string()));
            }
        }
    }
}

/// So many lines, a tenth of a second apart.
fn count(lines: u32, out: ResponseOutparam) {
    with(respond(out, 200), |to| {
        for line in 0..lines {
            if line > 0 {
                std::thread::sleep(Duration::from_millis(100));
            }
            writeln!(to, "{line}")?;
        }
        Ok(())
    });
}

/// So many mebibytes.
fn zeros(mebibytes: u32, out: ResponseOutparam) {
    let block = vec![0; 64 * 1024];
    with(respond(out, 200), |to| {
        for _ in 0..mebibytes * 16 {
            to.write_all(&block)?;
        }
        Ok(())
    });
}
