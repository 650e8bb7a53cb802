//! TCP's manners.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::network::Shutdown;

#[tokio::test]
async fn bytes_go_both_ways_within_a_pod() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    write_all(&client, Bytes::from_static(b"question"))
        .await
        .unwrap();
    assert_eq!(read(&server).await.unwrap(), "question");
    write_all(&server, Bytes::from_static(b"answer"))
        .await
        .unwrap();
    assert_eq!(read(&client).await.unwrap(), "answer");
    assert!(client.try_read(1).is_none());
    assert_eq!(client.local_address(), server.peer_address());
    assert_eq!(client.peer_address(), server.local_address());
    assert_eq!(client.local_address().ip(), address("127.0.0.1:0").ip());
}

#[tokio::test]
async fn loopback_is_reachable_inside_the_pod_only() {
    let switch = network();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let _loopback = listen(&a, "127.0.0.1:5000");
    connect(&a, address("127.0.0.1:5000")).await.unwrap();
    let refused = Err(NetError::ConnectionRefused);
    assert_eq!(connect(&a, at(&a, 5000)).await.map(drop), refused);
    assert_eq!(connect(&b, at(&a, 5000)).await.map(drop), refused);
    assert_eq!(
        connect(&b, address("127.0.0.1:5000")).await.map(drop),
        refused
    );
    assert_eq!(
        a.dial(at(&a, 5000), switch.node_source()).await.map(drop),
        refused
    );
    let loopback = a
        .dial(address("127.0.0.1:5000"), switch.node_source())
        .await;
    assert_eq!(loopback.map(drop), refused);
    a.dial_loopback(5000).await.unwrap();
}

#[tokio::test]
async fn all_addresses_and_the_pods_own_are_reachable_from_everywhere() {
    let switch = network();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    for local in ["0.0.0.0:80".to_owned(), at(&a, 80).to_string()] {
        let listener = listen(&a, &local);
        let own = connect(&a, at(&a, 80)).await.unwrap();
        assert_eq!(own.local_address().ip(), a.ip(), "own address, own source");
        assert_eq!(
            listener.accept().await.unwrap().peer_address(),
            own.local_address()
        );
        let other = connect(&b, at(&a, 80)).await.unwrap();
        let accepted = listener.accept().await.unwrap();
        assert_eq!(accepted.peer_address(), other.local_address());
        assert_eq!(accepted.peer_address().ip(), b.ip());
        assert_eq!(accepted.local_address(), at(&a, 80));
        a.dial(at(&a, 80), switch.node_source()).await.unwrap();
        let node = listener.accept().await.unwrap();
        assert_eq!(node.peer_address().ip(), switch.node_ip());
    }
}

#[tokio::test]
async fn ipv6_is_a_loopback_of_its_own() {
    let net = pod(&network(), "a");
    let v6 = listen(&net, "[::1]:80");
    connect(&net, address("[::1]:80")).await.unwrap();
    let v4 = connect(&net, address("127.0.0.1:80")).await;
    assert_eq!(v4.map(drop), Err(NetError::ConnectionRefused), "v6 only");
    let all = listen(&net, "[::]:81");
    net.dial_loopback(80).await.unwrap();
    let client = connect(&net, address("[::1]:81")).await.unwrap();
    assert_eq!(
        all.accept().await.unwrap().peer_address(),
        client.local_address()
    );
    drop(v6);
}

#[tokio::test]
async fn connecting_to_what_cannot_be_a_peer_is_the_callers_mistake() {
    let net = pod(&network(), "a");
    let mut socket = bind(&net, address("0.0.0.0:1234")).unwrap();
    for wrong in [
        "0.0.0.0:80",
        "127.0.0.1:0",
        "224.0.0.1:80",
        "255.255.255.255:80",
        "[::1]:80",
    ] {
        let error = socket.connect(address(wrong)).unwrap_err();
        assert_eq!(error, NetError::InvalidArgument, "{wrong}");
    }
    assert_eq!(
        socket.local_address(),
        Some(address("0.0.0.0:1234")),
        "as it was"
    );
    let mut v6 = TcpSocket::new(&net, Family::V6, None).unwrap();
    for wrong in ["[::ffff:127.0.0.1]:80", "[::]:80", "127.0.0.1:80"] {
        assert_eq!(
            v6.connect(address(wrong)).unwrap_err(),
            NetError::InvalidArgument
        );
    }
}

