//! What goes wrong on a socket, by its POSIX meaning.

/// An error of a socket operation. The bindings turn it into WASI's error codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NetError {
    /// EINVAL
    #[error("invalid argument")]
    InvalidArgument,
    /// EINVAL, EISCONN, ENOTCONN: not in this state of the socket.
    #[error("not in this state of the socket")]
    InvalidState,
    /// EADDRINUSE
    #[error("address in use")]
    AddressInUse,
    /// EADDRNOTAVAIL
    #[error("not an address of this pod")]
    AddressNotBindable,
    /// ECONNREFUSED
    #[error("connection refused")]
    ConnectionRefused,
    /// ECONNRESET
    #[error("connection reset by peer")]
    ConnectionReset,
    /// ECONNABORTED
    #[error("connection aborted")]
    ConnectionAborted,
    /// EPIPE: this side said that it writes no more.
    #[error("broken pipe")]
    BrokenPipe,
    /// ETIMEDOUT
    #[error("timed out")]
    TimedOut,
    /// EHOSTUNREACH, ENETUNREACH
    #[error("no route to host")]
    Unreachable,
    /// EACCES: the pod's egress rules do not allow it.
    #[error("denied by the pod's egress rules")]
    AccessDenied,
    /// EMFILE: the pod has as many sockets as it may have.
    #[error("too many sockets in this pod")]
    TooManySockets,
    /// EMSGSIZE
    #[error("datagram too large")]
    DatagramTooLarge,
    /// EAI_NONAME
    #[error("name does not resolve")]
    NameUnresolvable,
    /// EAI_AGAIN
    #[error("name server failed for now")]
    NameServerFailed,
    /// Anything else the machine's network answered.
    #[error("network failure")]
    Other,
}
