//! `wasi:sockets` 0.3: TCP, UDP and name look-up.

use std::future::poll_fn;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};
use wasmtime_wasi::p3::bindings::sockets::ip_name_lookup;
use wasmtime_wasi::p3::bindings::sockets::types::{
    self, Duration as Nanos, ErrorCode, IpAddressFamily, IpSocketAddress, TcpSocket as TheirTcp,
    UdpSocket as TheirUdp,
};
use wasmtime_wasi::p3::sockets::{SocketError, SocketResult};

use super::convert::{nanos, p3, p3_family};
use super::p3_streams::{Accepting, Outcome, Receiving, Sending};
use super::socket::{Socket, State};
use super::udp::Socket as Udp;
use super::{Sockets, SocketsView, ours, theirs};
use crate::network::{Family, NetError, TcpOptions};

impl SocketsView<'_> {
    fn tcp3(&mut self, this: &Resource<TheirTcp>) -> SocketResult<&mut Socket> {
        let socket = self.table.get_mut(&ours::<_, Socket>(this));
        socket.map_err(SocketError::trap)
    }

    fn options3(&mut self, this: &Resource<TheirTcp>) -> SocketResult<&mut TcpOptions> {
        Ok(&mut self.tcp3(this)?.options)
    }

    fn udp3(&mut self, this: &Resource<TheirUdp>) -> SocketResult<&mut Udp> {
        let socket = self.table.get_mut(&ours::<_, Udp>(this));
        socket.map_err(SocketError::trap)
    }
}

fn missing(address: Option<SocketAddr>) -> SocketResult<IpSocketAddress> {
    Ok(address.ok_or_else(|| p3(NetError::InvalidState))?.into())
}

const fn family_of(family: Family) -> IpAddressFamily {
    match family {
        Family::V4 => IpAddressFamily::Ipv4,
        Family::V6 => IpAddressFamily::Ipv6,
    }
}

impl types::Host for SocketsView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }
}

impl<T: Send + 'static> types::HostTcpSocketWithStore<T> for Sockets {
    async fn connect(
        store: &Accessor<T, Self>,
        this: Resource<TheirTcp>,
        remote_address: IpSocketAddress,
    ) -> SocketResult<()> {
        let remote = SocketAddr::from(remote_address);
        store.with(|mut store| {
            let mut view = store.get();
            let socket = view.tcp3(&this)?;
            let connecting = socket
                .unspent()
                .and_then(|open| open.connect(remote))
                .map_err(p3)?;
            socket.state = State::Connecting(connecting);
            SocketResult::Ok(())
        })?;
        poll_fn(|cx| {
            store.with(|mut store| {
                let mut view = store.get();
                match view.tcp3(&this) {
                    Ok(socket) => socket.poll_answer(cx).map(Ok),
                    Err(error) => std::task::Poll::Ready(Err(error)),
                }
            })
        })
        .await?;
        store.with(|mut store| store.get().tcp3(&this)?.take_answer().map(drop).map_err(p3))
    }

    async fn listen(
        mut store: Access<'_, T, Self>,
        this: Resource<TheirTcp>,
    ) -> SocketResult<StreamReader<Resource<TheirTcp>>> {
        let getter = store.getter();
        let mut view = store.get();
        let socket = view.tcp3(&this)?;
        let backlog = socket.backlog;
        let listening = socket.unspent().and_then(|open| open.listen(backlog));
        let listener = Arc::new(listening.map_err(p3)?);
        socket.state = State::Listening(Arc::clone(&listener));
        let accepting = Accepting {
            listener,
            options: socket.options,
            family: socket.family,
            getter,
        };
        StreamReader::new(&mut store, accepting).map_err(SocketError::trap)
    }

    fn send(
        mut store: Access<'_, T, Self>,
        this: Resource<TheirTcp>,
        mut data: StreamReader<u8>,
    ) -> wasmtime::Result<FutureReader<Result<(), ErrorCode>>> {
        let taken = take(&mut store.get(), &this, |socket| &mut socket.sending);
        let (outcome, told) = Outcome::new();
        match taken {
            Ok(stream) => data.pipe(&mut store, Sending { stream, outcome })?,
            Err(error) => {
                data.close(&mut store)?;
                outcome.end(Err(error));
            }
        }
        FutureReader::new(&mut store, told)
    }

    fn receive(
        mut store: Access<'_, T, Self>,
        this: Resource<TheirTcp>,
    ) -> wasmtime::Result<(StreamReader<u8>, FutureReader<Result<(), ErrorCode>>)> {
        let taken = take(&mut store.get(), &this, |socket| &mut socket.receiving);
        let (outcome, told) = Outcome::new();
        let stream = match taken {
            Ok(stream) => StreamReader::new(&mut store, Receiving { stream, outcome })?,
            Err(error) => {
                outcome.end(Err(error));
                StreamReader::new(&mut store, std::iter::empty())?
            }
        };
        Ok((stream, FutureReader::new(&mut store, told)?))
    }
}

