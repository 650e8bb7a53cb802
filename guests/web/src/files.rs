//! Answers from files: whole or in part, with the conditions of RFC 9110, streamed.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use crate::answer::{Answer, Body, empty};

/// A file is read in pieces of this size: memory does not grow with it.
const PIECE: u64 = 64 << 10;

/// Why a file is not the answer.
#[derive(Debug)]
pub enum NotServed {
    /// It is a folder.
    Folder,
    /// It cannot be opened: 404, 403 or 500.
    Status(u16, io::Error),
}

impl NotServed {
    fn opening(e: io::Error) -> NotServed {
        let status = match e.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => 404,
            ErrorKind::PermissionDenied => 403,
            _ => 500,
        };
        NotServed::Status(status, e)
    }
}

/// The file below `root` that a decoded path names; nothing for a path that leaves the root or could not be a file's.
#[must_use]
pub fn inside(root: &Path, path: &str) -> Option<PathBuf> {
    let mut file = root.to_owned();
    for part in path.strip_prefix('/')?.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            _ if part.contains(['\0', '\\']) => return None,
            _ => file.push(part),
        }
    }
    Some(file)
}

/// Answers GET and HEAD with a file, of media type `kind`.
pub fn file(
    path: &Path,
    kind: &HeaderValue,
    method: &Method,
    asked: &HeaderMap,
) -> Result<Answer, NotServed> {
    let file = File::open(path).map_err(NotServed::opening)?;
    let about = file.metadata().map_err(NotServed::opening)?;
    if about.is_dir() {
        return Err(NotServed::Folder);
    }
    let version = Version::of(&about);
    let status = version.conditions(asked);
    let mut answer = Response::new(empty());
    *answer.status_mut() = status;
    set(&mut answer, header::LAST_MODIFIED, &version.modified());
    set(&mut answer, header::ETAG, &version.tag);
    if status != StatusCode::OK {
        return Ok(answer);
    }
    answer
        .headers_mut()
        .insert(header::CONTENT_TYPE, kind.clone());
    set(&mut answer, header::ACCEPT_RANGES, "bytes");
    let mut part = 0..about.len();
    match version.range(asked, about.len()) {
        Wanted::Whole => {}
        Wanted::Part(range) => {
            *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
            let value = format!("bytes {}-{}/{}", range.start, range.end - 1, about.len());
            set(&mut answer, header::CONTENT_RANGE, &value);
            part = range;
        }
        Wanted::Impossible => {
            *answer.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            let value = format!("bytes */{}", about.len());
            set(&mut answer, header::CONTENT_RANGE, &value);
            return Ok(answer);
        }
    }
    set(
        &mut answer,
        header::CONTENT_LENGTH,
        &(part.end - part.start).to_string(),
    );
    if method != Method::HEAD {
        *answer.body_mut() = Pieces::of(file, part).map_err(|e| NotServed::Status(500, e))?;
    }
    Ok(answer)
}

fn set(answer: &mut Answer, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

/// What tells one state of a file from another.
struct Version {
    seconds: SystemTime,
    tag: String,
}

enum Wanted {
    Whole,
    Part(Range<u64>),
    Impossible,
}

impl Version {
    fn of(about: &Metadata) -> Version {
        let seconds = about
            .modified()
            .ok()
            .and_then(|it| it.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |it| it.as_secs());
        Version {
            seconds: UNIX_EPOCH + Duration::from_secs(seconds),
            tag: format!("\"{seconds:x}-{:x}\"", about.len()),
        }
    }

    fn modified(&self) -> String {
        httpdate::fmt_http_date(self.seconds)
    }

    /// 200, 304 or 412, in the order of RFC 9110 §13.2.2.
    fn conditions(&self, asked: &HeaderMap) -> StatusCode {
        let is_match = |list: &str| {
            list.split(',')
                .map(|it| it.trim().trim_start_matches("W/"))
                .any(|it| it == "*" || it == self.tag)
        };
        let date = |name| text(asked, name).and_then(|it| httpdate::parse_http_date(it).ok());
        if let Some(list) = text(asked, header::IF_MATCH) {
            if !is_match(list) {
                return StatusCode::PRECONDITION_FAILED;
            }
        } else if date(header::IF_UNMODIFIED_SINCE).is_some_and(|it| self.seconds > it) {
            return StatusCode::PRECONDITION_FAILED;
        }
        let unchanged = match text(asked, header::IF_NONE_MATCH) {
            Some(list) => is_match(list),
            // Exactly this date, as nginx has it: a file that was put back to an older state has changed, too.
            None => date(header::IF_MODIFIED_SINCE).is_some_and(|it| self.seconds == it),
        };
        if unchanged {
            StatusCode::NOT_MODIFIED
        } else {
            StatusCode::OK
        }
    }

    /// One range is served; several at once, and what is no range, are answered with the whole (RFC 9110 §14.2 leaves that to the server).
    fn range(&self, asked: &HeaderMap, len: u64) -> Wanted {
        let same =
            text(asked, header::IF_RANGE).is_none_or(|it| it == self.tag || it == self.modified());
        let spec = text(asked, header::RANGE).and_then(|it| it.strip_prefix("bytes="));
        let Some((first, last)) = spec
            .filter(|_| same)
            .and_then(|it| it.trim().split_once('-'))
        else {
            return Wanted::Whole;
        };
        let range = match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(len),
            (Ok(first), Err(_)) if last.is_empty() => first..len,
            (Err(_), Ok(suffix)) if first.is_empty() => len.saturating_sub(suffix)..len,
            _ => return Wanted::Whole,
        };
        if range.is_empty() {
            Wanted::Impossible
        } else {
            Wanted::Part(range)
        }
    }
}

fn text(asked: &HeaderMap, name: HeaderName) -> Option<&str> {
    asked.get(name)?.to_str().ok()
}

/// A part of a file, read as the client takes it. Reading blocks: WASI's files know nothing else, and are this machine's.
struct Pieces {
    file: File,
    left: u64,
}

impl Pieces {
    fn of(mut file: File, part: Range<u64>) -> io::Result<Body> {
        if part.start > 0 {
            file.seek(SeekFrom::Start(part.start))?;
        }
        let left = part.end - part.start;
        Ok(Box::pin(Pieces { file, left }))
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let mut piece = Vec::with_capacity(this.left.min(PIECE) as usize);
        let read = (&mut this.file)
            .take(this.left.min(PIECE))
            .read_to_end(&mut piece);
        Poll::Ready(Some(match read {
            // It was made shorter since: the promised length cannot be kept, so the connection must break.
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                this.left -= n as u64;
                Ok(Frame::data(piece.into()))
            }
            Err(e) => Err(e),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
