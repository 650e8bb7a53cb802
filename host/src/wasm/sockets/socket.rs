//! A guest's TCP socket in its states, as both versions of `wasi:sockets` use it.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use wasmtime_wasi::p2::Pollable;

use crate::budget::Memory;
use crate::network::{
    Connecting, Family, NetError, PodNetwork, TcpListener, TcpOptions, TcpSocket, TcpStream,
};

/// What Linux takes when a program does not say (`net.core.somaxconn`).
pub(super) const BACKLOG: usize = 4096;

/// A socket of a guest, in one of its states.
pub(super) struct Socket {
    pub(super) state: State,
    /// WASI 0.2: the operation that was started and not finished.
    pub(super) pending: Option<Operation>,
    pub(super) options: TcpOptions,
    pub(super) family: Family,
    pub(super) backlog: usize,
    /// WASI 0.3: `send` was called.
    pub(super) sending: bool,
    /// WASI 0.3: `receive` was called.
    pub(super) receiving: bool,
}

pub(super) enum State {
    Open(TcpSocket),
    Connecting(Connecting),
    /// Connected or refused, and not yet told.
    Answered(Result<TcpStream, NetError>),
    Connected(TcpStream),
    /// A stream of accepted sockets (WASI 0.3) holds it too.
    Listening(Arc<TcpListener>),
    /// A connect failed: POSIX leaves such a socket unspecified, WASI closes it.
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Bind,
    Connect,
    Listen,
}

impl Socket {
    pub(super) fn open(
        memory: &Arc<Memory>,
        net: &Arc<PodNetwork>,
        family: Family,
    ) -> Result<Self, NetError> {
        let socket = TcpSocket::new(net, family, Some(memory))?;
        Ok(Self::of(State::Open(socket), TcpOptions::default(), family))
    }

    /// What a listener with these options accepted. As on Linux, they pass on.
    pub(super) fn accepted(stream: TcpStream, options: TcpOptions, family: Family) -> Self {
        stream.set_receive_capacity(capacity(&options));
        Self::of(State::Connected(stream), options, family)
    }

    const fn of(state: State, options: TcpOptions, family: Family) -> Self {
        Self {
            state,
            pending: None,
            options,
            family,
            backlog: BACKLOG,
            sending: false,
            receiving: false,
        }
    }

    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let State::Connecting(connecting) = &mut self.state {
            let Poll::Ready(answer) = connecting.poll(cx) else {
                return Poll::Pending;
            };
            self.state = State::Answered(answer);
        }
        Poll::Ready(())
    }

    /// Takes the answer to a connect.
    pub(super) fn take_answer(&mut self) -> Result<TcpStream, NetError> {
        let State::Answered(answer) = std::mem::replace(&mut self.state, State::Closed) else {
            return Err(NetError::InvalidState);
        };
        let stream = answer?;
        stream.set_receive_capacity(capacity(&self.options));
        self.state = State::Connected(stream.clone());
        Ok(stream)
    }

    /// The socket while it neither listens nor is connected.
    pub(super) fn unspent(&mut self) -> Result<&mut TcpSocket, NetError> {
        match &mut self.state {
            State::Open(socket) => Ok(socket),
            _ => Err(NetError::InvalidState),
        }
    }

    pub(super) fn local_address(&self) -> Option<std::net::SocketAddr> {
        match &self.state {
            State::Open(open) => open.local_address(),
            State::Connecting(connecting) => Some(connecting.local_address()),
            State::Connected(stream) | State::Answered(Ok(stream)) => Some(stream.local_address()),
            State::Listening(listener) => Some(listener.local_address()),
            State::Answered(Err(_)) | State::Closed => None,
        }
    }

    pub(super) fn remote_address(&self) -> Option<std::net::SocketAddr> {
        match &self.state {
            State::Connected(stream) => Some(stream.peer_address()),
            _ => None,
        }
    }

    pub(super) fn set_backlog(&mut self, value: u64) -> Result<(), NetError> {
        if value == 0 {
            return Err(NetError::InvalidArgument);
        }
        let backlog = usize::try_from(value).unwrap_or(BACKLOG).min(BACKLOG);
        match &self.state {
            State::Open(_) => {}
            State::Listening(listener) => listener.set_backlog(backlog),
            _ => return Err(NetError::InvalidState),
        }
        self.backlog = backlog;
        Ok(())
    }

    pub(super) fn set_receive_buffer_size(&mut self, value: u64) -> Result<(), NetError> {
        self.options.set_receive_buffer(value)?;
        if let State::Connected(stream) = &self.state {
            stream.set_receive_capacity(capacity(&self.options));
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Pollable for Socket {
    async fn ready(&mut self) {
        match &self.state {
            State::Listening(listener) if self.pending.is_none() => {
                poll_fn(|cx| listener.poll_acceptable(cx)).await;
            }
            State::Connecting(_) => poll_fn(|cx| self.poll_answer(cx)).await,
            _ => {}
        }
    }
}

fn capacity(options: &TcpOptions) -> usize {
    usize::try_from(options.receive_buffer()).unwrap_or(usize::MAX)
}
