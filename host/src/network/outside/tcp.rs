//! Connections of pods to the real network.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::limits::CONNECT_TIME;
use super::{elsewhere, net_error, permitted};
use crate::model::Protocol;
use crate::network::dns::{self, DNS_PORT};
use crate::network::pump::pump;
use crate::network::{NetError, PodNetwork, TcpStream, tcp};

/// Opens a connection to the real network for a pod. The stream it answers with is the guest's side of [`tcp::pair`]. Dropping the
/// receiver gives it up.
pub(in crate::network) fn connect(
    pod: &Arc<PodNetwork>,
    remote: SocketAddr,
) -> Result<oneshot::Receiver<Result<TcpStream, NetError>>, NetError> {
    // Whoever asked knows its port.
    let local = SocketAddr::new(tcp::source_for(pod, remote.ip()), 0);
    if remote.ip() == pod.switch().dns_ip() {
        let (answer, receiver) = oneshot::channel();
        let server = match remote.port() {
            DNS_PORT => dns::connect(pod, local),
            _ => Err(NetError::ConnectionRefused),
        };
        let _ = answer.send(server);
        return Ok(receiver);
    }
    let real = permitted(pod, remote, Protocol::Tcp)?;
    elsewhere(pod, remote, real, Protocol::Tcp)?;
    let outside = pod.outside();
    // Refused, not made to wait: a guest may need what it has open to close any of it.
    let permits = (
        permit(&outside.connections)?,
        permit(&pod.switch().machine().sockets)?,
    );
    let (mut answer, receiver) = oneshot::channel();
    let gone = outside.gone.clone();
    let pod = Arc::clone(pod);
    tokio::spawn(async move {
        let opened = tokio::select! {
            opened = open(real) => opened,
            () = answer.closed() => return,
            () = gone.cancelled() => Err(NetError::ConnectionAborted),
        };
        let pair = opened.and_then(|outer| {
            let (guest, inner) = tcp::pair(&pod, local, remote)?;
            Ok((guest, inner, outer))
        });
        // The pump must not keep the pod's network alive.
        drop(pod);
        let (inner, outer) = match pair {
            Ok((guest, inner, outer)) => match answer.send(Ok(guest)) {
                Ok(()) => (inner, outer),
                Err(_) => return,
            },
            Err(error) => {
                let _ = answer.send(Err(error));
                return;
            }
        };
        tokio::select! {
            () = pump(inner, outer) => {}
            () = gone.cancelled() => {}
        }
        drop(permits);
    });
    Ok(receiver)
}

async fn open(to: SocketAddr) -> Result<tokio::net::TcpStream, NetError> {
    match tokio::time::timeout(CONNECT_TIME, tokio::net::TcpStream::connect(to)).await {
        Ok(opened) => opened.map_err(|error| net_error(&error)),
        Err(_) => Err(NetError::TimedOut),
    }
}

pub(super) fn permit(of: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, NetError> {
    Arc::clone(of)
        .try_acquire_owned()
        .map_err(|_| NetError::TooManySockets)
}