#[tokio::test]
async fn connecting_to_nowhere_says_why() {
    let switch = network();
    let net = pod(&switch, "a");
    let why = async |remote: &str| connect(&net, address(remote)).await.unwrap_err();
    assert_eq!(why("127.0.0.1:80").await, NetError::ConnectionRefused);
    assert_eq!(
        why("10.88.0.1:80").await,
        NetError::AccessDenied,
        "the machine is outside"
    );
    assert_eq!(
        why("10.88.0.99:80").await,
        NetError::Unreachable,
        "no such pod"
    );
    assert_eq!(
        why("10.89.0.99:80").await,
        NetError::Unreachable,
        "no such Service"
    );
    assert_eq!(why("192.0.2.1:80").await, NetError::AccessDenied, "outside");
    assert_eq!(switch.stats().sockets, 0);
    assert_eq!(switch.stats().ports, 0);
}

#[tokio::test]
async fn a_bound_socket_connects_from_its_port_but_never_leaves_from_loopback() {
    let switch = network();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let listener = listen(&b, "0.0.0.0:80");
    let mut socket = bind(&a, address("0.0.0.0:7777")).unwrap();
    let client = socket.connect(at(&b, 80)).unwrap().await.unwrap();
    assert_eq!(client.local_address(), at(&a, 7777));
    assert_eq!(
        listener.accept().await.unwrap().peer_address(),
        at(&a, 7777)
    );
    assert_eq!(
        socket.connect(at(&b, 80)).unwrap_err(),
        NetError::InvalidState
    );
    assert_eq!(
        bind(&a, address("0.0.0.0:7777")).unwrap_err(),
        NetError::AddressInUse
    );
    drop(client);
    let mut loopback = bind(&a, address("127.0.0.1:7777")).unwrap();
    assert_eq!(
        loopback.connect(at(&b, 80)).unwrap_err(),
        NetError::InvalidArgument
    );
}

#[tokio::test]
async fn a_socket_that_connects_to_itself_is_refused() {
    let net = pod(&network(), "a");
    let mut socket = bind(&net, address("127.0.0.1:7777")).unwrap();
    let itself = socket.connect(address("127.0.0.1:7777")).unwrap().await;
    assert_eq!(itself.unwrap_err(), NetError::ConnectionRefused);
}

#[tokio::test]
async fn half_a_connection_stays_open_after_the_other_half_ended() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    write_all(&client, Bytes::from_static(b"request"))
        .await
        .unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.writable_now(), Err(NetError::BrokenPipe));
    assert_eq!(
        client.write(Bytes::from_static(b"x")),
        Err(NetError::BrokenPipe)
    );
    assert_eq!(read_all(&server).await, (b"request".to_vec(), None));
    write_all(&server, Bytes::from_static(b"response"))
        .await
        .unwrap();
    drop(server);
    assert_eq!(read_all(&client).await, (b"response".to_vec(), None));
}

#[tokio::test]
async fn closing_with_unread_bytes_resets_and_what_came_before_is_still_read() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    write_all(&server, Bytes::from_static(b"early"))
        .await
        .unwrap();
    write_all(&client, Bytes::from_static(b"never read"))
        .await
        .unwrap();
    drop(server);
    let early = (b"early".to_vec(), Some(NetError::ConnectionReset));
    assert_eq!(read_all(&client).await, early, "RFC 2525 §2.17");
    assert_eq!(client.writable_now(), Err(NetError::ConnectionReset));
}

#[tokio::test]
async fn writing_to_a_peer_that_closed_is_a_reset() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    drop(server);
    assert_eq!(read(&client).await.unwrap(), "", "it closed with manners");
    assert_eq!(
        client.write(Bytes::from_static(b"x")),
        Err(NetError::ConnectionReset)
    );
    let permit = poll_fn(|cx| client.poll_writable(cx)).await;
    assert_eq!(permit, Err(NetError::ConnectionReset));
}

#[tokio::test]
async fn a_side_that_reads_no_more_throws_away_and_closes_without_a_reset() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    write_all(&client, Bytes::from_static(b"lost"))
        .await
        .unwrap();
    server.shutdown(Shutdown::Read).unwrap();
    assert_eq!(read(&server).await.unwrap(), "");
    write_all(&client, Bytes::from(vec![0; 10_000_000]))
        .await
        .unwrap();
    assert_eq!(net.switch().stats().buffered_bytes, 0);
    drop(server);
    assert_eq!(read_all(&client).await, (Vec::new(), None));
}

