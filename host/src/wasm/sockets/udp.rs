//! `wasi:sockets/udp` and `udp-create-socket` of WASI 0.2.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Waker};

use bytes::Bytes;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::bindings::sockets::{udp, udp_create_socket};
use wasmtime_wasi::p2::{
    DynPollable, Network, Pollable, SocketError, SocketResult, UdpSocket as Theirs, subscribe,
};

use super::convert::{family, p2};
use super::{SocketsView, ours, theirs};
use crate::budget::Memory;
use crate::network::{Family, NetError, PodNetwork, TcpOptions, UdpSocket};

/// Datagrams that pass the border to the guest in one call.
const BATCH: usize = 16;
/// And their bytes: they become memory of the host first.
const BATCH_BYTES: usize = 256 * 1024;

pub(super) struct Socket {
    /// The streams and calls that wait hold it too.
    pub(super) inner: Arc<UdpSocket>,
    pub(super) options: TcpOptions,
    pub(super) family: Family,
    /// WASI 0.2: bound, and not yet told.
    binding: bool,
}

impl Socket {
    pub(super) fn open(
        memory: &Arc<Memory>,
        net: &Arc<PodNetwork>,
        family: Family,
    ) -> Result<Self, NetError> {
        Ok(Self {
            inner: Arc::new(UdpSocket::new(net, family, Some(memory))?),
            options: TcpOptions::default(),
            family,
            binding: false,
        })
    }
}

pub(super) struct Incoming(Arc<UdpSocket>);

pub(super) struct Outgoing {
    socket: Arc<UdpSocket>,
    /// What the last `check-send` allowed.
    permit: usize,
}

#[async_trait::async_trait]
impl Pollable for Socket {
    /// No operation of the socket itself ever waits.
    async fn ready(&mut self) {}
}

#[async_trait::async_trait]
impl Pollable for Incoming {
    async fn ready(&mut self) {
        poll_fn(|cx| self.0.poll_receivable(cx)).await;
    }
}

#[async_trait::async_trait]
impl Pollable for Outgoing {
    async fn ready(&mut self) {
        // An error makes it ready too; `send` tells which.
        let _ready = poll_fn(|cx| self.socket.poll_sendable(cx)).await;
    }
}

/// Whether a datagram would be taken now; an error is told by `send`.
fn sendable(socket: &UdpSocket) -> bool {
    let mut now = Context::from_waker(Waker::noop());
    socket.poll_sendable(&mut now).is_ready()
}

impl SocketsView<'_> {
    fn udp(&mut self, this: &Resource<Theirs>) -> SocketResult<&mut Socket> {
        Ok(self.table.get_mut(&ours::<_, Socket>(this))?)
    }
}

impl udp_create_socket::Host for SocketsView<'_> {
    async fn create_udp_socket(&mut self, kind: IpAddressFamily) -> SocketResult<Resource<Theirs>> {
        let socket = Socket::open(self.memory, self.net, family(kind)).map_err(p2)?;
        Ok(theirs(&self.table.push(socket)?))
    }
}

impl udp::Host for SocketsView<'_> {}

impl udp::HostUdpSocket for SocketsView<'_> {
    async fn start_bind(
        &mut self,
        this: Resource<Theirs>,
        network: Resource<Network>,
        local_address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let socket = self.udp(&this)?;
        if socket.binding {
            return Err(ErrorCode::ConcurrencyConflict.into());
        }
        let local = SocketAddr::from(local_address);
        socket.inner.bind(local).map_err(p2)?;
        socket.binding = true;
        Ok(())
    }

    fn finish_bind(&mut self, this: Resource<Theirs>) -> SocketResult<()> {
        let socket = self.udp(&this)?;
        if !std::mem::take(&mut socket.binding) {
            return Err(ErrorCode::NotInProgress.into());
        }
        Ok(())
    }

    async fn stream(
        &mut self,
        this: Resource<Theirs>,
        remote_address: Option<IpSocketAddress>,
    ) -> SocketResult<(
        Resource<udp::IncomingDatagramStream>,
        Resource<udp::OutgoingDatagramStream>,
    )> {
        let socket = self.udp(&this)?;
        // In WASI 0.2 a socket is bound before it is used.
        if socket.binding || socket.inner.local_address().is_none() {
            return Err(ErrorCode::InvalidState.into());
        }
        if Arc::strong_count(&socket.inner) > 1 {
            let error = wasmtime::format_err!("the streams of before are not dropped yet");
            return Err(SocketError::trap(error));
        }
        let remote = remote_address.map(SocketAddr::from);
        socket.inner.connect(remote).map_err(p2)?;
        let inner = Arc::clone(&socket.inner);
        let parent = ours::<_, Socket>(&this);
        let incoming = Incoming(Arc::clone(&inner));
        let incoming = self.table.push_child(incoming, &parent)?;
        let outgoing = Outgoing {
            socket: inner,
            permit: 0,
        };
        let outgoing = self.table.push_child(outgoing, &parent)?;
        Ok((theirs(&incoming), theirs(&outgoing)))
    }

    fn local_address(&mut self, this: Resource<Theirs>) -> SocketResult<IpSocketAddress> {
        let address = self.udp(&this)?.inner.local_address();
        Ok(address.ok_or(ErrorCode::InvalidState)?.into())
    }

    fn remote_address(&mut self, this: Resource<Theirs>) -> SocketResult<IpSocketAddress> {
        let address = self.udp(&this)?.inner.remote_address();
        Ok(address.ok_or(ErrorCode::InvalidState)?.into())
    }

    fn address_family(&mut self, this: Resource<Theirs>) -> wasmtime::Result<IpAddressFamily> {
        let socket = self.table.get(&ours::<_, Socket>(&this))?;
        Ok(match socket.family {
            Family::V4 => IpAddressFamily::Ipv4,
            Family::V6 => IpAddressFamily::Ipv6,
        })
    }

    fn unicast_hop_limit(&mut self, this: Resource<Theirs>) -> SocketResult<u8> {
        Ok(self.udp(&this)?.options.hop_limit())
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<Theirs>, value: u8) -> SocketResult<()> {
        let options = &mut self.udp(&this)?.options;
        options.set_hop_limit(value).map_err(p2)
    }

    fn receive_buffer_size(&mut self, this: Resource<Theirs>) -> SocketResult<u64> {
        Ok(self.udp(&this)?.options.receive_buffer())
    }

    fn set_receive_buffer_size(&mut self, this: Resource<Theirs>, value: u64) -> SocketResult<()> {
        let options = &mut self.udp(&this)?.options;
        options.set_receive_buffer(value).map_err(p2)
    }

    fn send_buffer_size(&mut self, this: Resource<Theirs>) -> SocketResult<u64> {
        Ok(self.udp(&this)?.options.send_buffer())
    }

    fn set_send_buffer_size(&mut self, this: Resource<Theirs>, value: u64) -> SocketResult<()> {
        let options = &mut self.udp(&this)?.options;
        options.set_send_buffer(value).map_err(p2)
    }

    fn subscribe(&mut self, this: Resource<Theirs>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, ours::<_, Socket>(&this))
    }

    fn drop(&mut self, this: Resource<Theirs>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Socket>::new_own(this.rep()))?;
        Ok(())
    }
}