/// A socket's bytes go to one stream and come from one, each once.
fn take(
    view: &mut SocketsView<'_>,
    this: &Resource<TheirTcp>,
    taken: fn(&mut Socket) -> &mut bool,
) -> Result<crate::network::TcpStream, NetError> {
    let socket = view.table.get_mut(&ours::<_, Socket>(this));
    let socket = socket.map_err(|_| NetError::InvalidState)?;
    let State::Connected(stream) = &socket.state else {
        return Err(NetError::InvalidState);
    };
    let stream = stream.clone();
    if std::mem::replace(taken(socket), true) {
        return Err(NetError::InvalidState);
    }
    Ok(stream)
}

impl types::HostTcpSocket for SocketsView<'_> {
    async fn bind(
        &mut self,
        this: Resource<TheirTcp>,
        local_address: IpSocketAddress,
    ) -> SocketResult<()> {
        let open = self.tcp3(&this)?.unspent().map_err(p3)?;
        open.bind(SocketAddr::from(local_address)).map_err(p3)
    }

    fn create(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TheirTcp>> {
        let socket = Socket::open(self.memory, self.net, p3_family(family)).map_err(p3)?;
        let socket = self.table.push(socket).map_err(SocketError::trap)?;
        Ok(theirs(&socket))
    }

    fn get_local_address(&mut self, this: Resource<TheirTcp>) -> SocketResult<IpSocketAddress> {
        missing(self.tcp3(&this)?.local_address())
    }

    fn get_remote_address(&mut self, this: Resource<TheirTcp>) -> SocketResult<IpSocketAddress> {
        missing(self.tcp3(&this)?.remote_address())
    }

    fn get_is_listening(&mut self, this: Resource<TheirTcp>) -> wasmtime::Result<bool> {
        let socket = self.table.get(&ours::<_, Socket>(&this))?;
        Ok(matches!(socket.state, State::Listening(_)))
    }

    fn get_address_family(
        &mut self,
        this: Resource<TheirTcp>,
    ) -> wasmtime::Result<IpAddressFamily> {
        let socket = self.table.get(&ours::<_, Socket>(&this))?;
        Ok(family_of(socket.family))
    }

    fn set_listen_backlog_size(
        &mut self,
        this: Resource<TheirTcp>,
        value: u64,
    ) -> SocketResult<()> {
        self.tcp3(&this)?.set_backlog(value).map_err(p3)
    }

    fn get_keep_alive_enabled(&mut self, this: Resource<TheirTcp>) -> SocketResult<bool> {
        Ok(self.options3(&this)?.keep_alive())
    }

    fn set_keep_alive_enabled(
        &mut self,
        this: Resource<TheirTcp>,
        value: bool,
    ) -> SocketResult<()> {
        self.options3(&this)?.set_keep_alive(value);
        Ok(())
    }

    fn get_keep_alive_idle_time(&mut self, this: Resource<TheirTcp>) -> SocketResult<Nanos> {
        Ok(nanos(self.options3(&this)?.keep_alive_idle()))
    }

    fn set_keep_alive_idle_time(
        &mut self,
        this: Resource<TheirTcp>,
        value: Nanos,
    ) -> SocketResult<()> {
        let options = self.options3(&this)?;
        options
            .set_keep_alive_idle(Duration::from_nanos(value))
            .map_err(p3)
    }

    fn get_keep_alive_interval(&mut self, this: Resource<TheirTcp>) -> SocketResult<Nanos> {
        Ok(nanos(self.options3(&this)?.keep_alive_interval()))
    }

    fn set_keep_alive_interval(
        &mut self,
        this: Resource<TheirTcp>,
        value: Nanos,
    ) -> SocketResult<()> {
        let options = self.options3(&this)?;
        options
            .set_keep_alive_interval(Duration::from_nanos(value))
            .map_err(p3)
    }

    fn get_keep_alive_count(&mut self, this: Resource<TheirTcp>) -> SocketResult<u32> {
        Ok(self.options3(&this)?.keep_alive_count())
    }

    fn set_keep_alive_count(&mut self, this: Resource<TheirTcp>, value: u32) -> SocketResult<()> {
        let options = self.options3(&this)?;
        options.set_keep_alive_count(value).map_err(p3)
    }

    fn get_hop_limit(&mut self, this: Resource<TheirTcp>) -> SocketResult<u8> {
        Ok(self.options3(&this)?.hop_limit())
    }

    fn set_hop_limit(&mut self, this: Resource<TheirTcp>, value: u8) -> SocketResult<()> {
        self.options3(&this)?.set_hop_limit(value).map_err(p3)
    }

    fn get_receive_buffer_size(&mut self, this: Resource<TheirTcp>) -> SocketResult<u64> {
        Ok(self.options3(&this)?.receive_buffer())
    }

    fn set_receive_buffer_size(
        &mut self,
        this: Resource<TheirTcp>,
        value: u64,
    ) -> SocketResult<()> {
        self.tcp3(&this)?.set_receive_buffer_size(value).map_err(p3)
    }

    fn get_send_buffer_size(&mut self, this: Resource<TheirTcp>) -> SocketResult<u64> {
        Ok(self.options3(&this)?.send_buffer())
    }

    fn set_send_buffer_size(&mut self, this: Resource<TheirTcp>, value: u64) -> SocketResult<()> {
        let options = self.options3(&this)?;
        options.set_send_buffer(value).map_err(p3)
    }

    fn drop(&mut self, this: Resource<TheirTcp>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Socket>::new_own(this.rep()))?;
        Ok(())
    }
}

