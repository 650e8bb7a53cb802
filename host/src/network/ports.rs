//! Who has which port of a pod; one table for TCP, one for UDP.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::NetError;

/// Linux' `ip_local_port_range`.
pub(super) const EPHEMERAL_FIRST: u16 = 32_768;
/// Linux' `ip_local_port_range`.
pub(super) const EPHEMERAL_LAST: u16 = 60_999;

const V4_LAST: IpAddr = IpAddr::V4(Ipv4Addr::BROADCAST);
const V6_LAST: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));

/// The address that stands for all of a family.
fn wildcard(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

/// Whether two sockets on the same port get in each other's way.
fn conflict(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
        && (one == other || one.is_unspecified() || other.is_unspecified())
}

/// Ports and what holds them.
#[derive(Debug)]
pub(super) struct PortTable<V> {
    entries: BTreeMap<(u16, IpAddr), V>,
    next: u16,
    closed: bool,
}

impl<V> PortTable<V> {
    /// A table without entries.
    pub(super) fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            next: EPHEMERAL_FIRST,
            closed: false,
        }
    }

    /// Takes a port on an address; 0 is the next free ephemeral one.
    pub(super) fn claim(&mut self, address: IpAddr, port: u16, value: V) -> Result<u16, NetError> {
        if self.closed {
            return Err(NetError::Unreachable);
        }
        let port = match port {
            0 => self.ephemeral(address)?,
            _ if self.is_taken(address, port) => return Err(NetError::AddressInUse),
            _ => port,
        };
        self.entries.insert((port, address), value);
        Ok(port)
    }

    /// Gives a port back. The caller drops what held it after the lock.
    #[must_use]
    pub(super) fn release(&mut self, address: IpAddr, port: u16) -> Option<V> {
        self.entries.remove(&(port, address))
    }

    /// What answers on an address: what is bound to it, or to all.
    pub(super) fn find(&self, address: IpAddr, port: u16) -> Option<&V> {
        self.entries
            .get(&(port, address))
            .or_else(|| self.entries.get(&(port, wildcard(address))))
    }

    /// What is bound to exactly this.
    pub(super) fn get_mut(&mut self, address: IpAddr, port: u16) -> Option<&mut V> {
        self.entries.get_mut(&(port, address))
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Everything that holds a port.
    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values()
    }

    /// Takes no more entries: the pod is gone.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    fn is_taken(&self, address: IpAddr, port: u16) -> bool {
        if !address.is_unspecified() {
            return self.find(address, port).is_some();
        }
        let last = if address.is_ipv4() { V4_LAST } else { V6_LAST };
        let same_port = self.entries.range((port, address)..=(port, last));
        same_port.take(1).count() > 0
    }

    fn ephemeral(&mut self, address: IpAddr) -> Result<u16, NetError> {
        let port = self
            .free_between(address, self.next, EPHEMERAL_LAST)
            .or_else(|| self.free_between(address, EPHEMERAL_FIRST, self.next))
            .ok_or(NetError::AddressInUse)?;
        self.next = if port >= EPHEMERAL_LAST {
            EPHEMERAL_FIRST
        } else {
            port + 1
        };
        Ok(port)
    }

    /// Walks the entries, not the ports: a guest that has taken them all and asks again costs one walk, not 28,000 look-ups.
    fn free_between(&self, address: IpAddr, from: u16, to: u16) -> Option<u16> {
        let mut candidate = from;
        let first = (from, Ipv4Addr::UNSPECIFIED.into());
        for (port, other) in self
            .entries
            .range(first..=(to, V6_LAST))
            .map(|(key, _)| *key)
        {
            if port > candidate {
                break;
            }
            if port == candidate && conflict(address, other) {
                candidate = candidate.checked_add(1)?;
            }
        }
        (candidate <= to).then_some(candidate)
    }
}
