//! TCP.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::ErrorCode;
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

use crate::error::Error;
use crate::name::{family, from_wasi, to_wasi};
use crate::poll::{Deadline, wait};

/// How long [`Connection`]'s `Read` and `Write` wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Until then at the latest.
    pub(crate) until: Deadline,
    /// For each step.
    pub(crate) step: Option<Duration>,
}

impl Patience {
    fn now(self) -> Deadline {
        self.until.or(Deadline::within(self.step))
    }
}

/// An open connection. As `Read` and `Write` it waits, as long as its patience lasts.
pub(crate) struct Connection {
    // In the order in which they have to go: what comes of a stream before the stream, the streams before their socket.
    readable: Pollable,
    writable: Pollable,
    input: InputStream,
    output: OutputStream,
    socket: TcpSocket,
    patience: Patience,
}

impl Connection {
    /// Connects; `from` is this end's address.
    pub(crate) fn connect(
        to: SocketAddr,
        from: Option<SocketAddr>,
        patience: Patience,
    ) -> Result<Self, Error> {
        let network = instance_network();
        let socket = create_tcp_socket(family(to.ip()))?;
        let deadline = patience.now();
        if let Some(from) = from {
            bind(&socket, from, deadline)?;
        }
        socket.start_connect(&network, to_wasi(to))?;
        let (input, output) = finish(&socket, deadline, TcpSocket::finish_connect)?;
        Ok(Self::new(socket, input, output, patience))
    }

    fn new(
        socket: TcpSocket,
        input: InputStream,
        output: OutputStream,
        patience: Patience,
    ) -> Self {
        Self {
            readable: input.subscribe(),
            writable: output.subscribe(),
            input,
            output,
            socket,
            patience,
        }
    }

    /// How long it waits from now on.
    pub(crate) fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// What to wait for before reading.
    pub(crate) fn readable(&self) -> &Pollable {
        &self.readable
    }

    /// What to wait for before writing.
    pub(crate) fn writable(&self) -> &Pollable {
        &self.writable
    }

    /// What has arrived: nothing at the peer's end, none where nothing came yet.
    pub(crate) fn read_now(&mut self, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        match self.input.read(u64::try_from(limit).unwrap_or(u64::MAX)) {
            Ok(bytes) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Err(StreamError::Closed) => Ok(Some(Vec::new())),
            Err(StreamError::LastOperationFailed(_)) => Err(Error::Reset),
        }
    }

    /// Sends as much as can be taken now: how much that was.
    pub(crate) fn write_now(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let gone = |_| Error::BrokenPipe;
        let room = self.output.check_write().map_err(gone)?;
        let now = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let bytes = bytes.get(..now).unwrap_or_default();
        if !bytes.is_empty() {
            self.output.write(bytes).map_err(gone)?;
        }
        Ok(now)
    }

    /// Tells the peer that nothing more will come.
    pub(crate) fn shut_write(&mut self) {
        // Where that fails the peer has gone, and reading will say so.
        let _ = self.output.flush();
        let _ = self.socket.shutdown(ShutdownType::Send);
    }

    /// The addresses of this end and of the peer.
    pub(crate) fn ends(&self) -> Result<(SocketAddr, SocketAddr), Error> {
        let (local, remote) = (self.socket.local_address()?, self.socket.remote_address()?);
        Ok((from_wasi(local), from_wasi(remote)))
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let deadline = self.patience.now();
        loop {
            if let Some(bytes) = self.read_now(buffer.len())? {
                let (head, _) = buffer
                    .split_at_mut_checked(bytes.len())
                    .ok_or(io::ErrorKind::InvalidData)?;
                head.copy_from_slice(&bytes);
                return Ok(bytes.len());
            }
            if !wait(&[&self.readable], deadline) {
                return Err(Error::TimedOut.into());
            }
        }
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let deadline = self.patience.now();
        loop {
            let written = self.write_now(bytes)?;
            if written > 0 || bytes.is_empty() {
                return Ok(written);
            }
            if !wait(&[&self.writable], deadline) {
                return Err(Error::TimedOut.into());
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush().map_err(|_| Error::BrokenPipe.into())
    }
}

/// A listening socket.
pub(crate) struct Listener {
    ready: Pollable,
    socket: TcpSocket,
}

impl Listener {
    /// Listens at `address`.
    pub(crate) fn bind(address: SocketAddr) -> Result<Self, Error> {
        let socket = create_tcp_socket(family(address.ip()))?;
        bind(&socket, address, Deadline::NEVER)?;
        socket.start_listen()?;
        finish(&socket, Deadline::NEVER, TcpSocket::finish_listen)?;
        Ok(Self {
            ready: socket.subscribe(),
            socket,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Result<SocketAddr, Error> {
        Ok(from_wasi(self.socket.local_address()?))
    }

    /// The next connection.
    pub(crate) fn accept(
        &self,
        deadline: Deadline,
        patience: Patience,
    ) -> Result<Connection, Error> {
        loop {
            match self.socket.accept() {
                Ok((socket, input, output)) => {
                    return Ok(Connection::new(socket, input, output, patience));
                }
                Err(ErrorCode::WouldBlock) => {
                    if !wait(&[&self.ready], deadline) {
                        return Err(Error::TimedOut);
                    }
                }
                // A client that went before its turn is no fault of the listener's.
                Err(ErrorCode::ConnectionAborted | ErrorCode::ConnectionReset) => {}
                Err(code) => return Err(code.into()),
            }
        }
    }
}

fn bind(socket: &TcpSocket, address: SocketAddr, deadline: Deadline) -> Result<(), Error> {
    socket.start_bind(&instance_network(), to_wasi(address))?;
    finish(socket, deadline, TcpSocket::finish_bind)
}

/// Waits for what was started.
fn finish<T>(
    socket: &TcpSocket,
    deadline: Deadline,
    step: impl Fn(&TcpSocket) -> Result<T, ErrorCode>,
) -> Result<T, Error> {
    let ready = socket.subscribe();
    loop {
        match step(socket) {
            Ok(done) => return Ok(done),
            Err(ErrorCode::WouldBlock) => {
                if !wait(&[&ready], deadline) {
                    return Err(Error::TimedOut);
                }
            }
            Err(code) => return Err(code.into()),
        }
    }
}
