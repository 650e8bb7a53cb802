//! UDP through a door: each client is an address of the node to the pod, whose answers find the way back by it.

use std::collections::HashMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::{Opening, Target};
use crate::network::outside::{DATAGRAM_BYTES_MAX, Return};
use crate::network::{Datagram, PodNetwork, Switch};

/// Clients of one door at once; one more, and the one that was silent longest is forgotten.
const CLIENTS_MAX: usize = 1024;
/// A client that is silent for so long is forgotten.
const CLIENT_IDLE: Duration = Duration::from_secs(60);
/// How often silent clients are looked for.
const SWEEP: Duration = Duration::from_secs(10);

/// A client of the door.
struct Client {
    /// What the pod takes it for.
    source: SocketAddr,
    pod: Weak<PodNetwork>,
    endpoint: SocketAddr,
}

/// The clients; all are forgotten when the door closes.
struct Clients {
    switch: Arc<Switch>,
    list: HashMap<SocketAddr, Client>,
}

impl Clients {
    fn forget_silent(&mut self) {
        let returns = self.switch.machine().returns();
        self.list.retain(|_, client| {
            let used = returns.used(client.source);
            let keep = used.is_some_and(|used| used.elapsed() < CLIENT_IDLE)
                && client.pod.strong_count() > 0;
            if !keep {
                returns.leave(client.source);
            }
            keep
        });
    }
}

impl Clients {
    /// Makes room for one more.
    fn forget_longest_silent(&mut self) {
        let returns = self.switch.machine().returns();
        let used = |client: &Client| returns.used(client.source);
        let silent = self.list.iter().min_by_key(|(_, client)| used(client));
        let silent = silent.map(|(from, _)| *from);
        if let Some(client) = silent.and_then(|from| self.list.remove(&from)) {
            returns.leave(client.source);
        }
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        for client in self.list.values() {
            self.switch.machine().returns().leave(client.source);
        }
    }
}

/// Receives until the task is stopped.
pub(super) async fn forward(socket: Arc<Opening<UdpSocket>>, target: Target) {
    let mut clients = Clients {
        switch: Arc::clone(target.switch()),
        list: HashMap::new(),
    };
    let mut sweep = tokio::time::interval(SWEEP);
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let mut room = ReadBuf::new(&mut buffer);
        let receive = poll_fn(|cx| {
            let received = socket.with(|socket| socket.poll_recv_from(cx, &mut room));
            received.unwrap_or(Poll::Pending)
        });
        let from = tokio::select! {
            received = receive => match received {
                Ok(from) => from,
                // An answer of the pod met nobody.
                Err(_) => {
                    tokio::task::yield_now().await;
                    continue;
                }
            },
            _ = sweep.tick() => {
                clients.forget_silent();
                continue;
            }
        };
        let Some((pod, port, source)) = client(&mut clients, &socket, &target, from) else {
            continue;
        };
        clients.switch.machine().returns().touch(source);
        let data = Bytes::copy_from_slice(room.filled());
        pod.deliver(port, Datagram { data, from: source });
    }
}

fn client(
    clients: &mut Clients,
    socket: &Arc<Opening<UdpSocket>>,
    target: &Target,
    from: SocketAddr,
) -> Option<(Arc<PodNetwork>, u16, SocketAddr)> {
    if let Some(client) = clients.list.get(&from) {
        // A Service's pod may be gone, or no longer be one of its pods: then the client gets another.
        if let Some(pod) = client
            .pod
            .upgrade()
            .filter(|_| target.leads_to(client.endpoint))
        {
            return Some((pod, client.endpoint.port(), client.source));
        }
        clients.switch.machine().returns().leave(client.source);
        clients.list.remove(&from);
    }
    let (pod, endpoint) = target.pick(from)?;
    if clients.list.len() >= CLIENTS_MAX {
        clients.forget_longest_silent();
    }
    let port = endpoint.port();
    let entry = Return {
        pod: pod.identity().uid.clone(),
        port,
        socket: Arc::clone(socket),
        client: from,
        used: Instant::now(),
    };
    let switch = &clients.switch;
    let source = switch
        .machine()
        .returns()
        .enter(|| switch.node_source(), entry)?;
    clients.list.insert(
        from,
        Client {
            source,
            pod: Arc::downgrade(&pod),
            endpoint,
        },
    );
    Some((pod, port, source))
}
