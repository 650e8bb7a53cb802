//! Doors, with sockets of the machine on one side and a pod's on the other.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream as Real;

use super::{Door, NodePorts, Target};
use crate::model::{Dns, Protocol};
use crate::network::names::tests as names;
use crate::network::{
    Datagram, Endpoint, Family, NetworkSettings, PodNetwork, Service, ServicePort, Switch,
    TcpListener, TcpSocket, UdpSocket,
};

const HERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const SOON: Duration = Duration::from_secs(10);

fn switch() -> Arc<Switch> {
    Switch::new(NetworkSettings::default()).unwrap()
}

fn pod(switch: &Arc<Switch>, name: &str) -> Arc<PodNetwork> {
    let mut identity = names::pod(&Dns::default());
    identity.uid = name.into();
    switch.attach(identity).unwrap()
}

fn listen(net: &Arc<PodNetwork>, at: [u8; 4], port: u16) -> TcpListener {
    let mut socket = TcpSocket::new(net, Family::V4, None).unwrap();
    socket.bind((at, port).into()).unwrap();
    socket.listen(128).unwrap()
}

fn to_pod(net: &Arc<PodNetwork>, port: u16) -> Target {
    Target::Pod {
        net: Arc::clone(net),
        port,
    }
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("in time")
}