#[tokio::test]
async fn a_side_that_lets_go_of_reading_holds_nobody_up_and_closes_with_a_reset() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    server.abandon_reading();
    write_all(&client, Bytes::from(vec![0; 10_000_000]))
        .await
        .unwrap();
    write_all(&server, Bytes::from_static(b"bye"))
        .await
        .unwrap();
    drop(server);
    let heard = read_all(&client).await;
    assert_eq!(heard, (b"bye".to_vec(), Some(NetError::ConnectionReset)));

    let (client, server) = connected(&net).await;
    server.abandon_reading();
    drop(server);
    let heard = read_all(&client).await;
    assert_eq!(heard, (Vec::new(), None), "nothing was left unread");
}

#[tokio::test]
async fn a_connection_is_closed_when_its_last_clone_is_dropped() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    let clone = server.clone();
    drop(server);
    assert!(client.try_read(1).is_none());
    drop(clone);
    assert_eq!(client.try_read(1), Some(Ok(Bytes::new())));
}

#[tokio::test]
async fn a_peer_that_never_reads_blocks_the_writer_and_reading_frees_it() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    let written = fill(&client);
    assert!((128 * 1024..=256 * 1024).contains(&written), "{written}");
    let mut blocked = boxed(async { write_all(&client, Bytes::from(vec![7; 1_000_000])).await });
    assert!(poll_once(|cx| blocked.as_mut().poll(cx)).is_pending());
    let (sent, received) = tokio::join!(blocked, read_exactly(&server, written + 1_000_000));
    sent.unwrap();
    assert!(received.iter().all(|byte| *byte == 7));
}

fn boxed<'a, T>(
    future: impl Future<Output = T> + 'a,
) -> std::pin::Pin<Box<dyn Future<Output = T> + 'a>> {
    Box::pin(future)
}

#[tokio::test]
async fn a_blocked_writer_learns_that_its_peer_is_gone() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    fill(&client);
    let writer = tokio::spawn(async move { poll_fn(|cx| client.poll_writable(cx)).await });
    tokio::task::yield_now().await;
    drop(server);
    assert_eq!(writer.await.unwrap(), Err(NetError::ConnectionReset));
}

#[tokio::test]
async fn every_task_that_waits_for_a_stream_is_woken() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    let readers: Vec<_> = (0..200)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { poll_fn(|cx| server.poll_readable(cx)).await })
        })
        .collect();
    tokio::task::yield_now().await;
    client.write(Bytes::from_static(b"x")).unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
}

#[tokio::test]
async fn many_connections_share_a_listeners_port() {
    let net = pod(&network(), "a");
    let listener = listen(&net, "127.0.0.1:80");
    let mut held = Vec::new();
    for _ in 0..1000 {
        held.push(connect(&net, address("127.0.0.1:80")).await.unwrap());
        held.push(listener.accept().await.unwrap());
    }
    assert_eq!(net.switch().stats().connections, 2000);
    drop(held);
    assert_eq!(net.switch().stats().connections, 0);
    assert_eq!(net.switch().stats().ports, 1);
}

