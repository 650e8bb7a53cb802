//! Who gets which port.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::super::ports::{EPHEMERAL_FIRST, EPHEMERAL_LAST, PortTable};
use super::*;

#[test]
fn a_socket_binds_to_its_pods_addresses_only() {
    let net = pod(&network(), "a");
    let own = at(&net, 1000).to_string();
    for good in [
        "127.0.0.1:1",
        "127.9.9.9:1",
        "0.0.0.0:2",
        "[::1]:1",
        "[::]:2",
        &own,
    ] {
        bind(&net, address(good)).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for bad in [
        "10.88.0.77:1",
        "192.0.2.1:1",
        "[2001:db8::1]:1",
        "224.0.0.1:1",
    ] {
        let error = bind(&net, address(bad)).unwrap_err();
        assert_eq!(error, NetError::AddressNotBindable, "{bad}");
    }
    let mut v6 = TcpSocket::new(&net, Family::V6, None).unwrap();
    assert_eq!(
        v6.bind(address("127.0.0.1:1")),
        Err(NetError::InvalidArgument)
    );
}

#[test]
fn a_port_is_in_use_per_pod_family_protocol_and_address() {
    let switch = network();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let _held = bind(&a, address("127.0.0.1:80")).unwrap();
    for taken in ["127.0.0.1:80", "0.0.0.0:80"] {
        assert_eq!(
            bind(&a, address(taken)).unwrap_err(),
            NetError::AddressInUse,
            "{taken}"
        );
    }
    bind(&a, at(&a, 80)).unwrap();
    bind(&a, address("127.0.0.2:80")).unwrap();
    bind(&a, address("[::1]:80")).unwrap();
    bind(&a, address("[::]:80")).unwrap();
    bind(&b, address("127.0.0.1:80")).unwrap();
    udp(&a, address("127.0.0.1:80"));
    let _all = bind(&a, address("0.0.0.0:81")).unwrap();
    assert_eq!(bind(&a, at(&a, 81)).unwrap_err(), NetError::AddressInUse);
}

#[test]
fn a_port_is_free_again_when_what_holds_it_is_dropped() {
    let net = pod(&network(), "a");
    for _ in 0..3 {
        let mut socket = bind(&net, address("0.0.0.0:80")).unwrap();
        assert_eq!(
            socket.bind(address("0.0.0.0:81")),
            Err(NetError::InvalidState)
        );
        let listener = socket.listen(1).unwrap();
        assert_eq!(socket.listen(1).unwrap_err(), NetError::InvalidState);
        drop(socket);
        assert_eq!(
            bind(&net, address("0.0.0.0:80")).unwrap_err(),
            NetError::AddressInUse
        );
        drop(listener);
    }
    drop(udp(&net, address("0.0.0.0:80")));
    udp(&net, address("0.0.0.0:80"));
}

#[tokio::test]
async fn a_server_that_restarts_gets_its_port_though_old_connections_are_open() {
    let net = pod(&network(), "a");
    let listener = listen(&net, "0.0.0.0:80");
    let client = connect(&net, address("127.0.0.1:80")).await.unwrap();
    let server = listener.accept().await.unwrap();
    drop(listener);
    let _again = listen(&net, "0.0.0.0:80");
    write_all(&server, Bytes::from_static(b"still here"))
        .await
        .unwrap();
    assert_eq!(read(&client).await.unwrap(), "still here");
}

#[test]
fn ephemeral_ports_wrap_skip_used_ones_and_end() {
    let mut table = PortTable::new();
    let own: IpAddr = Ipv4Addr::new(10, 0, 0, 2).into();
    let all: IpAddr = Ipv4Addr::UNSPECIFIED.into();
    table.claim(all, EPHEMERAL_FIRST + 1, ()).unwrap();
    assert_eq!(table.claim(own, 0, ()), Ok(EPHEMERAL_FIRST));
    assert_eq!(
        table.claim(own, 0, ()),
        Ok(EPHEMERAL_FIRST + 2),
        "one is taken"
    );
    let count = usize::from(EPHEMERAL_LAST - EPHEMERAL_FIRST) + 1;
    for _ in 3..count {
        table.claim(own, 0, ()).unwrap();
    }
    assert_eq!(table.len(), count);
    assert_eq!(table.claim(own, 0, ()), Err(NetError::AddressInUse));
    assert_eq!(table.claim(all, 0, ()), Err(NetError::AddressInUse));
    let other_family: IpAddr = Ipv6Addr::LOCALHOST.into();
    table.claim(other_family, 0, ()).unwrap();
    assert!(table.release(own, 40_000).is_some());
    assert_eq!(table.claim(own, 0, ()), Ok(40_000), "it wraps");
    assert!(table.release(own, EPHEMERAL_LAST).is_some());
    assert_eq!(table.claim(all, 0, ()), Ok(EPHEMERAL_LAST));
}

#[test]
fn an_ephemeral_port_is_not_given_out_again_at_once() {
    let net = pod(&network(), "a");
    let port = |socket: &TcpSocket| socket.local_address().unwrap().port();
    let first = port(&bind(&net, address("0.0.0.0:0")).unwrap());
    let second = port(&bind(&net, address("0.0.0.0:0")).unwrap());
    assert!(first >= EPHEMERAL_FIRST);
    assert_eq!(second, first + 1);
}

proptest! {
    #[test]
    fn the_port_table_agrees_with_a_list(
        actions in prop::collection::vec((0..3u8, 0..6usize, prop::sample::select(vec![0u16, 1, 2, 3])), 0..120),
    ) {
        let addresses: [IpAddr; 6] = ["0.0.0.0", "127.0.0.1", "127.0.0.2", "10.0.0.2", "::", "::1"]
            .map(|text| text.parse().unwrap());
        let mut table = PortTable::new();
        let mut list: Vec<(IpAddr, u16)> = Vec::new();
        for (action, which, port) in actions {
            let address = addresses[which];
            let clash = |list: &[(IpAddr, u16)], port: u16| list.iter().any(|(other, taken)| {
                *taken == port
                    && other.is_ipv4() == address.is_ipv4()
                    && (other.is_unspecified() || address.is_unspecified() || *other == address)
            });
            match action {
                0 => match table.claim(address, port, (address, port)) {
                    Ok(got) => {
                        prop_assert!(port == 0 || got == port);
                        prop_assert!(port != 0 || (EPHEMERAL_FIRST..=EPHEMERAL_LAST).contains(&got));
                        prop_assert!(!clash(&list, got));
                        list.push((address, got));
                    }
                    Err(error) => {
                        prop_assert_eq!(error, NetError::AddressInUse);
                        prop_assert!(clash(&list, port));
                    }
                },
                1 => {
                    let held = list.iter().position(|entry| *entry == (address, port));
                    prop_assert_eq!(table.release(address, port).is_some(), held.is_some());
                    held.map(|at| list.swap_remove(at));
                }
                _ => {
                    let answers = list.iter().any(|(other, taken)| *taken == port
                        && (*other == address
                            || other.is_unspecified() && other.is_ipv4() == address.is_ipv4()));
                    prop_assert_eq!(table.find(address, port).is_some(), answers);
                }
            }
            prop_assert_eq!(table.len(), list.len());
        }
    }
}
