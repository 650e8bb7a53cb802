//! The way outside, with the machine's loopback as the real network.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener as Real;

use super::Refused;
use crate::model::{Dns, Protocol};
use crate::network::names::tests as names;
use crate::network::{
    Datagram, Family, NetError, NetworkSettings, PodNetwork, Service, Switch, TcpSocket, TcpStream,
    UdpSocket,
};

const SOON: Duration = Duration::from_secs(10);

fn pod(egress: &str) -> Arc<PodNetwork> {
    let switch = Switch::new(NetworkSettings::default()).unwrap();
    switch.set_services(
        names::services()
            .iter()
            .map(|s| Service::clone(s))
            .collect(),
    );
    let mut identity = names::pod(&Dns::default());
    identity.egress = egress.parse().unwrap();
    switch.attach(identity).unwrap()
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("in time")
}

async fn connect(net: &Arc<PodNetwork>, to: SocketAddr) -> Result<TcpStream, NetError> {
    let mut socket = TcpSocket::new(net, Family::V4, None)?;
    soon(socket.connect(to)?).await
}

fn host(net: &Arc<PodNetwork>, port: u16) -> SocketAddr {
    SocketAddr::from((net.switch().node_ip(), port))
}

async fn server() -> (Real, u16) {
    let server = Real::bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    (server, port)
}

#[tokio::test]
async fn nothing_outside_is_reachable_unless_it_is_allowed_and_that_is_told_once() {
    let net = pod("none");
    let (_server, port) = server().await;
    let mut refusals = net.switch().refusals();
    let out: SocketAddr = "93.184.216.34:80".parse().unwrap();
    for to in [host(&net, port), out, out] {
        assert_eq!(connect(&net, to).await.unwrap_err(), NetError::AccessDenied);
    }
    for expected in [host(&net, port), out] {
        let refusal = soon(refusals.recv()).await.unwrap();
        assert_eq!(refusal.pod, net.identity().uid);
        assert_eq!(refusal.what, Refused::Address(expected, Protocol::Tcp));
    }
    assert!(refusals.try_recv().is_err());
    assert_eq!(net.outside().refused(), 3);
}

#[tokio::test]
async fn the_machines_loopback_is_reached_by_the_nodes_address_where_host_is_allowed() {
    let (server, port) = server().await;
    let net = pod(&format!("host:{port}"));
    let guest = connect(&net, host(&net, port)).await.unwrap();
    assert_eq!(guest.peer_address(), host(&net, port));
    assert_eq!(guest.local_address().ip(), net.ip());
    let (mut real, from) = soon(server.accept()).await.unwrap();
    assert!(from.ip().is_loopback());
    let mut guest = guest.into_io();
    guest.write_all(b"ping").await.unwrap();
    guest.shutdown().await.unwrap();
    let mut heard = Vec::new();
    soon(real.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"ping");
    real.write_all(b"pong").await.unwrap();
    drop(real);
    heard.clear();
    soon(guest.read_to_end(&mut heard)).await.unwrap();
    assert_eq!(heard, b"pong");
    let other = connect(&net, host(&net, port.wrapping_add(1))).await;
    assert_eq!(other.unwrap_err(), NetError::AccessDenied);
}

#[tokio::test]
async fn what_the_machine_says_to_a_connect_is_what_the_guest_hears() {
    let (server, port) = server().await;
    drop(server);
    let net = pod("host");
    let refused = connect(&net, host(&net, port)).await;
    assert_eq!(refused.unwrap_err(), NetError::ConnectionRefused);
}

#[tokio::test]
async fn resets_go_through_and_a_pod_that_is_gone_hangs_up() {
    let (server, port) = server().await;
    let net = pod("host");
    let mut guest = connect(&net, host(&net, port)).await.unwrap().into_io();
    let (real, _) = soon(server.accept()).await.unwrap();
    real.set_zero_linger().unwrap();
    drop(real);
    let error = soon(guest.read(&mut [0])).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);

    let _guest = connect(&net, host(&net, port)).await.unwrap();
    let (mut real, _) = soon(server.accept()).await.unwrap();
    net.release();
    assert!(!matches!(soon(real.read(&mut [0])).await, Ok(1..)));
}