#[tokio::test]
async fn a_full_backlog_makes_the_next_one_wait_for_room() {
    let net = pod(&network(), "a");
    let listener = bind(&net, address("127.0.0.1:80"))
        .unwrap()
        .listen(2)
        .unwrap();
    let _one = connect(&net, address("127.0.0.1:80")).await.unwrap();
    let _two = connect(&net, address("127.0.0.1:80")).await.unwrap();
    let third = {
        let net = Arc::clone(&net);
        tokio::spawn(async move { connect(&net, address("127.0.0.1:80")).await })
    };
    tokio::task::yield_now().await;
    assert!(!third.is_finished());
    listener.accept().await.unwrap();
    let third = third.await.unwrap().unwrap();
    listener.accept().await.unwrap();
    let accepted = listener.accept().await.unwrap();
    assert_eq!(accepted.peer_address(), third.local_address());
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_never_accepts_lets_the_next_one_time_out() {
    let net = pod(&network(), "a");
    let _listener = bind(&net, address("127.0.0.1:80"))
        .unwrap()
        .listen(1)
        .unwrap();
    let _queued = connect(&net, address("127.0.0.1:80")).await.unwrap();
    let before = tokio::time::Instant::now();
    let late = connect(&net, address("127.0.0.1:80")).await;
    assert_eq!(late.unwrap_err(), NetError::TimedOut);
    assert_eq!(before.elapsed().as_secs(), 127);
    let once_more = connect(&net, address("127.0.0.1:80"));
    let given_up = tokio::time::timeout(Duration::from_secs(1), once_more).await;
    assert!(given_up.is_err());
    assert_eq!(
        net.switch().stats().sockets,
        3,
        "listener, queued, its other side"
    );
    assert_eq!(net.switch().stats().ports, 2);
}

#[tokio::test]
async fn a_listener_that_closes_resets_what_is_queued_and_refuses_what_waits() {
    let net = pod(&network(), "a");
    let listener = bind(&net, address("127.0.0.1:80"))
        .unwrap()
        .listen(1)
        .unwrap();
    let queued = connect(&net, address("127.0.0.1:80")).await.unwrap();
    let mut waits = TcpSocket::new(&net, Family::V4, None)
        .unwrap()
        .connect(address("127.0.0.1:80"))
        .unwrap();
    assert!(poll_once(|cx| waits.poll(cx)).is_pending());
    drop(listener);
    assert_eq!(waits.await.unwrap_err(), NetError::ConnectionRefused);
    assert_eq!(read(&queued).await, Err(NetError::ConnectionReset));
    let late = connect(&net, address("127.0.0.1:80")).await;
    assert_eq!(late.unwrap_err(), NetError::ConnectionRefused);
}

#[tokio::test]
async fn what_was_written_before_accept_is_there_after_it() {
    let net = pod(&network(), "a");
    let listener = listen(&net, "127.0.0.1:80");
    let client = connect(&net, address("127.0.0.1:80")).await.unwrap();
    write_all(&client, Bytes::from_static(b"eager"))
        .await
        .unwrap();
    drop(client);
    let server = listener.accept().await.unwrap();
    assert_eq!(read_all(&server).await, (b"eager".to_vec(), None));
}

#[tokio::test]
async fn writes_pass_through_uncopied_and_small_ones_are_put_together() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    let big = Bytes::from(vec![1; 64 * 1024]);
    client.write(big.clone()).unwrap();
    let read_back = read(&server).await.unwrap();
    assert_eq!(read_back.as_ptr(), big.as_ptr());
    for _ in 0..1000 {
        client.write(Bytes::from_static(b"x")).unwrap();
    }
    assert_eq!(read(&server).await.unwrap().len(), 1);
    assert_eq!(read(&server).await.unwrap().len(), 999);
}

#[tokio::test]
async fn tokios_traits_work_for_hyper_and_pumps() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    let (mut client, mut server) = (client.into_io(), server.into_io());
    let data: Vec<u8> = (0..3_000_000u32).map(|n| n.to_le_bytes()[0]).collect();
    let send = async {
        client.write_all(&data).await.unwrap();
        client.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, bytes) = tokio::join!(send, server.read_to_end(&mut received));
    assert_eq!(bytes.unwrap(), data.len());
    assert_eq!(received, data);
    drop(server);
    let error = client.write_all(b"x").await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_arrive_in_order_between_threads() {
    let net = pod(&network(), "a");
    let (client, server) = connected(&net).await;
    let writer = tokio::spawn(async move {
        let mut next = 0u64;
        while next < 400_000 {
            let burst = (next % 700) + 1;
            let bytes: Vec<u8> = (next..next + burst).flat_map(u64::to_le_bytes).collect();
            write_all(&client, Bytes::from(bytes)).await.unwrap();
            next += burst;
        }
        next
    });
    let (all, error) = read_all(&server).await;
    assert_eq!(error, None);
    let count = writer.await.unwrap();
    assert_eq!(all.len() as u64, count * 8);
    let numbers = all
        .as_chunks::<8>()
        .0
        .iter()
        .map(|bytes| u64::from_le_bytes(*bytes));
    assert!(numbers.eq(0..count));
}

#[tokio::test]
async fn a_pair_for_the_outside_is_the_pods_socket_and_a_far_side() {
    let net = pod(&network(), "a");
    let (guest, far) =
        crate::network::tcp::pair(&net, at(&net, 40_000), address("192.0.2.1:443")).unwrap();
    assert_eq!(guest.peer_address(), address("192.0.2.1:443"));
    assert_eq!(net.switch().stats().sockets, 1);
    write_all(&guest, Bytes::from_static(b"out")).await.unwrap();
    assert_eq!(read(&far).await.unwrap(), "out");
    far.reset();
    assert_eq!(read(&guest).await, Err(NetError::ConnectionReset));
    net.release();
    drop((guest, far));
    assert_eq!(net.switch().stats().sockets, 0);
}
