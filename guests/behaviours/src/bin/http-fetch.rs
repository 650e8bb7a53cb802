//! Fetches each URL it is given and prints status and body, or the error. `--connect-ms`, `--first-byte-ms` and `--between-bytes-ms` set limits.

use std::io::Read as _;
use std::time::Duration;

use behaviours::fetch::{self, Limits};

fn main() {
    let mut limits = Limits::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let limit = match arg.as_str() {
            "--connect-ms" => &mut limits.connect,
            "--first-byte-ms" => &mut limits.first_byte,
            "--between-bytes-ms" => &mut limits.between_bytes,
            url => {
                show(url, limits);
                continue;
            }
        };
        *limit = args
            .next()
            .and_then(|ms| ms.parse().ok())
            .map(Duration::from_millis);
    }
}

fn show(url: &str, limits: Limits) {
    let response = match fetch::get(url, limits) {
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
        Ok(_) => println!(
            "{url}: {status} {}",
            String::from_utf8_lossy(&bytes).trim_end()
        ),
        Err(error) => println!("{url}: {status} then {error}"),
    }
}