#[tokio::test]
async fn a_pod_gets_so_many_connections_and_no_more() {
    let (server, port) = server().await;
    let net = pod("host");
    let taken = net.outside().connections.clone();
    let most = u32::try_from(super::CONNECTIONS_PER_POD).unwrap();
    let held = taken.acquire_many(most).await.unwrap();
    let refused = connect(&net, host(&net, port)).await;
    assert_eq!(refused.unwrap_err(), NetError::TooManySockets);
    drop(held);
    let guest = connect(&net, host(&net, port)).await.unwrap();
    let (real, _) = soon(server.accept()).await.unwrap();
    drop((guest, real));
    soon(async {
        while taken.available_permits() < super::CONNECTIONS_PER_POD {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

fn bind_udp(net: &Arc<PodNetwork>) -> UdpSocket {
    let socket = UdpSocket::new(net, Family::V4, None).unwrap();
    socket.bind(([0, 0, 0, 0], 0).into()).unwrap();
    socket
}

async fn receive(socket: &UdpSocket) -> Datagram {
    soon(std::future::poll_fn(|cx| socket.poll_receive(cx)))
        .await
        .unwrap()
}

#[tokio::test]
async fn datagrams_go_out_and_only_answers_come_in() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let stranger = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = server.local_addr().unwrap().port();
    let net = pod(&format!("host:{to}"));
    let guest = bind_udp(&net);
    guest
        .send(Bytes::from_static(b"who"), Some(host(&net, to)))
        .unwrap();
    let mut heard = [0; 100];
    let (count, from) = soon(server.recv_from(&mut heard)).await.unwrap();
    assert_eq!(heard[..count], *b"who");
    let machine = SocketAddr::from(([127, 0, 0, 1], from.port()));
    stranger.send_to(b"boo", machine).await.unwrap();
    server.send_to(b"me", machine).await.unwrap();
    let datagram = receive(&guest).await;
    assert_eq!(datagram.data, &b"me"[..]);
    assert_eq!(datagram.from, host(&net, to));

    // The same socket of the machine serves the same socket of the pod.
    guest
        .send(Bytes::from_static(b"again"), Some(host(&net, to)))
        .unwrap();
    assert_eq!(soon(server.recv_from(&mut heard)).await.unwrap().1, from);

    let out: SocketAddr = "93.184.216.34:53".parse().unwrap();
    let mut refusals = net.switch().refusals();
    let denied = guest.send(Bytes::from_static(b"x"), Some(out));
    assert_eq!(denied, Err(NetError::AccessDenied));
    let refusal = soon(refusals.recv()).await.unwrap();
    assert_eq!(refusal.what, Refused::Address(out, Protocol::Udp));

    let sockets = net.switch().machine().sockets.clone();
    let free = sockets.available_permits();
    net.release();
    soon(async {
        while sockets.available_permits() != free + 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_is_silent_for_a_minute_is_closed() {
    let net = pod("host");
    let guest = bind_udp(&net);
    let sockets = net.switch().machine().sockets.clone();
    let free = sockets.available_permits();
    let send = || guest.send(Bytes::from_static(b"x"), Some(host(&net, 9)));
    for _ in 0..3 {
        send().unwrap();
        assert_eq!(sockets.available_permits(), free - 2);
        tokio::time::sleep(Duration::from_secs(59)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(sockets.available_permits(), free);
    send().unwrap();
    assert_eq!(sockets.available_permits(), free - 2);
}

#[tokio::test]
async fn nothing_is_left_of_connections_that_are_over() {
    let (server, port) = server().await;
    tokio::spawn(async move {
        while let Ok((mut real, _)) = server.accept().await {
            tokio::spawn(async move { real.write_all(b"hello").await });
        }
    });
    let net = pod("host");
    let machine = net.switch().machine();
    let free = machine.sockets.available_permits();
    for _ in 0..20 {
        let mut open = Vec::new();
        for _ in 0..20 {
            open.push(connect(&net, host(&net, port)).await.unwrap());
        }
        // Some read it all, some hang up with bytes unread.
        for stream in open.into_iter().step_by(2) {
            let mut heard = Vec::new();
            soon(stream.into_io().read_to_end(&mut heard))
                .await
                .unwrap();
            assert_eq!(heard, b"hello");
        }
    }
    soon(async {
        while machine.sockets.available_permits() < free {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    let stats = net.switch().stats();
    assert_eq!(
        (
            stats.sockets,
            stats.connections,
            stats.ports,
            stats.buffered_bytes
        ),
        (0, 0, 0, 0)
    );
    // The test, the switch's two tables, and nobody else.
    assert_eq!(Arc::strong_count(&net), 3);
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

#[tokio::test]
async fn n13_the_name_server_answers_datagrams() {
    let net = pod("none");
    let guest = bind_udp(&net);
    let server = SocketAddr::from((net.switch().dns_ip(), 53));
    let ask = async |name: &str| {
        let query = question(name, RecordType::A);
        guest
            .send(query.to_vec().unwrap().into(), Some(server))
            .unwrap();
        let datagram = receive(&guest).await;
        assert_eq!(datagram.from, server);
        let reply = Message::from_vec(&datagram.data).unwrap();
        assert_eq!(reply.id, query.id);
        reply
    };
    let reply = ask("web.shop.svc.cluster.local.").await;
    assert_eq!(reply.answers[0].data.to_string(), "10.89.0.20");
    let reply = ask("nobody.shop.svc.cluster.local.").await;
    assert_eq!(reply.response_code, ResponseCode::NXDomain);
    let mut refusals = net.switch().refusals();
    let reply = ask("example.com.").await;
    assert_eq!(reply.response_code, ResponseCode::Refused);
    let refusal = soon(refusals.recv()).await.unwrap();
    assert_eq!(refusal.what, Refused::Name("example.com".into()));
}

#[tokio::test]
async fn n13_the_name_server_answers_connections() {
    let net = pod("none");
    let server = SocketAddr::from((net.switch().dns_ip(), 53));
    let other = SocketAddr::from((net.switch().dns_ip(), 80));
    let refused = connect(&net, other).await;
    assert_eq!(refused.unwrap_err(), NetError::ConnectionRefused);
    let mut guest = connect(&net, server).await.unwrap().into_io();
    for _ in 0..2 {
        let query = question("db.shop.svc.cluster.local.", RecordType::A)
            .to_vec()
            .unwrap();
        guest
            .write_u16(u16::try_from(query.len()).unwrap())
            .await
            .unwrap();
        guest.write_all(&query).await.unwrap();
        let mut reply = vec![0; usize::from(soon(guest.read_u16()).await.unwrap())];
        soon(guest.read_exact(&mut reply)).await.unwrap();
        assert_eq!(Message::from_vec(&reply).unwrap().answers.len(), 3);
    }
    guest.write_u16(3).await.unwrap();
    guest.write_all(b"abc").await.unwrap();
    assert_eq!(
        soon(guest.read(&mut [0])).await.unwrap(),
        0,
        "no query: closed"
    );
}

#[tokio::test]
async fn a_pod_resolves_what_it_may() {
    let net = pod("none");
    assert_eq!(
        net.resolve("web").await.unwrap(),
        [std::net::IpAddr::from([10, 89, 0, 20])]
    );
    let mut first: Vec<_> = Vec::new();
    for _ in 0..3 {
        let ips = net.resolve("db").await.unwrap();
        assert_eq!(ips.len(), 3);
        first.push(ips[0]);
    }
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 3, "each endpoint has its turn");
    assert_eq!(net.resolve("a b").await, Err(NetError::NameUnresolvable));
    let mut refusals = net.switch().refusals();
    assert_eq!(
        net.resolve("example.com").await,
        Err(NetError::AccessDenied)
    );
    let refusal = soon(refusals.recv()).await.unwrap();
    assert_eq!(refusal.what, Refused::Name("example.com".into()));
}

#[tokio::test]
async fn names_that_mean_the_machines_own_loopback_mean_nothing_to_a_pod() {
    let found = super::lookup::first_of(vec!["localhost".into()], ()).await;
    assert_eq!(found, Err(NetError::NameUnresolvable));
}

#[tokio::test]
async fn a_socket_that_is_closed_takes_its_way_back_with_it() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = server.local_addr().unwrap().port();
    let net = pod("host");
    let here: SocketAddr = ([0, 0, 0, 0], 7777).into();
    let old = UdpSocket::new(&net, Family::V4, None).unwrap();
    old.bind(here).unwrap();
    let ask = async |socket: &UdpSocket| {
        let sent = socket.send(Bytes::from_static(b"who"), Some(host(&net, to)));
        sent.unwrap();
        soon(server.recv_from(&mut [0; 9])).await.unwrap().1
    };
    let from = ask(&old).await;
    drop(old);
    assert!(net.outside().flows.len() == 0);
    // Whoever has the port next does not get what was meant for another.
    let next = UdpSocket::new(&net, Family::V4, None).unwrap();
    next.bind(here).unwrap();
    server.send_to(b"late", from).await.unwrap();
    let from = ask(&next).await;
    server.send_to(b"mine", from).await.unwrap();
    assert_eq!(receive(&next).await.data, &b"mine"[..]);

    for _ in 0..2 * super::limits::FLOWS_PER_POD {
        ask(&bind_udp(&net)).await;
    }
}

#[tokio::test]
async fn one_socket_too_many_takes_the_way_back_of_the_one_silent_longest() {
    let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let to = server.local_addr().unwrap().port();
    let net = pod("host");
    let who = Bytes::from_static(b"who");
    let mut sockets = Vec::new();
    for _ in 0..=super::limits::FLOWS_PER_POD {
        let socket = bind_udp(&net);
        // The machine may have files for just as many: then the one that went has to be closed first.
        soon(async {
            while socket.send(who.clone(), Some(host(&net, to))).is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        let (_, from) = soon(server.recv_from(&mut [0; 9])).await.unwrap();
        sockets.push((socket, from));
    }
    assert_eq!(net.outside().flows.len(), super::limits::FLOWS_PER_POD);
    let (socket, from) = &sockets[1];
    server.send_to(b"you", from).await.unwrap();
    assert_eq!(receive(socket).await.data, &b"you"[..]);
    let (socket, _) = &sockets[0];
    socket.send(who, Some(host(&net, to))).unwrap();
    let (_, from) = soon(server.recv_from(&mut [0; 9])).await.unwrap();
    server.send_to(b"you", from).await.unwrap();
    assert_eq!(receive(socket).await.data, &b"you"[..]);
}

fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn answers_that_nobody_looks_at_hold_up_no_other_look_up() {
    let net = pod("dns");
    let lookups = net.outside().lookups.clone();
    let held = lookups.acquire_many(8).await.unwrap();
    let mut ignored = Box::pin(net.resolve_outside(vec!["localhost".into()]));
    assert!(poll_once(ignored.as_mut()).is_pending());
    drop(held);
    let asked = net.resolve_outside(vec!["localhost".into()]);
    assert_eq!(soon(asked).await, Err(NetError::NameUnresolvable));
    soon(async {
        while lookups.available_permits() < 8 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn so_many_look_ups_wait_and_no_more_and_those_given_up_make_room() {
    let net = pod("dns");
    let lookups = net.outside().lookups.clone();
    let _held = lookups.acquire_many(8).await.unwrap();
    let ask = || Box::pin(net.resolve_outside(vec!["localhost".into()]));
    let mut asked: Vec<_> = (0..super::LOOKUPS_PENDING_PER_POD).map(|_| ask()).collect();
    for one in &mut asked {
        assert!(poll_once(one.as_mut()).is_pending());
    }
    assert_eq!(ask().await, Err(NetError::NameServerFailed));
    drop(asked);
    soon(async {
        while poll_once(ask().as_mut()).is_ready() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[test]
fn the_machine_is_known_by_its_addresses() {
    let leads_here = |text: &str| super::leads_here(text.parse().unwrap()).unwrap();
    assert!(leads_here("127.0.0.1:9"));
    assert!(leads_here("127.1.2.3:9"));
    assert!(super::sends_from("127.0.0.1:0".parse().unwrap()).unwrap());
    // Documentation's (RFC 5737): nobody has it.
    assert!(!leads_here("198.51.100.2:9"));
}

#[tokio::test]
async fn the_machine_by_an_address_of_an_interface_needs_host_too() {
    let probe = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let own = probe
        .connect("198.51.100.1:9")
        .and_then(|()| probe.local_addr());
    let own = match own {
        Ok(own) if !own.ip().is_loopback() => own.ip(),
        // No network but loopback: there is no such address to try.
        _ => return,
    };
    let server = Real::bind((own, 0)).await.unwrap();
    let to = server.local_addr().unwrap();
    for egress in [
        "all".to_owned(),
        format!("{own}"),
        format!("all,host:{}", to.port() ^ 1),
    ] {
        let net = pod(&egress);
        let mut refusals = net.switch().refusals();
        assert_eq!(connect(&net, to).await.unwrap_err(), NetError::AccessDenied);
        let refusal = soon(refusals.recv()).await.unwrap();
        assert_eq!(refusal.what, Refused::Address(to, Protocol::Tcp));
        let guest = bind_udp(&net);
        let denied = guest.send(Bytes::from_static(b"x"), Some(to));
        assert_eq!(denied, Err(NetError::AccessDenied));
    }
    let net = pod(&format!("all,host:{}", to.port()));
    connect(&net, to).await.unwrap();
    bind_udp(&net)
        .send(Bytes::from_static(b"x"), Some(to))
        .unwrap();
}
