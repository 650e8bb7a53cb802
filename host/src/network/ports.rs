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

/// Ports and what holds them.
#[derive(Debug)]
pub(super) struct PortTable<V> {
    entries: BTreeMap<(u16, IpAddr), V>,
    v4: Ephemeral,
    v6: Ephemeral,
    closed: bool,
}

/// Which ephemeral ports of a family are in use, on whatever address: a set of bits, so that a guest that has taken nearly all of them
/// and asks again and again does not hold the table for a walk over 28,000 entries each time.
#[derive(Debug, Default)]
struct Ephemeral {
    /// Empty while none is in use.
    bits: Vec<u64>,
    used: u16,
    /// Where to look first, so that a port comes back as late as possible.
    next: u16,
}

const EPHEMERAL_COUNT: u16 = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1;

impl Ephemeral {
    fn place(port: u16) -> Option<(usize, u64)> {
        let offset = port.checked_sub(EPHEMERAL_FIRST)?;
        (port <= EPHEMERAL_LAST).then(|| (usize::from(offset / 64), 1 << (offset % 64)))
    }

    fn set(&mut self, port: u16) {
        if self.bits.is_empty() {
            self.bits = vec![0; usize::from(EPHEMERAL_COUNT.div_ceil(64))];
        }
        if let Some((word, bit)) = Self::place(port)
            && let Some(word) = self.bits.get_mut(word)
            && *word & bit == 0
        {
            *word |= bit;
            self.used += 1;
        }
    }

    fn clear(&mut self, port: u16) {
        if let Some((word, bit)) = Self::place(port)
            && let Some(word) = self.bits.get_mut(word)
            && *word & bit != 0
        {
            *word &= !bit;
            self.used -= 1;
        }
        if self.used == 0 {
            self.bits = Vec::new();
        }
    }

    /// The next free one.
    fn find(&mut self) -> Option<u16> {
        if self.used >= EPHEMERAL_COUNT {
            return None;
        }
        let offset = self
            .free_between(self.next, EPHEMERAL_COUNT)
            .or_else(|| self.free_between(0, self.next))?;
        self.next = (offset + 1) % EPHEMERAL_COUNT;
        Some(EPHEMERAL_FIRST + offset)
    }

    fn free_between(&self, from: u16, to: u16) -> Option<u16> {
        let mut offset = from;
        while offset < to {
            let word = self.bits.get(usize::from(offset / 64)).copied();
            let free = !word.unwrap_or(0) >> (offset % 64);
            if free != 0 {
                let found = offset + u16::try_from(free.trailing_zeros()).ok()?;
                return (found < to).then_some(found);
            }
            offset = (offset / 64 + 1) * 64;
        }
        None
    }
}

impl<V> PortTable<V> {
    /// A table without entries.
    pub(super) fn new() -> Self {
        Self {
            entries: BTreeMap::new(),
            v4: Ephemeral::default(),
            v6: Ephemeral::default(),
            closed: false,
        }
    }

    /// Takes a port on an address; 0 is the next free ephemeral one.
    pub(super) fn claim(&mut self, address: IpAddr, port: u16, value: V) -> Result<u16, NetError> {
        if self.closed {
            return Err(NetError::Unreachable);
        }
        let port = match port {
            0 => self
                .ephemeral(address)
                .find()
                .ok_or(NetError::AddressInUse)?,
            _ if self.is_taken(address, port) => return Err(NetError::AddressInUse),
            _ => port,
        };
        self.entries.insert((port, address), value);
        if Ephemeral::place(port).is_some() {
            self.ephemeral(address).set(port);
        }
        Ok(port)
    }

    /// Gives a port back. The caller drops what held it after the lock.
    #[must_use]
    pub(super) fn release(&mut self, address: IpAddr, port: u16) -> Option<V> {
        let held = self.entries.remove(&(port, address))?;
        if !self.is_taken(wildcard(address), port) {
            self.ephemeral(address).clear(port);
        }
        Some(held)
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

    fn ephemeral(&mut self, address: IpAddr) -> &mut Ephemeral {
        match address {
            IpAddr::V4(_) => &mut self.v4,
            IpAddr::V6(_) => &mut self.v6,
        }
    }
}
