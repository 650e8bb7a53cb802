//! Services' virtual addresses (rules N11, N12).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::*;
use crate::model::Protocol;
use crate::network::{Endpoint, Service, ServicePort};

const VIP: &str = "10.89.0.77:80";

fn service(endpoints: &[(&Arc<PodNetwork>, bool)]) -> Service {
    let port = |name: &str, protocol, port| ServicePort {
        name: name.into(),
        protocol,
        port,
        node_port: None,
    };
    Service {
        namespace: "default".into(),
        name: "web".into(),
        cluster_ip: Some(Ipv4Addr::new(10, 89, 0, 77)),
        ports: vec![
            port("http", Protocol::Tcp, 80),
            port("dns", Protocol::Udp, 53),
        ],
        endpoints: endpoints
            .iter()
            .map(|(net, ready)| Endpoint {
                ip: net.ip(),
                hostname: None,
                ready: *ready,
                targets: vec![Some(8080), Some(5353)],
            })
            .collect(),
        publish_not_ready: false,
        client_ip_affinity: None,
        external_name: None,
    }
}

#[tokio::test]
async fn n12_a_service_balances_over_its_ready_pods_and_stays_the_clients_peer() {
    let switch = network();
    let client = pod(&switch, "client");
    let pods: Vec<_> = ["a", "b", "c"]
        .iter()
        .map(|name| pod(&switch, name))
        .collect();
    let listeners: Vec<_> = pods.iter().map(|net| listen(net, "0.0.0.0:8080")).collect();
    let endpoints = [(&pods[0], true), (&pods[1], true), (&pods[2], false)];
    switch.set_services(vec![service(&endpoints)]);
    for _ in 0..10 {
        let stream = connect(&client, address(VIP)).await.unwrap();
        assert_eq!(stream.peer_address(), address(VIP));
    }
    let accepted = listeners.iter().map(|listener| {
        let mut count = 0;
        while let Some(stream) = listener.try_accept() {
            let stream = stream.unwrap();
            assert_eq!(stream.peer_address().ip(), client.ip());
            assert_eq!(stream.local_address().port(), 8080);
            count += 1;
        }
        count
    });
    assert_eq!(accepted.collect::<Vec<_>>(), [5, 5, 0]);
    assert_eq!(switch.service("default", "web").unwrap().ports.len(), 2);
    assert_eq!(switch.services().len(), 1);
}

#[tokio::test]
async fn n12_without_a_ready_pod_or_the_port_it_is_refused() {
    let switch = network();
    let client = pod(&switch, "client");
    let server = pod(&switch, "a");
    let _listener = listen(&server, "0.0.0.0:8080");
    switch.set_services(vec![service(&[(&server, false)])]);
    let refused = Err(NetError::ConnectionRefused);
    assert_eq!(connect(&client, address(VIP)).await.map(drop), refused);
    switch.set_services(vec![service(&[(&server, true)])]);
    connect(&client, address(VIP)).await.unwrap();
    for port in [53, 81] {
        let remote = SocketAddr::from((Ipv4Addr::new(10, 89, 0, 77), port));
        assert_eq!(connect(&client, remote).await.map(drop), refused);
    }
    switch.set_services(Vec::new());
    let gone = connect(&client, address(VIP)).await.map(drop);
    assert_eq!(gone, Err(NetError::Unreachable));
}

#[tokio::test]
async fn n12_a_client_with_affinity_keeps_its_pod_while_that_is_ready() {
    let switch = network();
    let clients: Vec<_> = (0..4)
        .map(|n| pod(&switch, &format!("client{n}")))
        .collect();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let listeners = [listen(&a, "0.0.0.0:8080"), listen(&b, "0.0.0.0:8080")];
    let with_affinity = |endpoints: &[(&Arc<PodNetwork>, bool)]| Service {
        client_ip_affinity: Some(Duration::from_secs(10_800)),
        ..service(endpoints)
    };
    let visits = async || {
        let mut seen: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for _ in 0..5 {
            for client in &clients {
                connect(client, address(VIP)).await.unwrap();
            }
        }
        for listener in &listeners {
            while let Some(stream) = listener.try_accept() {
                let stream = stream.unwrap();
                let pods = seen.entry(stream.peer_address().ip()).or_default();
                pods.push(stream.local_address().ip());
                pods.dedup();
            }
        }
        seen
    };
    switch.set_services(vec![with_affinity(&[(&a, true), (&b, true)])]);
    let first = visits().await;
    assert!(first.values().all(|pods| pods.len() == 1), "{first:?}");
    switch.set_services(vec![with_affinity(&[(&b, true), (&a, true)])]);
    assert_eq!(
        visits().await,
        first,
        "the table changed, the clients did not move"
    );
    switch.set_services(vec![with_affinity(&[(&b, true), (&a, false)])]);
    assert!(visits().await.values().all(|pods| *pods == [b.ip()]));
}