impl<T: Send + 'static> types::HostUdpSocketWithStore<T> for Sockets {
    async fn send(
        store: &Accessor<T, Self>,
        this: Resource<TheirUdp>,
        data: Vec<u8>,
        remote_address: Option<IpSocketAddress>,
    ) -> SocketResult<()> {
        let socket = store.with(|mut store| {
            let mut view = store.get();
            let socket = view.udp3(&this)?;
            if socket.inner.local_address().is_none() {
                // Sending binds, as on POSIX.
                let any = unspecified(socket.family);
                socket.inner.bind(any).map_err(p3)?;
            }
            SocketResult::Ok(Arc::clone(&socket.inner))
        })?;
        poll_fn(|cx| socket.poll_sendable(cx)).await.map_err(p3)?;
        let to = remote_address.map(SocketAddr::from);
        socket.send(Bytes::from(data), to).map_err(p3)
    }

    async fn receive(
        store: &Accessor<T, Self>,
        this: Resource<TheirUdp>,
    ) -> SocketResult<(Vec<u8>, IpSocketAddress)> {
        let socket = store.with(|mut store| {
            let mut view = store.get();
            let socket = view.udp3(&this)?;
            if socket.inner.local_address().is_none() {
                return Err(p3(NetError::InvalidState));
            }
            SocketResult::Ok(Arc::clone(&socket.inner))
        })?;
        let datagram = poll_fn(|cx| socket.poll_receive(cx)).await.map_err(p3)?;
        Ok((datagram.data.into(), datagram.from.into()))
    }
}

