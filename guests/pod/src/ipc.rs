//! What [`mq`](crate::mq), [`sem`](crate::sem) and [`shm`](crate::shm) share.

use std::io::{self, ErrorKind};
use std::time::Duration;

pub(crate) use crate::host::ipc::Creation;
use crate::host::ipc::ErrorCode;

/// 584 years is as long as anybody waits.
pub(crate) fn nanoseconds(limit: Duration) -> u64 {
    u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)
}

/// The host's refusal as the error that std would give on a POSIX system, in the words of `strerror`.
pub(crate) fn error(code: ErrorCode) -> io::Error {
    let (kind, text) = match code {
        ErrorCode::NoEntry => (ErrorKind::NotFound, "No such file or directory"),
        ErrorCode::Exist => (ErrorKind::AlreadyExists, "File exists"),
        ErrorCode::Access => (ErrorKind::PermissionDenied, "Permission denied"),
        ErrorCode::Invalid => (ErrorKind::InvalidInput, "Invalid argument"),
        ErrorCode::NameTooLong => (ErrorKind::InvalidFilename, "File name too long"),
        ErrorCode::MessageSize => (ErrorKind::InvalidInput, "Message too long"),
        ErrorCode::WouldBlock => (ErrorKind::WouldBlock, "Resource temporarily unavailable"),
        ErrorCode::TimedOut => (ErrorKind::TimedOut, "Operation timed out"),
        ErrorCode::BadHandle => (ErrorKind::InvalidInput, "Bad file descriptor"),
        ErrorCode::TooManyHandles => (ErrorKind::QuotaExceeded, "Too many open files"),
        ErrorCode::NoSpace => (ErrorKind::StorageFull, "No space left on device"),
        ErrorCode::NoMemory => (ErrorKind::OutOfMemory, "Cannot allocate memory"),
        ErrorCode::Overflow => (
            ErrorKind::InvalidData,
            "Value too large for defined data type",
        ),
    };
    io::Error::new(kind, text)
}
