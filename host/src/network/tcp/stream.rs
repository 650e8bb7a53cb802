//! One side of a connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::TcpIo;
use super::connection::{Connection, Side};
use crate::network::meter::{Lease, Ticket};
use crate::network::wake::lock;
use crate::network::{NetError, PodNetwork};

/// Which direction to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shutdown {
    /// No more reading: what came and comes is thrown away.
    Read,
    /// No more writing: the peer reads the end after what was written.
    Write,
    /// Both.
    Both,
}

/// One side of a connection. The connection is closed when the last clone is dropped; the peer reads the end, or a reset when not
/// everything was read here (RFC 2525 §2.17).
#[derive(Clone)]
pub struct TcpStream {
    end: Arc<End>,
}

struct End {
    connection: Arc<Connection>,
    side: Side,
    local: SocketAddr,
    peer: SocketAddr,
    /// None of a side that is no pod's.
    ticket: Option<Ticket>,
    /// The port of a side that connected; one that accepted shares its listener's.
    lease: Option<Lease>,
    /// Among its pod's ends.
    slot: Option<usize>,
}

/// One side of a connection to be.
pub(super) struct Party {
    /// None of what is no pod.
    pub(super) ticket: Option<Ticket>,
    /// The port that it holds.
    pub(super) lease: Option<Lease>,
    /// Its own address.
    pub(super) local: SocketAddr,
    /// The other one's address as it knows it.
    pub(super) peer: SocketAddr,
}

impl Party {
    fn net(&self) -> Option<&Arc<PodNetwork>> {
        self.ticket.as_ref().map(Ticket::net)
    }
}

/// Connects two parties. A pod that is gone gets no more connections.
pub(super) fn join(
    client: Party,
    server: Party,
    crossing: bool,
) -> Result<(TcpStream, TcpStream), NetError> {
    let connection = Connection::new(client.ticket.as_ref(), server.ticket.as_ref(), crossing);
    let client = TcpStream::new(Arc::clone(&connection), Side::Client, client)?;
    let server = TcpStream::new(connection, Side::Server, server)?;
    Ok((client, server))
}

impl TcpStream {
    fn new(connection: Arc<Connection>, side: Side, party: Party) -> Result<Self, NetError> {
        let slot = match party.net() {
            Some(net) => {
                let slot = lock(&net.connections).add(&connection, side);
                Some(slot.ok_or(NetError::Unreachable)?)
            }
            None => None,
        };
        let end = Arc::new(End {
            connection,
            side,
            local: party.local,
            peer: party.peer,
            ticket: party.ticket,
            lease: party.lease,
            slot,
        });
        Ok(Self { end })
    }

    /// Gives a stream that came from outside the port that its socket holds.
    pub(super) fn adopt(&mut self, lease: Option<Lease>, local: SocketAddr) {
        if let Some(end) = Arc::get_mut(&mut self.end) {
            end.lease = lease;
            end.local = local;
        }
    }

    /// Up to `max` bytes; empty is the end.
    pub fn poll_read(&self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Bytes, NetError>> {
        self.end
            .connection
            .incoming(self.end.side)
            .poll_read(cx, max)
    }

    /// Up to `max` bytes if there are any (empty is the end), `None` when a read would wait.
    pub fn try_read(&self, max: usize) -> Option<Result<Bytes, NetError>> {
        self.end.connection.incoming(self.end.side).read(max)
    }

    /// Ready when [`Self::try_read`] has something: bytes, the end or an error.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.end
            .connection
            .incoming(self.end.side)
            .poll_readable(cx)
    }

    /// Ready when everything was read and the peer sends no more: it ended its direction, or is gone.
    pub fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.end.connection.incoming(self.end.side).poll_ended(cx)
    }

    /// How many bytes may be written now; never 0.
    pub fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<Result<usize, NetError>> {
        let end = &*self.end;
        let pipe = end.connection.outgoing(end.side);
        let Some(lane) = end.connection.lane(end.side) else {
            return pipe.poll_writable(cx);
        };
        match pipe.poll_writable(cx) {
            Poll::Ready(Ok(room)) => match lane.poll_available(cx) {
                Poll::Ready(bytes) => Poll::Ready(Ok(room.min(bytes))),
                // A peer that closes meanwhile must not leave the writer waiting for bandwidth.
                Poll::Pending => pipe.poll_unwritable(cx).map(Err),
            },
            answer => answer,
        }
    }

    /// How many bytes may be written now; 0 when a write would wait.
    pub fn writable_now(&self) -> Result<usize, NetError> {
        let end = &*self.end;
        let room = end.connection.outgoing(end.side).writable_now()?;
        Ok(match end.connection.lane(end.side) {
            Some(lane) => room.min(lane.available().unwrap_or(0)),
            None => room,
        })
    }

    /// Writes; not more than the last permit ([`Self::poll_writable`], [`Self::writable_now`]) said.
    pub fn write(&self, bytes: Bytes) -> Result<(), NetError> {
        let end = &*self.end;
        let length = bytes.len();
        end.connection.outgoing(end.side).write(bytes)?;
        if let Some(lane) = end.connection.lane(end.side) {
            lane.consume(length);
        }
        Ok(())
    }

    /// Ends one direction or both.
    pub fn shutdown(&self, how: Shutdown) -> Result<(), NetError> {
        let end = &*self.end;
        if matches!(how, Shutdown::Read | Shutdown::Both) {
            end.connection.incoming(end.side).discard();
        }
        if matches!(how, Shutdown::Write | Shutdown::Both) {
            end.connection.outgoing(end.side).finish();
        }
        Ok(())
    }

    /// Nobody will read here any more, which the peer is told only when the connection is closed; until then it can write.
    pub fn abandon_reading(&self) {
        self.end.connection.incoming(self.end.side).abandon();
    }

    /// Ends the connection without manners: the peer reads what came, then a reset.
    pub fn reset(&self) {
        self.end.connection.abort(self.end.side);
    }

    /// This side's address.
    pub fn local_address(&self) -> SocketAddr {
        self.end.local
    }

    /// The other side's address; of a Service's port it is the Service's.
    pub fn peer_address(&self) -> SocketAddr {
        self.end.peer
    }

    /// How many bytes may wait here to be read (`SO_RCVBUF`), clamped to 4 KiB … 4 MiB.
    pub fn set_receive_capacity(&self, bytes: usize) {
        let pipe = self.end.connection.incoming(self.end.side);
        pipe.set_capacity(bytes);
    }

    /// For everything that wants tokio's traits.
    pub fn into_io(self) -> TcpIo {
        TcpIo::new(self)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.connection.close(self.side);
        if let (Some(ticket), Some(slot)) = (&self.ticket, self.slot) {
            lock(&ticket.net().connections).remove(slot);
        }
    }
}

impl std::fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TcpStream({} to {})", self.end.local, self.end.peer)
    }
}
