//! The name server's socket, which no pod has: datagrams and connections to port 53 of its address come here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::answer::{Answer, Transport, answer};
use crate::network::udp::UdpQueue;
use crate::network::{Datagram, NetError, PodNetwork, TcpIo, TcpStream, tcp};

/// Where a name server listens.
pub(in crate::network) const DNS_PORT: u16 = 53;
/// A connection that is silent for so long is closed (RFC 7766, 6.2.3).
const IDLE: Duration = Duration::from_secs(10);

/// Takes a datagram of a pod. The reply goes to the socket that asked: at once, or when the machine has answered.
pub(in crate::network) fn datagram(pod: &Arc<PodNetwork>, asker: &Arc<UdpQueue>, query: &[u8]) {
    let services = pod.switch().services();
    let question = match answer(&pod.zone(&services), query, Transport::Udp) {
        Answer::Reply(reply) => return deliver(pod, asker, reply),
        Answer::Nothing => return,
        Answer::Outside(question) => question,
    };
    let Ok(permit) = Arc::clone(pod.outside().queries()).try_acquire_owned() else {
        let busy = question.reply(Err(NetError::NameServerFailed));
        return busy
            .into_iter()
            .for_each(|reply| deliver(pod, asker, reply));
    };
    let pod = Arc::clone(pod);
    let asker = Arc::clone(asker);
    tokio::spawn(async move {
        let found = pod.resolve_outside(vec![question.name().to_owned()]).await;
        if let Some(reply) = question.reply(found) {
            deliver(&pod, &asker, reply);
        }
        drop(permit);
    });
}

fn deliver(pod: &PodNetwork, asker: &UdpQueue, reply: Vec<u8>) {
    let from = SocketAddr::from((pod.switch().dns_ip(), DNS_PORT));
    let data = Bytes::from(reply);
    pod.deliver_to(asker, Datagram { data, from });
}

/// Takes a connection of a pod.
pub(in crate::network) fn connect(
    pod: &Arc<PodNetwork>,
    local: SocketAddr,
) -> Result<TcpStream, NetError> {
    // Refused, not made to wait: a guest may need what it has open to close any of it.
    let permit = Arc::clone(pod.outside().dns_connections())
        .try_acquire_owned()
        .map_err(|_| NetError::ConnectionRefused)?;
    let here = SocketAddr::from((pod.switch().dns_ip(), DNS_PORT));
    let (guest, server) = tcp::pair(pod, local, here)?;
    let gone = pod.outside().gone().clone();
    let pod = Arc::clone(pod);
    tokio::spawn(async move {
        tokio::select! {
            _ = serve(&pod, server.into_io()) => {}
            () = gone.cancelled() => {}
        }
        drop(permit);
    });
    Ok(guest)
}

/// Messages with their length before them (RFC 1035, 4.2.2), one after the other.
async fn serve(pod: &PodNetwork, mut stream: TcpIo) -> std::io::Result<()> {
    loop {
        let query = tokio::time::timeout(IDLE, async {
            let length = stream.read_u16().await?;
            let mut query = vec![0; usize::from(length)];
            stream.read_exact(&mut query).await?;
            Ok::<_, std::io::Error>(query)
        })
        .await??;
        let answered = {
            let services = pod.switch().services();
            answer(&pod.zone(&services), &query, Transport::Tcp)
        };
        let reply = match answered {
            Answer::Reply(reply) => reply,
            Answer::Nothing => return Ok(()),
            Answer::Outside(question) => {
                let found = pod.resolve_outside(vec![question.name().to_owned()]).await;
                match question.reply(found) {
                    Some(reply) => reply,
                    None => return Ok(()),
                }
            }
        };
        let Ok(length) = u16::try_from(reply.len()) else {
            return Ok(());
        };
        stream.write_u16(length).await?;
        stream.write_all(&reply).await?;
    }
}
