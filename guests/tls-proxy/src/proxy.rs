//! What is inside the TLS, passed on as it is, both ways.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use web::Listener;

use crate::admin::Stats;

/// Connections at a time; further ones wait in the listener's queue.
const CONNECTIONS_MAX: usize = 1024;
/// For the handshake, and for the upstream to take a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much is under way in each direction.
const BUFFER: usize = 16 << 10;
/// What a client is told while nothing listens upstream: the container beside this one may still be starting.
const NO_UPSTREAM: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: connection failure";

pub(crate) struct Proxy {
    pub(crate) listener: Listener,
    pub(crate) upstream: SocketAddr,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) stats: Rc<Stats>,
}

impl Proxy {
    /// Never ends. Dropping it closes all connections.
    pub(crate) async fn run(&self) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Ok(place) = Arc::clone(&places).acquire_owned() => {
                    let Ok((stream, _)) = self.listener.accept().await else {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    };
                    let (acceptor, stats) = (self.acceptor.clone(), Rc::clone(&self.stats));
                    let upstream = self.upstream;
                    connections.spawn_local(async move {
                        stats.connections.enter();
                        connection(stream, &acceptor, upstream, &stats).await;
                        stats.connections.leave();
                        drop(place);
                    });
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: &TlsAcceptor,
    upstream: SocketAddr,
    stats: &Stats,
) {
    let Ok(Ok(mut client)) = timeout(PATIENCE, acceptor.accept(stream)).await else {
        stats.handshakes_failed.add(1);
        return;
    };
    stats.handshakes.add(1);
    let Ok(Ok(mut upstream)) = timeout(PATIENCE, TcpStream::connect(upstream)).await else {
        stats.upstream_failed.add(1);
        let answer = format!(
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{NO_UPSTREAM}",
            NO_UPSTREAM.len()
        );
        // If it is gone already, nobody is left to be told.
        let _ = client.write_all(answer.as_bytes()).await;
        let _ = client.shutdown().await;
        return;
    };
    stats.upstream.enter();
    // Each side may end its half and go on listening. What breaks is one of the two ends; the other one is closed with it.
    if let Ok((received, sent)) =
        tokio::io::copy_bidirectional_with_sizes(&mut client, &mut upstream, BUFFER, BUFFER).await
    {
        stats.received.add(received);
        stats.sent.add(sent);
    }
    stats.upstream.leave();
}
