//! UDP.

use std::net::SocketAddr;

use wasip2::io::poll::Pollable;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::ErrorCode;
use wasip2::sockets::udp::{
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use wasip2::sockets::udp_create_socket::create_udp_socket;

use crate::error::Error;
use crate::name::{family, from_wasi, to_wasi};
use crate::poll::{Deadline, wait};

/// A bound socket.
pub(crate) struct Datagrams {
    // In the order in which they have to go.
    readable: Pollable,
    writable: Pollable,
    incoming: IncomingDatagramStream,
    outgoing: OutgoingDatagramStream,
    socket: UdpSocket,
}

impl Datagrams {
    /// Binds to `local`, and talks with `peer` only, if there is one.
    pub(crate) fn open(local: SocketAddr, peer: Option<SocketAddr>) -> Result<Self, Error> {
        let socket = create_udp_socket(family(local.ip()))?;
        socket.start_bind(&instance_network(), to_wasi(local))?;
        let ready = socket.subscribe();
        loop {
            match socket.finish_bind() {
                Ok(()) => break,
                Err(ErrorCode::WouldBlock) => wait(&[&ready], Deadline::NEVER),
                Err(code) => return Err(code.into()),
            };
        }
        drop(ready);
        let (incoming, outgoing) = socket.stream(peer.map(to_wasi))?;
        Ok(Self {
            readable: incoming.subscribe(),
            writable: outgoing.subscribe(),
            incoming,
            outgoing,
            socket,
        })
    }

    /// Where it is bound.
    pub(crate) fn address(&self) -> Result<SocketAddr, Error> {
        Ok(from_wasi(self.socket.local_address()?))
    }

    /// What to wait for before receiving.
    pub(crate) fn readable(&self) -> &Pollable {
        &self.readable
    }

    /// A datagram that has arrived, and from whom.
    pub(crate) fn receive_now(&mut self) -> Result<Option<(Vec<u8>, SocketAddr)>, Error> {
        match self.incoming.receive(1) {
            Ok(datagrams) => Ok(datagrams
                .into_iter()
                .next()
                .map(|it| (it.data, from_wasi(it.remote_address)))),
            Err(ErrorCode::WouldBlock) => Ok(None),
            Err(code) => Err(code.into()),
        }
    }

    /// Sends a datagram; `to` is for a socket without a peer of its own.
    pub(crate) fn send(&mut self, data: Vec<u8>, to: Option<SocketAddr>) -> Result<(), Error> {
        while self.outgoing.check_send()? == 0 {
            wait(&[&self.writable], Deadline::NEVER);
        }
        let datagram = OutgoingDatagram {
            data,
            remote_address: to.map(to_wasi),
        };
        self.outgoing.send(&[datagram])?;
        Ok(())
    }
}
