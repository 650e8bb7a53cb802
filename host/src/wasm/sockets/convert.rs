//! Between the network's words and WASI's.

use std::time::Duration;

use wasmtime_wasi::p2::SocketError;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};

use wasmtime_wasi::p3::bindings::sockets::types;

use crate::network::{Family, NetError};

pub(super) fn p2(error: NetError) -> SocketError {
    p2_code(error).into()
}

pub(super) fn p2_code(error: NetError) -> ErrorCode {
    match error {
        NetError::InvalidArgument => ErrorCode::InvalidArgument,
        NetError::InvalidState => ErrorCode::InvalidState,
        NetError::AddressInUse => ErrorCode::AddressInUse,
        NetError::AddressNotBindable => ErrorCode::AddressNotBindable,
        NetError::ConnectionRefused => ErrorCode::ConnectionRefused,
        // WASI 0.2 has no EPIPE.
        NetError::ConnectionReset | NetError::BrokenPipe => ErrorCode::ConnectionReset,
        NetError::ConnectionAborted => ErrorCode::ConnectionAborted,
        NetError::TimedOut => ErrorCode::Timeout,
        NetError::Unreachable => ErrorCode::RemoteUnreachable,
        NetError::AccessDenied => ErrorCode::AccessDenied,
        NetError::TooManySockets => ErrorCode::NewSocketLimit,
        NetError::DatagramTooLarge => ErrorCode::DatagramTooLarge,
        NetError::NameUnresolvable => ErrorCode::NameUnresolvable,
        NetError::NameServerFailed => ErrorCode::TemporaryResolverFailure,
        NetError::Other => ErrorCode::Unknown,
    }
}

pub(super) const fn family(family: IpAddressFamily) -> Family {
    match family {
        IpAddressFamily::Ipv4 => Family::V4,
        IpAddressFamily::Ipv6 => Family::V6,
    }
}

pub(super) fn p3(error: NetError) -> wasmtime_wasi::p3::sockets::SocketError {
    p3_code(error).into()
}

pub(super) fn p3_code(error: NetError) -> types::ErrorCode {
    match error {
        NetError::InvalidArgument => types::ErrorCode::InvalidArgument,
        NetError::InvalidState => types::ErrorCode::InvalidState,
        NetError::AddressInUse => types::ErrorCode::AddressInUse,
        NetError::AddressNotBindable => types::ErrorCode::AddressNotBindable,
        NetError::ConnectionRefused => types::ErrorCode::ConnectionRefused,
        NetError::ConnectionReset => types::ErrorCode::ConnectionReset,
        NetError::BrokenPipe => types::ErrorCode::ConnectionBroken,
        NetError::ConnectionAborted => types::ErrorCode::ConnectionAborted,
        NetError::TimedOut => types::ErrorCode::Timeout,
        NetError::Unreachable => types::ErrorCode::RemoteUnreachable,
        NetError::AccessDenied => types::ErrorCode::AccessDenied,
        NetError::TooManySockets => types::ErrorCode::OutOfMemory,
        NetError::DatagramTooLarge => types::ErrorCode::DatagramTooLarge,
        NetError::NameUnresolvable | NetError::NameServerFailed | NetError::Other => {
            types::ErrorCode::Other(Some(error.to_string()))
        }
    }
}

pub(super) const fn p3_family(family: types::IpAddressFamily) -> Family {
    match family {
        types::IpAddressFamily::Ipv4 => Family::V4,
        types::IpAddressFamily::Ipv6 => Family::V6,
    }
}

pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