fn unspecified(family: Family) -> SocketAddr {
    match family {
        Family::V4 => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        Family::V6 => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

impl SocketsView<'_> {
    /// Connects or disconnects, also while calls wait for datagrams.
    fn set_peer(
        &mut self,
        this: &Resource<TheirUdp>,
        peer: Option<SocketAddr>,
    ) -> SocketResult<()> {
        let socket = self.udp3(this)?;
        let inner = &socket.inner;
        if peer.is_none() && inner.remote_address().is_none() {
            return Err(p3(NetError::InvalidState));
        }
        if peer.is_some() && inner.local_address().is_none() {
            inner.bind(unspecified(socket.family)).map_err(p3)?;
        }
        inner.connect(peer).map_err(p3)
    }
}

impl types::HostUdpSocket for SocketsView<'_> {
    async fn bind(
        &mut self,
        this: Resource<TheirUdp>,
        local_address: IpSocketAddress,
    ) -> SocketResult<()> {
        let local = SocketAddr::from(local_address);
        self.udp3(&this)?.inner.bind(local).map_err(p3)
    }

    async fn connect(
        &mut self,
        this: Resource<TheirUdp>,
        remote_address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.set_peer(&this, Some(SocketAddr::from(remote_address)))
    }

    async fn create(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TheirUdp>> {
        let socket = Udp::open(self.memory, self.net, p3_family(family)).map_err(p3)?;
        let socket = self.table.push(socket).map_err(SocketError::trap)?;
        Ok(theirs(&socket))
    }

    fn disconnect(&mut self, this: Resource<TheirUdp>) -> SocketResult<()> {
        self.set_peer(&this, None)
    }

    fn get_local_address(&mut self, this: Resource<TheirUdp>) -> SocketResult<IpSocketAddress> {
        missing(self.udp3(&this)?.inner.local_address())
    }

    fn get_remote_address(&mut self, this: Resource<TheirUdp>) -> SocketResult<IpSocketAddress> {
        missing(self.udp3(&this)?.inner.remote_address())
    }

    fn get_address_family(
        &mut self,
        this: Resource<TheirUdp>,
    ) -> wasmtime::Result<IpAddressFamily> {
        let socket = self.table.get(&ours::<_, Udp>(&this))?;
        Ok(family_of(socket.family))
    }

    fn get_unicast_hop_limit(&mut self, this: Resource<TheirUdp>) -> SocketResult<u8> {
        Ok(self.udp3(&this)?.options.hop_limit())
    }

    fn set_unicast_hop_limit(&mut self, this: Resource<TheirUdp>, value: u8) -> SocketResult<()> {
        let options = &mut self.udp3(&this)?.options;
        options.set_hop_limit(value).map_err(p3)
    }

    fn get_receive_buffer_size(&mut self, this: Resource<TheirUdp>) -> SocketResult<u64> {
        Ok(self.udp3(&this)?.options.receive_buffer())
    }

    fn set_receive_buffer_size(
        &mut self,
        this: Resource<TheirUdp>,
        value: u64,
    ) -> SocketResult<()> {
        let options = &mut self.udp3(&this)?.options;
        options.set_receive_buffer(value).map_err(p3)
    }

    fn get_send_buffer_size(&mut self, this: Resource<TheirUdp>) -> SocketResult<u64> {
        Ok(self.udp3(&this)?.options.send_buffer())
    }

    fn set_send_buffer_size(&mut self, this: Resource<TheirUdp>, value: u64) -> SocketResult<()> {
        let options = &mut self.udp3(&this)?.options;
        options.set_send_buffer(value).map_err(p3)
    }

    fn drop(&mut self, this: Resource<TheirUdp>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Udp>::new_own(this.rep()))?;
        Ok(())
    }
}

impl ip_name_lookup::Host for SocketsView<'_> {}

impl<T: Send + 'static> ip_name_lookup::HostWithStore<T> for Sockets {
    async fn resolve_addresses(
        store: &Accessor<T, Self>,
        name: String,
    ) -> wasmtime::Result<Result<Vec<types::IpAddress>, ip_name_lookup::ErrorCode>> {
        let net = store.with(|mut store| Arc::clone(store.get().net));
        let answer: Result<Vec<IpAddr>, NetError> = net.resolve(&name).await;
        Ok(match answer {
            Ok(addresses) => Ok(addresses.into_iter().map(Into::into).collect()),
            Err(NetError::AccessDenied) => Err(ip_name_lookup::ErrorCode::AccessDenied),
            Err(NetError::InvalidArgument) => Err(ip_name_lookup::ErrorCode::InvalidArgument),
            Err(NetError::NameUnresolvable) => Err(ip_name_lookup::ErrorCode::NameUnresolvable),
            Err(_) => Err(ip_name_lookup::ErrorCode::TemporaryResolverFailure),
        })
    }
}
