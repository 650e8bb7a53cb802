//! What every command needs: printing, complaining, opening.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};

pub(super) use command::complain;

/// The status of a process that SIGPIPE ends.
const BROKEN_PIPE: i32 = 128 + 13;

/// Writes to standard output: status 0, or 1 with a message. A reader that has gone ends the command at once, as SIGPIPE would.
pub(super) fn print(bytes: &[u8]) -> i32 {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(e) => write_failed(&e),
    }
}

/// What a failed write to standard output comes to.
pub(super) fn write_failed(e: &io::Error) -> i32 {
    if e.kind() == ErrorKind::BrokenPipe {
        crate::wasi::exit(BROKEN_PIPE);
    }
    complain("write error", reason(e));
    1
}

/// An error's reason without std's `(os error 2)`.
pub(super) fn reason(e: &io::Error) -> String {
    crate::sh::reason(e)
}

/// Opens an operand: `-` is standard input.
pub(super) fn open(path: &str) -> io::Result<Box<dyn Read>> {
    if path == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(ErrorKind::IsADirectory, "Is a directory"));
    }
    Ok(Box::new(file))
}

/// The working directory.
pub(super) fn cwd() -> String {
    std::env::current_dir()
        .map_or_else(|_| "/".to_owned(), |cwd| cwd.to_string_lossy().into_owned())
}
