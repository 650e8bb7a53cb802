//! Doors of the machine that lead into the virtual network: hostPort, `--publish`, NodePort.

mod node_ports;
#[cfg(test)]
mod tests;
mod udp;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinHandle, JoinSet};

pub use node_ports::{NodePortFault, NodePorts};

use super::pump::pump;
use super::wake::lock;
use super::{NetError, PodNetwork, Switch, TcpStream};
use crate::model::Protocol;

/// Connections through one door at once; further ones wait in the kernel's backlog.
const CONNECTIONS_MAX: usize = 4096;
/// The kernel's backlog of a door.
const BACKLOG: u32 = 1024;
/// After an accept that failed for want of files or memory, others get a chance to free some.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Where a door leads.
#[derive(Clone, Debug)]
pub enum Target {
    /// To a port of a pod.
    Pod {
        /// The pod.
        net: Arc<PodNetwork>,
        /// Its port.
        port: u16,
    },
    /// To a port of a Service, that is to one of its ready pods.
    Service {
        /// The network it is on.
        switch: Arc<Switch>,
        /// `metadata.namespace`
        namespace: String,
        /// `metadata.name`
        name: String,
        /// Which of `spec.ports`.
        port_index: usize,
    },
}

impl Target {
    fn switch(&self) -> &Arc<Switch> {
        match self {
            Self::Pod { net, .. } => net.switch(),
            Self::Service { switch, .. } => switch,
        }
    }

    async fn dial(&self, client: IpAddr) -> Result<TcpStream, NetError> {
        match self {
            Self::Pod { net, port } => {
                let to = SocketAddr::from((net.ip(), *port));
                net.dial(to, net.switch().node_source()).await
            }
            Self::Service {
                switch,
                namespace,
                name,
                port_index,
            } => {
                let from = switch.node_source();
                switch
                    .dial_service((namespace, name), *port_index, from, client)
                    .await
            }
        }
    }

    /// Whether a client may keep the pod that it has.
    fn leads_to(&self, endpoint: SocketAddr) -> bool {
        match self {
            Self::Pod { .. } => true,
            Self::Service {
                switch,
                namespace,
                name,
                port_index,
            } => switch.is_endpoint((namespace, name), *port_index, endpoint),
        }
    }

    /// The pod for a new client's datagrams, and the address there.
    fn pick(&self, client: SocketAddr) -> Option<(Arc<PodNetwork>, SocketAddr)> {
        match self {
            Self::Pod { net, port } => {
                let address = SocketAddr::from((net.ip(), *port));
                Some((Arc::clone(net), address))
            }
            Self::Service {
                switch,
                namespace,
                name,
                port_index,
            } => switch.endpoint((namespace, name), *port_index, Protocol::Udp, client.ip()),
        }
    }
}

/// A listener of the machine. Dropping it frees its port at once; the connections end as soon as their task is.
#[derive(Debug)]
pub struct Door {
    local: SocketAddr,
    socket: Socket,
    task: JoinHandle<()>,
}

#[derive(Debug)]
enum Socket {
    Tcp(Arc<Opening<TcpListener>>),
    Udp(Arc<Opening<tokio::net::UdpSocket>>),
}

/// A socket that the door closes under the hands of those who use it: they notice only when they have their turn, and a pod that is started
/// again wants the port before that.
#[derive(Debug)]
pub(super) struct Opening<S>(Mutex<Option<S>>);

impl<S> Opening<S> {
    fn new(socket: S) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some(socket))))
    }

    /// What it does if it is open.
    pub(super) fn with<T>(&self, act: impl FnOnce(&S) -> T) -> Option<T> {
        lock(&self.0).as_ref().map(act)
    }

    fn close(&self) {
        let socket = lock(&self.0).take();
        drop(socket);
    }
}

impl Door {
    /// Listens for TCP; port 0 is any free port.
    pub fn tcp(listen: SocketAddr, target: Target) -> io::Result<Self> {
        let socket = if listen.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        // Connections of an earlier run that wait for their last packets do not hold the port. On Windows the option means another
        // thing: that somebody else may take it.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        // What it accepts inherits this: a client that lost its network would keep its connection for ever.
        socket.set_keepalive(true)?;
        socket.bind(listen)?;
        let listener = socket.listen(BACKLOG)?;
        let local = listener.local_addr()?;
        let listener = Opening::new(listener);
        Ok(Self {
            local,
            task: tokio::spawn(accept(Arc::clone(&listener), target)),
            socket: Socket::Tcp(listener),
        })
    }

    /// Receives UDP; port 0 is any free port.
    pub fn udp(listen: SocketAddr, target: Target) -> io::Result<Self> {
        let socket = std::net::UdpSocket::bind(listen)?;
        socket.set_nonblocking(true)?;
        let socket = tokio::net::UdpSocket::from_std(socket)?;
        let local = socket.local_addr()?;
        let socket = Opening::new(socket);
        Ok(Self {
            local,
            task: tokio::spawn(udp::forward(Arc::clone(&socket), target)),
            socket: Socket::Udp(socket),
        })
    }

    /// Where it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    /// What it takes.
    pub fn protocol(&self) -> Protocol {
        match self.socket {
            Socket::Tcp(_) => Protocol::Tcp,
            Socket::Udp(_) => Protocol::Udp,
        }
    }

    /// Closes the door; when this returns, its connections are gone, too.
    pub async fn close(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        match &self.socket {
            Socket::Tcp(listener) => listener.close(),
            Socket::Udp(socket) => socket.close(),
        }
        self.task.abort();
    }
}

async fn accept(listener: Arc<Opening<TcpListener>>, target: Target) {
    let next = || {
        std::future::poll_fn(|cx| {
            let accepted = listener.with(|listener| listener.poll_accept(cx));
            accepted.unwrap_or(Poll::Pending)
        })
    };
    // Dropped with the task, and every connection with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = next(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((outer, client)) => {
                    // One connection may wait here; what comes after it waits in the kernel's backlog.
                    let sockets = target.switch().machine().sockets();
                    let Ok(permit) = Arc::clone(sockets).acquire_owned().await else {
                        return;
                    };
                    connections.spawn(serve(outer, client.ip(), target.clone(), permit));
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(
    outer: tokio::net::TcpStream,
    client: IpAddr,
    target: Target,
    _permit: OwnedSemaphorePermit,
) {
    let dialed = target.dial(client).await;
    // A connection must not keep the pod's network alive.
    drop(target);
    match dialed {
        Ok(inner) => pump(inner, outer).await,
        // The client sees a reset: as near to a refusal as an accepted connection gets.
        Err(_) => {
            let _ = outer.set_zero_linger();
        }
    }
}

/// The client was gone before it was accepted (accept(2)).
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
