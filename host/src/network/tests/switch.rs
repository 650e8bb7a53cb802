//! Addresses, and pods that come and go.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::super::addresses::AddressPool;
use super::*;
use crate::network::{AttachError, NetworkStats, SettingsError};

fn settings(pods: &str, services: &str) -> NetworkSettings {
    NetworkSettings {
        pod_cidr: pods.parse().unwrap(),
        service_cidr: services.parse().unwrap(),
        ..NetworkSettings::default()
    }
}

#[test]
fn the_first_host_address_is_the_nodes_and_the_tenth_of_the_services_the_dns_servers() {
    let switch = network();
    assert_eq!(switch.node_ip(), Ipv4Addr::new(10, 88, 0, 1));
    assert_eq!(switch.dns_ip(), Ipv4Addr::new(10, 89, 0, 10));
    assert_eq!(pod(&switch, "a").ip(), Ipv4Addr::new(10, 88, 0, 2));
}

#[test]
fn a_network_that_cannot_be_is_refused() {
    let refused = |pods, services| Switch::new(settings(pods, services)).unwrap_err();
    assert!(matches!(
        refused("10.0.0.0/31", "10.1.0.0/16"),
        SettingsError::PodCidrTooSmall(_)
    ));
    assert!(matches!(
        refused("10.0.0.0/16", "10.1.0.0/29"),
        SettingsError::ServiceCidrTooSmall(_)
    ));
    assert!(matches!(
        refused("10.0.0.0/8", "10.1.0.0/16"),
        SettingsError::Overlap(..)
    ));
    assert!(matches!(
        refused("10.1.2.0/24", "10.1.0.0/16"),
        SettingsError::Overlap(..)
    ));
}

#[test]
fn a_pod_keeps_its_address_while_it_lives_and_it_comes_back_as_late_as_possible() {
    let switch = Switch::new(settings("10.0.0.0/29", "10.1.0.0/24")).unwrap();
    let a = pod(&switch, "a");
    assert_eq!(
        pod(&switch, "a").ip(),
        a.ip(),
        "the same UID, the same address"
    );
    a.release();
    let later: Vec<_> = ["b", "c", "d", "e"]
        .iter()
        .map(|name| pod(&switch, name).ip())
        .collect();
    assert!(!later.contains(&a.ip()));
    assert_eq!(pod(&switch, "f").ip(), a.ip(), "the last one free");
}

#[test]
fn a_pod_too_many_gets_no_address_and_the_next_one_does_when_a_pod_is_gone() {
    let switch = Switch::new(settings("10.0.0.0/30", "10.1.0.0/24")).unwrap();
    let a = pod(&switch, "a");
    let error = switch.attach(identity("b")).unwrap_err();
    assert_eq!(
        error,
        AttachError::Exhausted("10.0.0.0/30".parse().unwrap())
    );
    assert_eq!(
        error.to_string(),
        "no address left in pod network 10.0.0.0/30"
    );
    a.release();
    a.release();
    assert_eq!(pod(&switch, "b").ip(), a.ip());
}

proptest! {
    #[test]
    fn an_address_never_belongs_to_two_pods(actions in prop::collection::vec((any::<bool>(), 0..40usize), 0..200)) {
        let mut pool = AddressPool::new("10.0.0.0/27".parse().unwrap());
        let mut held: Vec<Ipv4Addr> = Vec::new();
        for (take, which) in actions {
            if take {
                match pool.take() {
                    Some(ip) => {
                        prop_assert!(!held.contains(&ip));
                        prop_assert!((2..=30).contains(&ip.octets()[3]));
                        held.push(ip);
                    }
                    None => prop_assert_eq!(held.iter().collect::<BTreeSet<_>>().len(), 29),
                }
            } else if !held.is_empty() {
                pool.give_back(held.swap_remove(which % held.len()));
            }
        }
    }
}

#[tokio::test]
async fn a_pod_that_goes_resets_everything_it_has_open() {
    let switch = network();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let listener = listen(&a, "0.0.0.0:80");
    let client = connect(&b, at(&a, 80)).await.unwrap();
    let server = listener.accept().await.unwrap();
    let queued = connect(&b, at(&a, 80)).await.unwrap();
    write_all(&server, Bytes::from_static(b"last words"))
        .await
        .unwrap();
    let socket = udp(&a, address("0.0.0.0:53"));

    switch.detach(&a.identity().uid);

    let reset = (b"last words".to_vec(), Some(NetError::ConnectionReset));
    assert_eq!(read_all(&client).await, reset);
    assert_eq!(client.writable_now(), Err(NetError::ConnectionReset));
    assert_eq!(read(&queued).await, Err(NetError::ConnectionReset));
    assert_eq!(read(&server).await, Err(NetError::ConnectionReset));
    assert_eq!(
        listener.accept().await.unwrap_err(),
        NetError::ConnectionAborted
    );
    let received = poll_fn(|cx| socket.poll_receive(cx)).await;
    assert_eq!(received, Err(NetError::ConnectionAborted));
    assert_eq!(
        socket.send(Bytes::new(), Some(at(&b, 1))),
        Err(NetError::Unreachable)
    );
    assert_eq!(
        TcpSocket::new(&a, Family::V4, None).unwrap_err(),
        NetError::Unreachable
    );
    assert_eq!(
        connect(&b, at(&a, 80)).await.unwrap_err(),
        NetError::Unreachable
    );
    assert!(switch.pod(a.ip()).is_none());
}

#[tokio::test]
async fn ten_thousand_pods_leave_nothing_behind() {
    let switch = network();
    let constant = pod(&switch, "constant");
    let door = listen(&constant, "0.0.0.0:80");
    for number in 0..10_000 {
        let net = pod(&switch, &format!("p{number}"));
        let listener = listen(&net, "0.0.0.0:80");
        let client = connect(&net, address("127.0.0.1:80")).await.unwrap();
        let across = connect(&net, at(&constant, 80)).await.unwrap();
        let answer = door.accept().await.unwrap();
        write_all(&across, Bytes::from_static(b"unread"))
            .await
            .unwrap();
        write_all(&client, Bytes::from_static(b"unread"))
            .await
            .unwrap();
        let socket = udp(&net, address("0.0.0.0:53"));
        socket
            .send(Bytes::from_static(b"unread"), Some(at(&net, 53)))
            .unwrap();
        if number % 2 == 0 {
            net.release();
        }
        drop((listener, client, across, answer, socket));
        net.release();
    }
    let rest = NetworkStats {
        pods: 1,
        sockets: 1,
        listeners: 1,
        ports: 1,
        ..NetworkStats::default()
    };
    assert_eq!(switch.stats(), rest);
    drop(door);
    constant.release();
    assert_eq!(switch.stats(), NetworkStats::default());
}
