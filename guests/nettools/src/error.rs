//! What can go wrong on the network, in the words of `strerror`.

use std::io::{self, ErrorKind};

use wasip2::sockets::network::ErrorCode;

/// A failure of the network.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No address by this name.
    #[error("bad address '{0}'")]
    BadAddress(String),
    /// It took too long.
    #[error("Connection timed out")]
    TimedOut,
    /// The host's refusal.
    #[error("{}", words(*.0))]
    Socket(ErrorCode),
    /// The peer is gone while something was sent or awaited.
    #[error("Connection reset by peer")]
    Reset,
    /// The peer is gone, and something was sent to it.
    #[error("Broken pipe")]
    BrokenPipe,
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        match code {
            ErrorCode::Timeout => Self::TimedOut,
            ErrorCode::ConnectionReset => Self::Reset,
            code => Self::Socket(code),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::TimedOut => ErrorKind::TimedOut,
            Error::Reset => ErrorKind::ConnectionReset,
            Error::BrokenPipe => ErrorKind::BrokenPipe,
            Error::Socket(ErrorCode::ConnectionRefused) => ErrorKind::ConnectionRefused,
            Error::BadAddress(_) | Error::Socket(_) => ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

fn words(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::AccessDenied => "Permission denied",
        ErrorCode::NotSupported => "Operation not supported",
        ErrorCode::InvalidArgument => "Invalid argument",
        ErrorCode::OutOfMemory => "Out of memory",
        ErrorCode::Timeout => "Connection timed out",
        ErrorCode::NewSocketLimit => "Too many open files",
        ErrorCode::AddressNotBindable => "Cannot assign requested address",
        ErrorCode::AddressInUse => "Address already in use",
        ErrorCode::RemoteUnreachable => "Host is unreachable",
        ErrorCode::ConnectionRefused => "Connection refused",
        ErrorCode::ConnectionReset => "Connection reset by peer",
        ErrorCode::ConnectionAborted => "Software caused connection abort",
        ErrorCode::DatagramTooLarge => "Message too long",
        ErrorCode::NameUnresolvable => "Name does not resolve",
        ErrorCode::TemporaryResolverFailure => "Temporary failure in name resolution",
        ErrorCode::PermanentResolverFailure => "Non-recoverable failure in name resolution",
        ErrorCode::WouldBlock => "Resource temporarily unavailable",
        ErrorCode::ConcurrencyConflict
        | ErrorCode::NotInProgress
        | ErrorCode::InvalidState
        | ErrorCode::Unknown => "Input/output error",
    }
}
