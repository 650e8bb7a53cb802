//! Answers from a folder of files.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::{Request, stamp};

/// What a request is answered with.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// `Content-Type`.
    pub kind: &'static str,
    /// `Location`, of a redirection.
    pub location: Option<String>,
    /// The body, also for HEAD, which is told its length.
    pub body: Vec<u8>,
}

impl Answer {
    /// A short page that says what went wrong.
    pub fn error(status: u16) -> Answer {
        let title = format!("{status} {}", reason(status));
        let body = format!(
            "<html>\n<head><title>{title}</title></head>\n<body>\n<center><h1>{title}</h1></center>\n</body>\n</html>\n"
        );
        Answer {
            status,
            kind: "text/html",
            location: None,
            body: body.into_bytes(),
        }
    }

    /// The bytes on the wire. The connection closes after each answer: with no threads a kept one would only hold a place.
    pub(crate) fn into_bytes(self, with_body: bool) -> Vec<u8> {
        let mut head = format!(
            "HTTP/1.1 {} {}\r\nServer: peapod\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n",
            self.status,
            reason(self.status),
            stamp("%a, %d %b %Y %H:%M:%S GMT"),
            self.kind,
            self.body.len()
        );
        if let Some(location) = &self.location {
            head.push_str(&format!("Location: {location}\r\n"));
        }
        if self.status == 405 {
            head.push_str("Allow: GET, HEAD\r\n");
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        if with_body {
            bytes.extend(self.body);
        }
        bytes
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        301 => "Moved Permanently",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Not Allowed",
        431 => "Request Header Fields Too Large",
        _ => "Internal Server Error",
    }
}

/// Answers GET and HEAD with the files below `root`; a folder answers with its `index.html`.
pub fn answer_from(root: &Path, request: &Request) -> Answer {
    if request.method != "GET" && request.method != "HEAD" {
        return Answer::error(405);
    }
    let path = request.target.split(['?', '#']).next().unwrap_or("/");
    let Some(file) = below(root, path) else {
        return Answer::error(400);
    };
    if file.is_dir() {
        if !path.ends_with('/') {
            return Answer {
                location: Some(format!("{path}/")),
                ..Answer::error(301)
            };
        }
        return match fs::read(file.join("index.html")) {
            Ok(body) => Answer {
                status: 200,
                kind: "text/html",
                location: None,
                body,
            },
            // As nginx does where listing is off.
            Err(e) if e.kind() == ErrorKind::NotFound => Answer::error(403),
            Err(e) => Answer::error(status_of(&e)),
        };
    }
    match fs::read(&file) {
        Ok(body) => Answer {
            status: 200,
            kind: kind_of(&file),
            location: None,
            body,
        },
        Err(e) => Answer::error(status_of(&e)),
    }
}

/// The file a path names. Nothing for a path that leaves the root, whether it says `..` plainly or by percent signs.
fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let plain = percent_encoding::percent_decode_str(path)
        .decode_utf8()
        .ok()?;
    let mut file = root.to_owned();
    for part in plain.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            _ if part.contains('\0') => return None,
            _ => file.push(part),
        }
    }
    Some(file)
}

fn status_of(e: &std::io::Error) -> u16 {
    match e.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => 404,
        ErrorKind::PermissionDenied => 403,
        _ => 500,
    }
}

fn kind_of(file: &Path) -> &'static str {
    match file
        .extension()
        .and_then(|it| it.to_str())
        .unwrap_or_default()
    {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "application/javascript",
        "json" => "application/json",
        "txt" => "text/plain",
        "xml" => "text/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