impl udp::HostIncomingDatagramStream for SocketsView<'_> {
    fn receive(
        &mut self,
        this: Resource<udp::IncomingDatagramStream>,
        max_results: u64,
    ) -> SocketResult<Vec<udp::IncomingDatagram>> {
        let stream = self.table.get(&ours::<_, Incoming>(&this))?;
        let most = usize::try_from(max_results).unwrap_or(BATCH).min(BATCH);
        let (mut datagrams, mut bytes) = (Vec::new(), 0);
        while datagrams.len() < most && bytes < BATCH_BYTES {
            match stream.0.try_receive() {
                None => break,
                Some(Ok(datagram)) => {
                    bytes += datagram.data.len();
                    datagrams.push(udp::IncomingDatagram {
                        data: datagram.data.into(),
                        remote_address: datagram.from.into(),
                    });
                }
                Some(Err(_)) if !datagrams.is_empty() => break,
                Some(Err(error)) => return Err(p2(error)),
            }
        }
        Ok(datagrams)
    }

    fn subscribe(
        &mut self,
        this: Resource<udp::IncomingDatagramStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, ours::<_, Incoming>(&this))
    }

    fn drop(&mut self, this: Resource<udp::IncomingDatagramStream>) -> wasmtime::Result<()> {
        self.table
            .delete(Resource::<Incoming>::new_own(this.rep()))?;
        Ok(())
    }
}

impl udp::HostOutgoingDatagramStream for SocketsView<'_> {
    fn check_send(&mut self, this: Resource<udp::OutgoingDatagramStream>) -> SocketResult<u64> {
        let stream = self.table.get_mut(&ours::<_, Outgoing>(&this))?;
        stream.permit = if sendable(&stream.socket) { BATCH } else { 0 };
        Ok(stream.permit as u64)
    }

    fn send(
        &mut self,
        this: Resource<udp::OutgoingDatagramStream>,
        datagrams: Vec<udp::OutgoingDatagram>,
    ) -> SocketResult<u64> {
        let stream = self.table.get_mut(&ours::<_, Outgoing>(&this))?;
        if datagrams.is_empty() {
            return Ok(0);
        }
        if datagrams.len() > stream.permit {
            let error = wasmtime::format_err!("not permitted to send {}", datagrams.len());
            return Err(SocketError::trap(error));
        }
        // Every call needs a permit of its own.
        stream.permit = 0;
        let mut sent = 0;
        for datagram in datagrams {
            // Shaping may close between two datagrams.
            if sent > 0 && !sendable(&stream.socket) {
                break;
            }
            let to = datagram.remote_address.map(SocketAddr::from);
            match stream.socket.send(Bytes::from(datagram.data), to) {
                Ok(()) => sent += 1,
                Err(_) if sent > 0 => break,
                Err(error) => return Err(p2(error)),
            }
        }
        Ok(sent)
    }

    fn subscribe(
        &mut self,
        this: Resource<udp::OutgoingDatagramStream>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, ours::<_, Outgoing>(&this))
    }

    async fn drop(&mut self, this: Resource<udp::OutgoingDatagramStream>) -> wasmtime::Result<()> {
        self.table
            .delete(Resource::<Outgoing>::new_own(this.rep()))?;
        Ok(())
    }
}
