//! Standard output.

use std::io::{self, ErrorKind, Write as _};

use crate::complain;

/// The status of a process that SIGPIPE ends.
pub(crate) const BROKEN_PIPE: i32 = 128 + 13;

/// Writes to standard output at once: whoever reads it may be waiting to answer.
pub(crate) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// An error's reason in words, without its number: that one is WASI's, and means something else to whoever reads it.
pub(crate) fn reason(e: &io::Error) -> String {
    match e.kind() {
        ErrorKind::NotFound => "No such file or directory".to_owned(),
        ErrorKind::AlreadyExists => "File exists".to_owned(),
        _ => {
            let text = e.to_string();
            text.split_once(" (os error")
                .map_or_else(|| text.clone(), |(words, _)| words.to_owned())
        }
    }
}

/// The status that a failed write comes to.
pub(crate) fn failed(name: &str, e: &io::Error) -> i32 {
    if e.kind() == ErrorKind::BrokenPipe {
        return BROKEN_PIPE;
    }
    complain(name, format_args!("write error: {}", reason(e)));
    1
}
