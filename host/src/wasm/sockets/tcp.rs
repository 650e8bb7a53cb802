//! `wasi:sockets/tcp` and `tcp-create-socket` of WASI 0.2.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress};
use wasmtime_wasi::p2::bindings::sockets::tcp::{self, ShutdownType};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, DynPollable, Network, SocketResult, TcpSocket as Theirs,
    subscribe,
};

use super::convert::{family, nanos, p2};
use super::socket::{Operation, Socket, State};
use super::tcp_streams::{Input, Output};
use super::{SocketsView, ours, theirs};
use crate::network::{Family, NetError, Shutdown, TcpOptions, TcpStream};

/// The two-step manner of WASI 0.2.
impl Socket {
    fn begin(&self) -> SocketResult<()> {
        match self.pending {
            Some(_) => Err(ErrorCode::ConcurrencyConflict.into()),
            None => Ok(()),
        }
    }

    fn finish(&mut self, operation: Operation) -> SocketResult<()> {
        if self.pending != Some(operation) {
            return Err(ErrorCode::NotInProgress.into());
        }
        self.pending = None;
        Ok(())
    }
}

impl SocketsView<'_> {
    fn socket(&mut self, this: &Resource<Theirs>) -> SocketResult<&mut Socket> {
        Ok(self.table.get_mut(&ours::<_, Socket>(this))?)
    }

    fn options(&mut self, this: &Resource<Theirs>) -> SocketResult<&mut TcpOptions> {
        Ok(&mut self.socket(this)?.options)
    }

    fn streams(
        &mut self,
        socket: &Resource<Socket>,
        stream: &TcpStream,
    ) -> SocketResult<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let input: DynInputStream = Box::new(Input::new(stream.clone()));
        let output: DynOutputStream = Box::new(Output::new(stream.clone()));
        let input = self.table.push_child(input, socket)?;
        let output = self.table.push_child(output, socket)?;
        Ok((input, output))
    }
}

impl tcp_create_socket::Host for SocketsView<'_> {
    fn create_tcp_socket(&mut self, kind: IpAddressFamily) -> SocketResult<Resource<Theirs>> {
        let socket = Socket::open(self.memory, self.net, family(kind)).map_err(p2)?;
        Ok(theirs(&self.table.push(socket)?))
    }
}

impl tcp::Host for SocketsView<'_> {}

