//! Listening on WASI.

use std::io;
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;

use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

/// A TCP listener. It is not tokio's own: that one makes an accepted socket non-blocking by fcntl, which the wasi-libc of Rust's
/// wasm32-wasip2 target does not offer on sockets (Rust 1.95), so that every accept would fail with EINVAL. Here std does it, by ioctl.
pub struct Listener {
    /// The listening socket. tokio only has to watch it, and a `TcpStream` is what can be watched.
    watched: TcpStream,
    address: SocketAddr,
}

impl Listener {
    /// Listens on an address, inside a tokio runtime.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Listener> {
        let listener = net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let watched = TcpStream::from_std(net::TcpStream::from(OwnedFd::from(listener)))?;
        Ok(Listener { watched, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection, and who it is from.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let listening = SockRef::from(&self.watched);
        let (socket, peer) = self
            .watched
            .async_io(Interest::READABLE, || listening.accept_raw())
            .await?;
        let stream = net::TcpStream::from(socket);
        stream.set_nonblocking(true)?;
        let peer = peer.as_socket().ok_or(io::ErrorKind::InvalidData)?;
        Ok((TcpStream::from_std(stream)?, peer))
    }
}
