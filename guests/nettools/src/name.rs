//! Names and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};

use crate::error::Error;
use crate::poll::{Deadline, wait};

/// No name has more addresses than are tried.
const MAX_ADDRESSES: usize = 64;

/// Which addresses are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Family {
    #[default]
    Any,
    V4,
    V6,
}

impl Family {
    fn has(self, address: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        }
    }

    /// The address that stands for all of this host's.
    pub(crate) fn unspecified(self) -> IpAddr {
        match self {
            Self::Any | Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// The address that stands for all of this host's, of the family of a peer's.
pub(crate) fn unspecified_for(peer: IpAddr) -> IpAddr {
    match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// The addresses of a name, at least one; an address, in brackets or not, is its own.
pub(crate) fn resolve(
    name: &str,
    family: Family,
    deadline: Deadline,
) -> Result<Vec<IpAddr>, Error> {
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let bad = || Error::BadAddress(name.to_owned());
    if let Ok(address) = bare.parse::<IpAddr>() {
        return if family.has(address) {
            Ok(vec![address])
        } else {
            Err(bad())
        };
    }
    let network = instance_network();
    let found = resolve_addresses(&network, name).map_err(|_| bad())?;
    let ready = found.subscribe();
    let mut addresses = Vec::new();
    while addresses.len() < MAX_ADDRESSES {
        match found.resolve_next_address() {
            Ok(Some(address)) => addresses.push(own(address)),
            Ok(None) => break,
            Err(ErrorCode::WouldBlock) => {
                if !wait(&[&ready], deadline) {
                    return Err(Error::TimedOut);
                }
            }
            Err(_) => return Err(bad()),
        }
    }
    addresses.retain(|address| family.has(*address));
    if addresses.is_empty() {
        return Err(bad());
    }
    Ok(addresses)
}

fn own(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => Ipv6Addr::new(a, b, c, d, e, f, g, h).into(),
    }
}

/// An address as std has it.
pub(crate) fn from_wasi(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(it) => (own(IpAddress::Ipv4(it.address)), it.port).into(),
        IpSocketAddress::Ipv6(it) => (own(IpAddress::Ipv6(it.address)), it.port).into(),
    }
}

/// An address as WASI has it.
pub(crate) fn to_wasi(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(it) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port: it.port(),
            address: it.ip().octets().into(),
        }),
        SocketAddr::V6(it) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: it.port(),
            flow_info: it.flowinfo(),
            address: it.ip().segments().into(),
            scope_id: it.scope_id(),
        }),
    }
}

/// The family of an address.
pub(crate) fn family(address: IpAddr) -> IpAddressFamily {
    match address {
        IpAddr::V4(_) => IpAddressFamily::Ipv4,
        IpAddr::V6(_) => IpAddressFamily::Ipv6,
    }
}
