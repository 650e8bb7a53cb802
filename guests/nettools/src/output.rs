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

/// The status that a failed write comes to.
pub(crate) fn failed(name: &str, e: &io::Error) -> i32 {
    if e.kind() == ErrorKind::BrokenPipe {
        return BROKEN_PIPE;
    }
    complain(name, format_args!("write error: {e}"));
    1
}
