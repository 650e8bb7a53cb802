//! UDP's manners.

use super::*;
use crate::network::Datagram;

async fn receive(socket: &UdpSocket) -> Result<Datagram, NetError> {
    poll_fn(|cx| socket.poll_receive(cx)).await
}

fn text(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

#[tokio::test]
async fn datagrams_go_between_pods_and_within_one() {
    let switch = network();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let server = udp(&a, address("0.0.0.0:53"));
    let client = UdpSocket::new(&b, Family::V4, None).unwrap();
    client.send(text("question"), Some(at(&a, 53))).unwrap();
    let question = receive(&server).await.unwrap();
    assert_eq!(question.data, "question");
    assert_eq!(question.from.ip(), b.ip());
    assert_eq!(question.from.port(), client.local_address().unwrap().port());
    server.send(text("answer"), Some(question.from)).unwrap();
    assert_eq!(receive(&client).await.unwrap().from, at(&a, 53));
    let inside = udp(&a, address("127.0.0.1:0"));
    inside
        .send(text("in"), Some(address("127.0.0.1:53")))
        .unwrap();
    assert_eq!(
        receive(&server).await.unwrap().from,
        inside.local_address().unwrap()
    );
}

#[tokio::test]
async fn loopback_datagrams_stay_in_the_pod() {
    let switch = network();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let server = udp(&a, address("127.0.0.1:53"));
    let client = udp(&b, address("0.0.0.0:0"));
    client.send(text("x"), Some(at(&a, 53))).unwrap();
    client
        .send(text("x"), Some(address("127.0.0.1:53")))
        .unwrap();
    let loopback = udp(&b, address("127.0.0.1:0"));
    assert_eq!(
        loopback.send(text("x"), Some(at(&a, 53))),
        Err(NetError::InvalidArgument)
    );
    assert!(server.try_receive().is_none());
}

#[tokio::test]
async fn a_connected_socket_hears_its_peer_only() {
    let net = pod(&network(), "a");
    let server = udp(&net, address("127.0.0.1:53"));
    let peer = udp(&net, address("127.0.0.1:1000"));
    let other = udp(&net, address("127.0.0.1:1001"));
    server.connect(Some(address("127.0.0.1:1000"))).unwrap();
    assert_eq!(server.remote_address(), Some(address("127.0.0.1:1000")));
    other
        .send(text("stranger"), Some(address("127.0.0.1:53")))
        .unwrap();
    peer.send(text("peer"), Some(address("127.0.0.1:53")))
        .unwrap();
    assert_eq!(receive(&server).await.unwrap().data, "peer");
    server.send(text("back"), None).unwrap();
    assert_eq!(receive(&peer).await.unwrap().data, "back");
    let elsewhere = server.send(text("x"), Some(address("127.0.0.1:1001")));
    assert_eq!(elsewhere, Err(NetError::InvalidArgument));
    server.connect(None).unwrap();
    assert_eq!(server.send(text("x"), None), Err(NetError::InvalidArgument));
    other
        .send(text("stranger"), Some(address("127.0.0.1:53")))
        .unwrap();
    assert_eq!(receive(&server).await.unwrap().data, "stranger");
}

#[tokio::test]
async fn a_closed_port_is_silent_for_unconnected_and_refused_for_connected_sockets() {
    let net = pod(&network(), "a");
    let socket = udp(&net, address("127.0.0.1:0"));
    socket
        .send(text("x"), Some(address("127.0.0.1:9")))
        .unwrap();
    assert!(socket.try_receive().is_none());
    socket.connect(Some(address("127.0.0.1:9"))).unwrap();
    socket.send(text("x"), None).unwrap();
    assert_eq!(receive(&socket).await, Err(NetError::ConnectionRefused));
    socket.send(text("x"), None).unwrap();
    assert_eq!(
        socket.send(text("x"), None),
        Err(NetError::ConnectionRefused)
    );
    assert!(socket.try_receive().is_none(), "said once");
}

#[tokio::test]
async fn what_finds_no_room_is_lost_and_the_rest_is_whole() {
    let net = pod(&network(), "a");
    let server = udp(&net, address("127.0.0.1:53"));
    let client = udp(&net, address("127.0.0.1:0"));
    for _ in 0..100_000 {
        client
            .send(Bytes::new(), Some(address("127.0.0.1:53")))
            .unwrap();
    }
    assert!(net.switch().stats().buffered_bytes <= 256 * 1024);
    let mut empty = 0;
    while let Some(datagram) = server.try_receive() {
        assert_eq!(datagram.unwrap().data, "");
        empty += 1;
    }
    assert_eq!(empty, 4096);
    for _ in 0..10 {
        let large = Bytes::from(vec![1; 65_507]);
        client.send(large, Some(address("127.0.0.1:53"))).unwrap();
    }
    let mut large = 0;
    while let Some(datagram) = server.try_receive() {
        assert_eq!(datagram.unwrap().data.len(), 65_507);
        large += 1;
    }
    assert_eq!(large, 3);
    let too_large = client.send(Bytes::from(vec![1; 65_508]), Some(address("127.0.0.1:53")));
    assert_eq!(too_large, Err(NetError::DatagramTooLarge));
    assert_eq!(net.switch().stats().buffered_bytes, 0);
}

#[tokio::test]
async fn datagrams_to_nowhere_say_why() {
    let net = pod(&network(), "a");
    let socket = udp(&net, address("0.0.0.0:0"));
    let why = |remote| socket.send(text("x"), Some(address(remote)));
    assert_eq!(why("0.0.0.0:1"), Err(NetError::InvalidArgument));
    assert_eq!(why("127.0.0.1:0"), Err(NetError::InvalidArgument));
    assert_eq!(why("224.0.0.1:1"), Err(NetError::InvalidArgument));
    assert_eq!(why("[::1]:1"), Err(NetError::InvalidArgument));
    assert_eq!(why("10.88.0.99:1"), Err(NetError::Unreachable));
    assert_eq!(why("192.0.2.1:1"), Err(NetError::AccessDenied));
}

#[tokio::test]
async fn a_datagram_from_outside_finds_the_pods_socket() {
    let net = pod(&network(), "a");
    let socket = udp(&net, address("0.0.0.0:4000"));
    let datagram = |from: &str| Datagram {
        data: text("answer"),
        from: address(from),
    };
    net.deliver(4000, datagram("192.0.2.1:53"));
    net.deliver(4001, datagram("192.0.2.1:53"));
    assert_eq!(receive(&socket).await.unwrap(), datagram("192.0.2.1:53"));
    socket.connect(Some(address("192.0.2.1:53"))).unwrap();
    net.deliver(4000, datagram("192.0.2.66:53"));
    assert!(socket.try_receive().is_none());
    assert_eq!(socket.local_address(), Some(at(&net, 4000)));
}
