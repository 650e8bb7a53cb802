//! Fetches each URL it is given and prints status and body, or the error. A server that is not there yet is waited for.
//!
//! `--once`: not waited for. `--size`: only the size of the body. `--connect-ms`, `--first-byte-ms`, `--between-bytes-ms`: limits. Each option
//! counts for the URLs after it.

use std::io::Read as _;
use std::time::Duration;

use behaviours::fetch::{self, Limits};
use wasip2::http::types::{ErrorCode, IncomingResponse};

const TRIES: u32 = 200;

#[derive(Default)]
struct How {
    limits: Limits,
    once: bool,
    size: bool,
}

fn main() {
    let mut how = How::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let limit = match arg.as_str() {
            "--once" => {
                how.once = true;
                continue;
            }
            "--size" => {
                how.size = true;
                continue;
            }
            "--connect-ms" => &mut how.limits.connect,
            "--first-byte-ms" => &mut how.limits.first_byte,
            "--between-bytes-ms" => &mut how.limits.between_bytes,
            url => {
                show(url, &how);
                continue;
            }
        };
        let ms = args.next().and_then(|ms| ms.parse().ok());
        *limit = ms.map(Duration::from_millis);
    }
}

fn fetch(url: &str, how: &How) -> Result<IncomingResponse, ErrorCode> {
    let mut tries = if how.once { 1 } else { TRIES };
    loop {
        tries -= 1;
        match fetch::get(url, how.limits) {
            Err(ErrorCode::ConnectionRefused) if tries > 0 => {
                std::thread::sleep(Duration::from_millis(50));
            }
            response => return response,
        }
    }
}

fn show(url: &str, how: &How) {
    let response = match fetch(url, how) {
        Ok(response) => response,
        Err(error) => return println!("{url}: {error:?}"),
    };
    let status = response.status();
    let Ok(body) = response.consume() else {
        return println!("{url}: no body");
    };
    let Ok(mut stream) = body.stream() else {
        return println!("{url}: no stream");
    };
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) if how.size => println!("{url}: {status} {} bytes", bytes.len()),
        Ok(_) => {
            let text = String::from_utf8_lossy(&bytes);
            println!("{url}: {status} {}", text.trim_end().replace('\n', " / "));
        }
        Err(error) => println!("{url}: {status} then {error}"),
    }
}
