//! Which addresses of the pod network are in use.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// Gives out addresses in turn, so that one comes back as late as possible: a client that still talks to a pod that is gone would
/// otherwise reach a stranger.
#[derive(Debug)]
pub(super) struct AddressPool {
    first: u32,
    last: u32,
    next: u32,
    used: BTreeSet<u32>,
}

impl AddressPool {
    /// All of a network but its own address, the node's and broadcast.
    pub(super) fn new(cidr: Ipv4Net) -> Self {
        let first = u32::from(cidr.network()).saturating_add(2);
        let last = u32::from(cidr.broadcast()).saturating_sub(1);
        Self {
            first,
            last,
            next: first,
            used: BTreeSet::new(),
        }
    }

    /// The next free address.
    pub(super) fn take(&mut self) -> Option<Ipv4Addr> {
        let address = self
            .free_between(self.next, self.last)
            .or_else(|| self.free_between(self.first, self.next))?;
        self.used.insert(address);
        self.next = if address >= self.last {
            self.first
        } else {
            address + 1
        };
        Some(Ipv4Addr::from(address))
    }

    /// Gives one back.
    pub(super) fn give_back(&mut self, address: Ipv4Addr) {
        self.used.remove(&u32::from(address));
    }

    fn free_between(&self, from: u32, to: u32) -> Option<u32> {
        if from > to {
            return None;
        }
        let mut candidate = from;
        for used in self.used.range(from..=to) {
            if *used > candidate {
                return Some(candidate);
            }
            candidate = used.saturating_add(1);
        }
        (candidate <= to).then_some(candidate)
    }
}