#[tokio::test(start_paused = true)]
async fn n12_affinity_lasts_as_long_as_the_service_says() {
    let switch = network();
    let client = pod(&switch, "client");
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let listeners = [listen(&a, "0.0.0.0:8080"), listen(&b, "0.0.0.0:8080")];
    switch.set_services(vec![Service {
        client_ip_affinity: Some(Duration::from_secs(60)),
        ..service(&[(&a, true), (&b, true)])
    }]);
    let visit = async || {
        connect(&client, address(VIP)).await.unwrap();
        let mut listeners = listeners.iter();
        listeners.position(|listener| listener.try_accept().is_some())
    };
    let first = visit().await;
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(visit().await, first);
    }
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_ne!(visit().await, first);
}

#[tokio::test]
async fn a_pod_reaches_itself_through_its_service() {
    let switch = network();
    let net = pod(&switch, "a");
    let listener = listen(&net, "0.0.0.0:8080");
    switch.set_services(vec![service(&[(&net, true)])]);
    let client = connect(&net, address(VIP)).await.unwrap();
    assert_eq!(client.peer_address(), address(VIP));
    assert_eq!(
        listener.accept().await.unwrap().peer_address().ip(),
        net.ip()
    );
}

#[tokio::test]
async fn n11_a_node_port_reaches_the_service_from_the_node() {
    let switch = network();
    let net = pod(&switch, "a");
    let listener = listen(&net, "0.0.0.0:8080");
    switch.set_services(vec![service(&[(&net, true)])]);
    let from = switch.node_source();
    let far = switch
        .dial_service(("default", "web"), 0, from, from.ip())
        .await
        .unwrap();
    write_all(&far, Bytes::from_static(b"hello")).await.unwrap();
    let accepted = listener.accept().await.unwrap();
    assert_eq!(accepted.peer_address(), from);
    assert_eq!(read(&accepted).await.unwrap(), "hello");
    for (name, port) in [("web", 1), ("web", 2), ("other", 0)] {
        let service = ("default", name);
        let refused = switch.dial_service(service, port, from, from.ip()).await;
        assert_eq!(refused.unwrap_err(), NetError::ConnectionRefused);
    }
}

#[tokio::test]
async fn udp_services_answer_from_their_own_address_and_keep_the_pod_of_a_flow() {
    let switch = network();
    let client = pod(&switch, "client");
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let servers = [
        udp(&a, address("0.0.0.0:5353")),
        udp(&b, address("0.0.0.0:5353")),
    ];
    switch.set_services(vec![service(&[(&a, true), (&b, true)])]);
    let vip = address("10.89.0.77:53");
    let received = |server: &UdpSocket| {
        std::iter::from_fn(|| server.try_receive())
            .map(Result::unwrap)
            .collect::<Vec<_>>()
    };
    let mut sockets = Vec::new();
    for connected in [false, true] {
        let socket = udp(&client, address("0.0.0.0:0"));
        if connected {
            socket.connect(Some(vip)).unwrap();
        }
        for _ in 0..4 {
            socket.send(Bytes::from_static(b"q"), Some(vip)).unwrap();
        }
        let questions: Vec<_> = servers.iter().map(received).collect();
        let at = usize::from(questions[0].is_empty());
        assert_eq!(questions[at].len(), 4, "one flow, one pod");
        assert_eq!(questions[at][0].from.ip(), client.ip());
        servers[at]
            .send(Bytes::from_static(b"a"), Some(questions[at][0].from))
            .unwrap();
        assert_eq!(socket.try_receive().unwrap().unwrap().from, vip);
        sockets.push((socket, at));
    }
    assert_ne!(sockets[0].1, sockets[1].1, "two flows, two pods");
    let (socket, before) = &sockets[0];
    switch.set_services(vec![service(&[(&a, *before == 1), (&b, *before == 0)])]);
    socket.send(Bytes::from_static(b"q"), Some(vip)).unwrap();
    assert_eq!(
        received(&servers[1 - before]).len(),
        1,
        "its pod is not ready any more"
    );
    switch.set_services(vec![service(&[])]);
    assert_eq!(sockets[1].0.send(Bytes::from_static(b"q"), None), Ok(()));
    let refused = sockets[1].0.try_receive().unwrap();
    assert_eq!(refused, Err(NetError::ConnectionRefused));
}
