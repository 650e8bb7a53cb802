//! A connection: two directions, and what each of its sides holds.

use std::sync::{Arc, Weak};

use super::pipe::Pipe;
use crate::network::PodNetwork;
use crate::network::meter::Ticket;
use crate::network::shape::Lane;

/// Which end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::network) enum Side {
    /// The one that connected.
    Client,
    /// The one that accepted.
    Server,
}

/// What both sides share.
pub(in crate::network) struct Connection {
    to_server: Pipe,
    to_client: Pipe,
    /// What each side's writes have to pass, where a pod with limited bandwidth is crossed.
    lanes: Option<Box<Lanes>>,
}

struct Lanes {
    to_server: Option<Arc<Lane>>,
    to_client: Option<Arc<Lane>>,
}

impl Connection {
    /// A connection between pods' sockets; `None` is what is no pod. One of them must be a pod. `crossing` is whether it leaves one.
    pub(super) fn new(
        client: Option<&Ticket>,
        server: Option<&Ticket>,
        crossing: bool,
    ) -> Arc<Self> {
        let holder = |one: Option<&Ticket>, other: Option<&Ticket>| {
            let holder = one.or(other).map(Ticket::holder);
            holder.unwrap_or_default()
        };
        let (to_server, to_client) = (holder(server, client), holder(client, server));
        let (client, server) = (client.map(Ticket::net), server.map(Ticket::net));
        let lane = |from: Option<&Arc<PodNetwork>>, to: Option<&Arc<PodNetwork>>| {
            Lane::new(
                from.and_then(|net| net.egress.as_ref()),
                to.and_then(|net| net.ingress.as_ref()),
            )
        };
        let lanes = if crossing {
            Some((lane(client, server), lane(server, client)))
                .filter(|(one, other)| one.is_some() || other.is_some())
                .map(|(to_server, to_client)| {
                    Box::new(Lanes {
                        to_server,
                        to_client,
                    })
                })
        } else {
            None
        };
        Arc::new(Self {
            to_server: Pipe::new(to_server),
            to_client: Pipe::new(to_client),
            lanes,
        })
    }

    /// What a side reads from.
    pub(super) fn incoming(&self, side: Side) -> &Pipe {
        match side {
            Side::Client => &self.to_client,
            Side::Server => &self.to_server,
        }
    }

    /// What a side writes to.
    pub(super) fn outgoing(&self, side: Side) -> &Pipe {
        match side {
            Side::Client => &self.to_server,
            Side::Server => &self.to_client,
        }
    }

    /// What a side's writes have to pass.
    pub(super) fn lane(&self, side: Side) -> Option<&Arc<Lane>> {
        let lanes = self.lanes.as_ref()?;
        match side {
            Side::Client => lanes.to_server.as_ref(),
            Side::Server => lanes.to_client.as_ref(),
        }
    }

    /// A side closes: the end for the other one, or a reset when it did not read everything.
    pub(super) fn close(&self, side: Side) {
        if self.incoming(side).close() {
            self.outgoing(side).reset();
        } else {
            self.outgoing(side).finish();
        }
    }

    /// A side is gone at once: the other one reads what came, then a reset.
    pub(in crate::network) fn abort(&self, side: Side) {
        self.incoming(side).abort();
        self.outgoing(side).reset();
    }
}

/// A pod's ends of connections, so that all can be ended when the pod goes.
#[derive(Default)]
pub(in crate::network) struct Connections {
    ends: Vec<Option<(Weak<Connection>, Side)>>,
    free: Vec<usize>,
    closed: bool,
}

impl Connections {
    /// Remembers an end; `None` when the pod is gone.
    pub(super) fn add(&mut self, connection: &Arc<Connection>, side: Side) -> Option<usize> {
        if self.closed {
            return None;
        }
        let end = Some((Arc::downgrade(connection), side));
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.ends.get_mut(slot)
        {
            *place = end;
            return Some(slot);
        }
        self.ends.push(end);
        Some(self.ends.len() - 1)
    }

    /// Forgets an end.
    pub(super) fn remove(&mut self, slot: usize) {
        if let Some(place) = self.ends.get_mut(slot) {
            *place = None;
            self.free.push(slot);
        }
        if self.len() == 0 {
            self.ends = Vec::new();
            self.free = Vec::new();
        }
    }

    /// How many there are.
    pub(in crate::network) fn len(&self) -> usize {
        self.ends.len() - self.free.len()
    }

    /// Takes no more; all that there are. They stay counted until their owners drop them.
    pub(in crate::network) fn close(&mut self) -> Vec<(Weak<Connection>, Side)> {
        self.closed = true;
        self.ends.iter().flatten().cloned().collect()
    }
}