/// Echoes every connection.
fn echo(listener: TcpListener) {
    tokio::spawn(async move {
        while let Ok(stream) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(stream.into_io());
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
}

#[tokio::test]
async fn a_door_leads_to_a_port_of_a_pod_and_ends_as_the_sides_do() {
    let switch = switch();
    let net = pod(&switch, "a");
    let listener = listen(&net, [0, 0, 0, 0], 8080);
    let door = Door::tcp(HERE, to_pod(&net, 8080)).unwrap();
    assert_ne!(door.local_address().port(), 0);
    let mut client = Real::connect(door.local_address()).await.unwrap();
    let guest = soon(listener.accept()).await.unwrap();
    assert_eq!(guest.peer_address().ip(), switch.node_ip());
    assert_eq!(guest.local_address(), SocketAddr::from((net.ip(), 8080)));
    let mut guest = guest.into_io();

    client.write_all(b"ping").await.unwrap();
    client.shutdown().await.unwrap();
    let mut heard = Vec::new();
    soon(guest.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"ping");

    guest
        .write_all(b"pong, after the client's end")
        .await
        .unwrap();
    drop(guest);
    let mut heard = Vec::new();
    soon(client.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"pong, after the client's end");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_through_a_door_comes_out_the_same() {
    let switch = switch();
    let net = pod(&switch, "a");
    echo(listen(&net, [0, 0, 0, 0], 8080));
    let door = Door::tcp(HERE, to_pod(&net, 8080)).unwrap();
    let sent: Vec<u8> = (0..16_u32 << 20)
        .map(|n| n.to_le_bytes()[1] ^ n.to_le_bytes()[2])
        .collect();
    let client = Real::connect(door.local_address()).await.unwrap();
    let (mut read, mut write) = client.into_split();
    let (out, expected) = (sent.clone(), sent.len());
    let writer = tokio::spawn(async move {
        // Pieces of every size, the smallest ones, too.
        let mut rest = &out[..];
        let mut size = 1;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(size.min(rest.len()));
            write.write_all(piece).await.unwrap();
            rest = more;
            size = size % 100_000 * 3 + 1;
        }
        write.shutdown().await.unwrap();
    });
    let mut heard = Vec::with_capacity(expected);
    tokio::time::timeout(Duration::from_secs(60), read.read_to_end(&mut heard))
        .await
        .unwrap()
        .unwrap();
    assert!(heard == sent, "{} of {expected} bytes", heard.len());
    writer.await.unwrap();
}

#[tokio::test]
async fn a_client_of_nobody_is_reset() {
    let switch = switch();
    let net = pod(&switch, "a");
    let _loopback_only = listen(&net, [127, 0, 0, 1], 8080);
    let door = Door::tcp(HERE, to_pod(&net, 8080)).unwrap();
    let mut client = Real::connect(door.local_address()).await.unwrap();
    let error = soon(client.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_reset_goes_through_in_both_directions() {
    let switch = switch();
    let net = pod(&switch, "a");
    let listener = listen(&net, [0, 0, 0, 0], 8080);
    let door = Door::tcp(HERE, to_pod(&net, 8080)).unwrap();

    let mut client = Real::connect(door.local_address()).await.unwrap();
    let guest = soon(listener.accept()).await.unwrap();
    guest.reset();
    let error = soon(client.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    let client = Real::connect(door.local_address()).await.unwrap();
    let mut guest = soon(listener.accept()).await.unwrap().into_io();
    client.set_zero_linger().unwrap();
    drop(client);
    let error = soon(guest.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_pod_that_is_gone_takes_its_connections_with_it() {
    let switch = switch();
    let net = pod(&switch, "a");
    let listener = listen(&net, [0, 0, 0, 0], 8080);
    let door = Door::tcp(HERE, to_pod(&net, 8080)).unwrap();
    let mut client = Real::connect(door.local_address()).await.unwrap();
    let _guest = soon(listener.accept()).await.unwrap();
    net.release();
    let heard = soon(client.read(&mut [0])).await;
    assert!(!matches!(heard, Ok(1..)), "{heard:?}");
    let mut client = Real::connect(door.local_address()).await.unwrap();
    let heard = soon(client.read(&mut [0])).await;
    assert!(!matches!(heard, Ok(1..)), "{heard:?}");
}

#[tokio::test]
async fn a_guest_that_is_gone_does_not_keep_a_client_that_never_hangs_up() {
    let switch = switch();
    let net = pod(&switch, "a");
    let listener = listen(&net, [0, 0, 0, 0], 8080);
    let door = Door::tcp(HERE, to_pod(&net, 8080)).unwrap();
    let mut client = Real::connect(door.local_address()).await.unwrap();
    let mut guest = soon(listener.accept()).await.unwrap().into_io();
    guest.write_all(b"bye").await.unwrap();
    drop(guest);
    let mut heard = Vec::new();
    soon(client.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"bye");
    // The door's socket is closed, not only half of it: the second write meets a reset.
    soon(async {
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_closed_door_frees_its_port_and_ends_its_connections() {
    let switch = switch();
    let net = pod(&switch, "a");
    let listener = listen(&net, [0, 0, 0, 0], 8080);
    let door = Door::tcp(HERE, to_pod(&net, 8080)).unwrap();
    let local = door.local_address();
    let error = Door::tcp(local, to_pod(&net, 8080)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let mut client = Real::connect(local).await.unwrap();
    let mut guest = soon(listener.accept()).await.unwrap().into_io();
    door.close().await;
    assert!(!matches!(soon(client.read(&mut [0])).await, Ok(1..)));
    assert!(!matches!(soon(guest.read(&mut [0])).await, Ok(1..)));
    assert!(Real::connect(local).await.is_err());
    // Dropped, it frees its port as well, before any task has had its turn.
    for _ in 0..3 {
        drop(Door::tcp(local, to_pod(&net, 8080)).unwrap());
    }
    assert!(Real::connect(local).await.is_err());
    let door = Door::udp(HERE, to_pod(&net, 53)).unwrap();
    let local = door.local_address();
    drop(door);
    drop(Door::udp(local, to_pod(&net, 53)).unwrap());
}

fn bind_udp(net: &Arc<PodNetwork>, port: u16) -> UdpSocket {
    let socket = UdpSocket::new(net, Family::V4, None).unwrap();
    socket.bind(([0, 0, 0, 0], port).into()).unwrap();
    socket
}

async fn receive(socket: &UdpSocket) -> Datagram {
    soon(std::future::poll_fn(|cx| socket.poll_receive(cx)))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_udp_door_tells_clients_apart_and_brings_answers_back() {
    let switch = switch();
    let net = pod(&switch, "a");
    let guest = bind_udp(&net, 5353);
    let door = Door::udp(HERE, to_pod(&net, 5353)).unwrap();
    let mut clients = Vec::new();
    for text in ["one", "two"] {
        let client = tokio::net::UdpSocket::bind(HERE).await.unwrap();
        client.connect(door.local_address()).await.unwrap();
        client.send(text.as_bytes()).await.unwrap();
        let datagram = receive(&guest).await;
        assert_eq!(datagram.data, text.as_bytes());
        assert_eq!(datagram.from.ip(), switch.node_ip());
        clients.push((client, datagram));
    }
    assert_ne!(clients[0].1.from, clients[1].1.from);
    for (client, datagram) in clients.iter().rev() {
        let answer = Bytes::from(format!("{:?}", datagram.data));
        guest.send(answer.clone(), Some(datagram.from)).unwrap();
        let mut heard = [0; 100];
        let count = soon(client.recv(&mut heard)).await.unwrap();
        assert_eq!(heard[..count], answer);
    }
    clients[0].0.send(b"again").await.unwrap();
    assert_eq!(receive(&guest).await.from, clients[0].1.from);

    // Nobody else answers in the guest's name: not another port, nor another pod.
    let other = bind_udp(&net, 5354);
    let stranger = bind_udp(&pod(&switch, "b"), 5353);
    for socket in [&other, &stranger] {
        let _ = socket.send(Bytes::from_static(b"boo"), Some(clients[0].1.from));
    }
    guest
        .send(Bytes::from_static(b"me"), Some(clients[0].1.from))
        .unwrap();
    let mut heard = [0; 100];
    let count = soon(clients[0].0.recv(&mut heard)).await.unwrap();
    assert_eq!(heard[..count], *b"me");
}

fn service(
    name: &str,
    protocol: Protocol,
    node_port: u16,
    pods: &[&Arc<PodNetwork>],
) -> Arc<Service> {
    let mut service = names::service(name, "shop", Some([10, 89, 0, 77]));
    service.ports = vec![ServicePort {
        name: String::new(),
        protocol,
        port: 80,
        node_port: Some(node_port),
    }];
    let endpoint = |net: &&Arc<PodNetwork>| Endpoint {
        ip: net.ip(),
        hostname: None,
        ready: true,
        targets: vec![Some(8080)],
    };
    service.endpoints = pods.iter().map(endpoint).collect();
    Arc::new(service)
}

async fn apply(
    ports: &mut NodePorts,
    switch: &Arc<Switch>,
    services: &[Arc<Service>],
) -> Vec<(u16, ErrorKind)> {
    switch.set_services(services.iter().map(|s| Service::clone(s)).collect());
    let faults = ports.apply(switch, &switch.services()).await;
    faults
        .iter()
        .map(|fault| (fault.port, fault.error.kind()))
        .collect()
}

/// A port that is free now.
async fn free_port() -> u16 {
    let socket = tokio::net::TcpListener::bind(HERE).await.unwrap();
    socket.local_addr().unwrap().port()
}

#[tokio::test]
async fn n11_node_ports_follow_the_table_of_services() {
    let switch = switch();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let (at_a, at_b) = (
        listen(&a, [0, 0, 0, 0], 8080),
        listen(&b, [0, 0, 0, 0], 8080),
    );
    let mut ports = NodePorts::default();
    let (first, second) = (free_port().await, free_port().await);
    let to = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));

    let web = service("web", Protocol::Tcp, first, &[&a, &b]);
    assert_eq!(
        apply(&mut ports, &switch, std::slice::from_ref(&web)).await,
        []
    );
    assert_eq!(ports.open(), 1);
    // Balanced over both pods.
    let _one = Real::connect(to(first)).await.unwrap();
    let _two = Real::connect(to(first)).await.unwrap();
    soon(at_a.accept()).await.unwrap();
    soon(at_b.accept()).await.unwrap();

    let moved = service("web", Protocol::Tcp, second, &[&b]);
    assert_eq!(apply(&mut ports, &switch, &[moved]).await, []);
    assert!(Real::connect(to(first)).await.is_err());
    let _three = Real::connect(to(second)).await.unwrap();
    soon(at_b.accept()).await.unwrap();

    let empty = service("web", Protocol::Tcp, second, &[]);
    assert_eq!(apply(&mut ports, &switch, &[empty]).await, []);
    let mut nobody = Real::connect(to(second)).await.unwrap();
    let error = soon(nobody.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);

    assert_eq!(apply(&mut ports, &switch, &[]).await, []);
    assert_eq!(ports.open(), 0);
    assert!(Real::connect(to(second)).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn n11_a_node_port_that_is_taken_is_reported_and_tried_again() {
    let switch = switch();
    let taken = tokio::net::TcpListener::bind(HERE).await.unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut ports = NodePorts::default();
    let services = [service("web", Protocol::Tcp, port, &[])];
    let fault = [(port, ErrorKind::AddrInUse)];
    assert_eq!(apply(&mut ports, &switch, &services).await, fault);
    assert_eq!(apply(&mut ports, &switch, &services).await, [], "told once");
    // Nothing changes in the table, and still it is tried again.
    let (_table, mut changed) = tokio::sync::watch::channel(());
    assert!(soon(ports.due(&mut changed)).await);
    drop(taken);
    assert_eq!(apply(&mut ports, &switch, &services).await, []);
    assert_eq!(ports.open(), 1);
}

#[tokio::test]
async fn n11_udp_node_ports_lead_to_a_ready_pod() {
    let switch = switch();
    let net = pod(&switch, "a");
    let guest = bind_udp(&net, 8080);
    let mut ports = NodePorts::default();
    let port = free_port().await;
    let services = [service("dns", Protocol::Udp, port, &[&net])];
    assert_eq!(apply(&mut ports, &switch, &services).await, []);
    let client = tokio::net::UdpSocket::bind(HERE).await.unwrap();
    client.connect(("127.0.0.1", port)).await.unwrap();
    client.send(b"who").await.unwrap();
    let datagram = receive(&guest).await;
    guest
        .send(Bytes::from_static(b"me"), Some(datagram.from))
        .unwrap();
    let mut heard = [0; 9];
    assert_eq!(soon(client.recv(&mut heard)).await.unwrap(), 2);
}

#[tokio::test]
async fn nothing_is_left_of_clients_that_are_over() {
    let switch = switch();
    let net = pod(&switch, "a");
    let door = Door::tcp(HERE, to_pod(&net, 8080)).unwrap();
    {
        let listener = listen(&net, [0, 0, 0, 0], 8080);
        for turn in 0..200 {
            let mut client = Real::connect(door.local_address()).await.unwrap();
            client.write_all(b"hello").await.unwrap();
            let guest = soon(listener.accept()).await.unwrap();
            // Either side hangs up first, in time or with bytes unread.
            if turn % 2 == 0 {
                drop(client);
                drop(guest);
            } else {
                soon(guest.into_io().read_exact(&mut [0; 5])).await.unwrap();
                drop(client);
            }
        }
    }
    soon(async {
        while switch.stats().sockets > 0 || Arc::strong_count(&net) > 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let stats = switch.stats();
    assert_eq!(
        (stats.connections, stats.ports, stats.buffered_bytes),
        (0, 0, 0)
    );
    door.close().await;
    // The test and the switch's two tables.
    assert_eq!(Arc::strong_count(&net), 3);
}

#[tokio::test]
async fn a_udp_door_forgets_its_clients_when_it_closes() {
    let switch = switch();
    let net = pod(&switch, "a");
    let guest = bind_udp(&net, 5353);
    let door = Door::udp(HERE, to_pod(&net, 5353)).unwrap();
    let client = tokio::net::UdpSocket::bind(HERE).await.unwrap();
    client.send_to(b"x", door.local_address()).await.unwrap();
    let source = receive(&guest).await.from;
    assert!(switch.machine().returns().used(source).is_some());
    door.close().await;
    assert!(switch.machine().returns().used(source).is_none());
    // An answer that comes too late is lost, and nobody's fault.
    guest.send(Bytes::from_static(b"y"), Some(source)).unwrap();
    assert_eq!(net.refused(), 0);
}

#[tokio::test]
async fn connections_through_doors_count_as_sockets_of_the_machine() {
    let switch = switch();
    let net = pod(&switch, "a");
    let listener = listen(&net, [0, 0, 0, 0], 8080);
    let door = Door::tcp(HERE, to_pod(&net, 8080)).unwrap();
    let sockets = Arc::clone(switch.machine().sockets());
    let all = sockets.available_permits();
    let most = u32::try_from(all).unwrap();
    let held = sockets.acquire_many(most).await.unwrap();
    let client = Real::connect(door.local_address()).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), listener.accept());
    assert!(early.await.is_err(), "no file is left for it");
    drop(held);
    let guest = soon(listener.accept()).await.unwrap();
    assert_eq!(sockets.available_permits(), all - 1);
    drop((client, guest));
    soon(async {
        while sockets.available_permits() < all {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_udp_door_always_takes_another_client() {
    let switch = switch();
    let net = pod(&switch, "a");
    let guest = bind_udp(&net, 5353);
    let door = Door::udp(HERE, to_pod(&net, 5353)).unwrap();
    let faithful = tokio::net::UdpSocket::bind(HERE).await.unwrap();
    faithful.connect(door.local_address()).await.unwrap();
    faithful.send(b"first").await.unwrap();
    let source = receive(&guest).await.from;
    let mut sources = std::collections::HashSet::new();
    while sources.len() < 1100 {
        let client = tokio::net::UdpSocket::bind(HERE).await.unwrap();
        client.send_to(b"new", door.local_address()).await.unwrap();
        sources.insert(receive(&guest).await.from);
        faithful.send(b"again").await.unwrap();
        let again = receive(&guest).await;
        assert_eq!(again.from, source, "it was never silent");
    }
}

#[tokio::test]
async fn n12_clients_of_a_node_port_are_told_apart_by_their_own_addresses() {
    let switch = switch();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let listeners = [
        listen(&a, [0, 0, 0, 0], 8080),
        listen(&b, [0, 0, 0, 0], 8080),
    ];
    let mut ports = NodePorts::default();
    let port = free_port().await;
    let mut web = Service::clone(&service("web", Protocol::Tcp, port, &[&a, &b]));
    web.client_ip_affinity = Some(Duration::from_secs(60));
    assert_eq!(apply(&mut ports, &switch, &[Arc::new(web)]).await, []);
    let visit = async |client: [u8; 4]| {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((client, 0).into()).unwrap();
        let _real = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        soon(async {
            tokio::select! {
                _ = listeners[0].accept() => 0,
                _ = listeners[1].accept() => 1,
            }
        })
        .await
    };
    let (one, other) = (visit([127, 0, 0, 2]).await, visit([127, 0, 0, 3]).await);
    assert_ne!(one, other);
    for _ in 0..3 {
        assert_eq!(visit([127, 0, 0, 2]).await, one);
        assert_eq!(visit([127, 0, 0, 3]).await, other);
    }
}