impl tcp::HostTcpSocket for SocketsView<'_> {
    async fn start_bind(
        &mut self,
        this: Resource<Theirs>,
        network: Resource<Network>,
        local_address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let socket = self.socket(&this)?;
        socket.begin()?;
        let open = socket.unspent().map_err(p2)?;
        open.bind(SocketAddr::from(local_address)).map_err(p2)?;
        socket.pending = Some(Operation::Bind);
        Ok(())
    }

    fn finish_bind(&mut self, this: Resource<Theirs>) -> SocketResult<()> {
        self.socket(&this)?.finish(Operation::Bind)
    }

    fn start_connect(
        &mut self,
        this: Resource<Theirs>,
        network: Resource<Network>,
        remote_address: IpSocketAddress,
    ) -> SocketResult<()> {
        self.table.get(&network)?;
        let socket = self.socket(&this)?;
        socket.begin()?;
        let open = socket.unspent().map_err(p2)?;
        let remote = SocketAddr::from(remote_address);
        socket.state = match open.connect(remote) {
            Ok(connecting) => State::Connecting(connecting),
            // The program's mistake, or no port left: nothing was begun, and the socket is as it was.
            Err(
                error @ (NetError::InvalidArgument
                | NetError::InvalidState
                | NetError::AddressInUse),
            ) => {
                return Err(p2(error));
            }
            Err(error) => State::Answered(Err(error)),
        };
        socket.pending = Some(Operation::Connect);
        Ok(())
    }

    fn finish_connect(
        &mut self,
        this: Resource<Theirs>,
    ) -> SocketResult<(Resource<DynInputStream>, Resource<DynOutputStream>)> {
        let socket = self.socket(&this)?;
        if socket.pending != Some(Operation::Connect) {
            return Err(ErrorCode::NotInProgress.into());
        }
        if socket
            .poll_answer(&mut Context::from_waker(Waker::noop()))
            .is_pending()
        {
            return Err(ErrorCode::WouldBlock.into());
        }
        socket.pending = None;
        let stream = socket.take_answer().map_err(p2)?;
        self.streams(&ours(&this), &stream)
    }

    async fn start_listen(&mut self, this: Resource<Theirs>) -> SocketResult<()> {
        let socket = self.socket(&this)?;
        socket.begin()?;
        let backlog = socket.backlog;
        let open = socket.unspent().map_err(p2)?;
        // In WASI 0.2 a socket is bound before it listens.
        if open.local_address().is_none() {
            return Err(ErrorCode::InvalidState.into());
        }
        let listener = open.listen(backlog).map_err(p2)?;
        socket.state = State::Listening(Arc::new(listener));
        socket.pending = Some(Operation::Listen);
        Ok(())
    }

    fn finish_listen(&mut self, this: Resource<Theirs>) -> SocketResult<()> {
        self.socket(&this)?.finish(Operation::Listen)
    }

    fn accept(
        &mut self,
        this: Resource<Theirs>,
    ) -> SocketResult<(
        Resource<Theirs>,
        Resource<DynInputStream>,
        Resource<DynOutputStream>,
    )> {
        let socket = self.socket(&this)?;
        let State::Listening(listener) = &socket.state else {
            return Err(ErrorCode::InvalidState.into());
        };
        let stream = match listener.poll_accept(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => return Err(ErrorCode::WouldBlock.into()),
            Poll::Ready(accepted) => accepted.map_err(p2)?,
        };
        let accepted = Socket::accepted(stream.clone(), socket.options, socket.family);
        let accepted = self.table.push(accepted)?;
        let (input, output) = self.streams(&accepted, &stream)?;
        Ok((theirs(&accepted), input, output))
    }

    fn local_address(&mut self, this: Resource<Theirs>) -> SocketResult<IpSocketAddress> {
        let address = self.socket(&this)?.local_address();
        Ok(address.ok_or(ErrorCode::InvalidState)?.into())
    }

    fn remote_address(&mut self, this: Resource<Theirs>) -> SocketResult<IpSocketAddress> {
        let address = self.socket(&this)?.remote_address();
        Ok(address.ok_or(ErrorCode::InvalidState)?.into())
    }

    fn is_listening(&mut self, this: Resource<Theirs>) -> wasmtime::Result<bool> {
        let socket = self.table.get(&ours::<_, Socket>(&this))?;
        Ok(matches!(socket.state, State::Listening(_)))
    }

    fn address_family(&mut self, this: Resource<Theirs>) -> wasmtime::Result<IpAddressFamily> {
        let socket = self.table.get(&ours::<_, Socket>(&this))?;
        Ok(match socket.family {
            Family::V4 => IpAddressFamily::Ipv4,
            Family::V6 => IpAddressFamily::Ipv6,
        })
    }

    fn set_listen_backlog_size(&mut self, this: Resource<Theirs>, value: u64) -> SocketResult<()> {
        self.socket(&this)?.set_backlog(value).map_err(p2)
    }

    fn keep_alive_enabled(&mut self, this: Resource<Theirs>) -> SocketResult<bool> {
        Ok(self.options(&this)?.keep_alive())
    }

    fn set_keep_alive_enabled(&mut self, this: Resource<Theirs>, value: bool) -> SocketResult<()> {
        self.options(&this)?.set_keep_alive(value);
        Ok(())
    }

    fn keep_alive_idle_time(&mut self, this: Resource<Theirs>) -> SocketResult<u64> {
        Ok(nanos(self.options(&this)?.keep_alive_idle()))
    }

    fn set_keep_alive_idle_time(&mut self, this: Resource<Theirs>, value: u64) -> SocketResult<()> {
        self.options(&this)?
            .set_keep_alive_idle(Duration::from_nanos(value))
            .map_err(p2)
    }

    fn keep_alive_interval(&mut self, this: Resource<Theirs>) -> SocketResult<u64> {
        Ok(nanos(self.options(&this)?.keep_alive_interval()))
    }

    fn set_keep_alive_interval(&mut self, this: Resource<Theirs>, value: u64) -> SocketResult<()> {
        self.options(&this)?
            .set_keep_alive_interval(Duration::from_nanos(value))
            .map_err(p2)
    }

    fn keep_alive_count(&mut self, this: Resource<Theirs>) -> SocketResult<u32> {
        Ok(self.options(&this)?.keep_alive_count())
    }

    fn set_keep_alive_count(&mut self, this: Resource<Theirs>, value: u32) -> SocketResult<()> {
        self.options(&this)?.set_keep_alive_count(value).map_err(p2)
    }

    fn hop_limit(&mut self, this: Resource<Theirs>) -> SocketResult<u8> {
        Ok(self.options(&this)?.hop_limit())
    }

    fn set_hop_limit(&mut self, this: Resource<Theirs>, value: u8) -> SocketResult<()> {
        self.options(&this)?.set_hop_limit(value).map_err(p2)
    }

    fn receive_buffer_size(&mut self, this: Resource<Theirs>) -> SocketResult<u64> {
        Ok(self.options(&this)?.receive_buffer())
    }

    fn set_receive_buffer_size(&mut self, this: Resource<Theirs>, value: u64) -> SocketResult<()> {
        self.socket(&this)?
            .set_receive_buffer_size(value)
            .map_err(p2)
    }

    fn send_buffer_size(&mut self, this: Resource<Theirs>) -> SocketResult<u64> {
        Ok(self.options(&this)?.send_buffer())
    }

    fn set_send_buffer_size(&mut self, this: Resource<Theirs>, value: u64) -> SocketResult<()> {
        self.options(&this)?.set_send_buffer(value).map_err(p2)
    }

    fn subscribe(&mut self, this: Resource<Theirs>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, ours::<_, Socket>(&this))
    }

    fn shutdown(&mut self, this: Resource<Theirs>, how: ShutdownType) -> SocketResult<()> {
        let State::Connected(stream) = &self.socket(&this)?.state else {
            return Err(ErrorCode::InvalidState.into());
        };
        let shut = stream.shutdown(match how {
            ShutdownType::Receive => Shutdown::Read,
            ShutdownType::Send => Shutdown::Write,
            ShutdownType::Both => Shutdown::Both,
        });
        shut.map_err(p2)
    }

    fn drop(&mut self, this: Resource<Theirs>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Socket>::new_own(this.rep()))?;
        Ok(())
    }
}
