//! Words for logs.

use std::io::{self, ErrorKind};

/// The time of now in UTC, by a strftime format.
#[must_use]
pub fn stamp(format: &str) -> String {
    jiff::Timestamp::now().strftime(format).to_string()
}

/// An error as servers log it, `98: Address already in use`. The number is Linux's: WASI's own means something else to whoever reads it.
#[must_use]
pub fn error_text(e: &io::Error) -> String {
    let (number, words) = match e.kind() {
        ErrorKind::NotFound => (2, "No such file or directory"),
        ErrorKind::PermissionDenied => (13, "Permission denied"),
        ErrorKind::NotADirectory => (20, "Not a directory"),
        ErrorKind::IsADirectory => (21, "Is a directory"),
        ErrorKind::BrokenPipe => (32, "Broken pipe"),
        ErrorKind::Unsupported => (95, "Operation not supported"),
        ErrorKind::AddrInUse => (98, "Address already in use"),
        ErrorKind::AddrNotAvailable => (99, "Cannot assign requested address"),
        ErrorKind::ConnectionReset => (104, "Connection reset by peer"),
        ErrorKind::TimedOut => (110, "Operation timed out"),
        ErrorKind::ConnectionRefused => (111, "Connection refused"),
        ErrorKind::HostUnreachable => (113, "No route to host"),
        _ => {
            let text = e.to_string();
            return text
                .split_once(" (os error")
                .map_or(text.clone(), |(words, _)| words.to_owned());
        }
    };
    format!("{number}: {words}")
}
