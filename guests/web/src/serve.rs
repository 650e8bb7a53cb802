//! Serving: connections in, answers out, within limits, until it is to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinSet, LocalSet};

use crate::linger::Lingering;
use crate::{Answer, Listener};

/// A request as it comes in, its body still on the wire.
pub type Request = hyper::Request<Incoming>;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Who asks.
    pub remote: SocketAddr,
    /// Where it was accepted.
    pub local: SocketAddr,
}

/// What clients may take up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at a time; further ones wait in the listener's queue.
    pub connections: usize,
    /// How long a client may take for a request's head, and stay idle before it.
    pub idle: Duration,
    /// How long a client that is being sent something may take none of it.
    pub stalled: Duration,
    /// About how long a request's head may be, in bytes; at least 8 KiB. Longer ones are answered with 431.
    pub head_bytes: usize,
    /// Whether a connection serves more than one request.
    pub keep_alive: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 512,
            idle: Duration::from_secs(60),
            stalled: Duration::from_secs(60),
            head_bytes: 32 << 10,
            keep_alive: true,
        }
    }
}

/// How to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At once; what is being sent is cut off.
    Now,
    /// After the requests that are being answered.
    Gracefully,
}

/// The pause after a connection that could not be accepted, so that a lasting fault does not spin.
const AFTER_FAULT: Duration = Duration::from_millis(100);

/// Answers requests until `stop` is ready. On one thread, as a WASI program has it.
pub async fn serve<H>(
    listeners: Vec<Listener>,
    limits: Limits,
    handler: H,
    stop: impl Future<Output = Stop>,
) where
    H: AsyncFn(Request, Peer) -> Answer + 'static,
{
    let handler = Rc::new(handler);
    let places = Arc::new(Semaphore::new(limits.connections));
    let (leave, leaving) = watch::channel(());
    let local = LocalSet::new();
    let mut doors = JoinSet::new();
    for listener in listeners {
        let (handler, places, leaving) = (handler.clone(), places.clone(), leaving.clone());
        doors.spawn_local_on(
            async move { accept(&listener, limits, &handler, &places, &leaving).await },
            &local,
        );
    }
    let how = local.run_until(stop).await;
    let last = async {
        doors.shutdown().await;
        leave.send_replace(());
        // Every place is free again when the last connection is over.
        let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
        drop(places.acquire_many(all).await);
    };
    if how == Stop::Gracefully {
        local.run_until(last).await;
    }
}

async fn accept<H>(
    listener: &Listener,
    limits: Limits,
    handler: &Rc<H>,
    places: &Arc<Semaphore>,
    leaving: &watch::Receiver<()>,
) where
    H: AsyncFn(Request, Peer) -> Answer + 'static,
{
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(limits.head_bytes)
        .keep_alive(limits.keep_alive)
        .title_case_headers(true)
        // Head and body in one write: WASI has no TCP_NODELAY, and a second small one would wait 40 ms for the client's word on the first.
        .writev(false)
        // A client may send all it has to say, close that half, and wait for the answer.
        .half_close(true);
    // The place comes first: a connection that is accepted costs memory, one that waits in the queue does not.
    while let Ok(place) = Arc::clone(places).acquire_owned().await {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(_) => {
                tokio::time::sleep(AFTER_FAULT).await;
                continue;
            }
        };
        let local = stream.local_addr().unwrap_or(listener.address());
        let peer = Peer { remote, local };
        let stream = Lingering::new(stream, limits.stalled);
        let handler = Rc::clone(handler);
        let service = service_fn(move |request| {
            let handler = Rc::clone(&handler);
            async move { Ok::<_, Infallible>(handler(request, peer).await) }
        });
        let connection = http.serve_connection(TokioIo::new(stream), service);
        let mut leaving = leaving.clone();
        tokio::task::spawn_local(async move {
            let mut connection = pin!(connection.with_upgrades());
            // A connection's error is the client's doing: it went away, or spoke no HTTP and was told so.
            tokio::select! {
                _ = connection.as_mut() => {}
                _ = leaving.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(place);
        });
    }
}
