//! Bad input: memory stays bounded, other pods work on.

use super::*;
use crate::network::Connecting;

/// As many connections as possible to a port, not one of them accepted.
fn flood(net: &Arc<PodNetwork>, remote: SocketAddr, count: usize) -> (Vec<Connecting>, usize) {
    let mut held = Vec::new();
    let mut refused = 0;
    for _ in 0..count {
        match TcpSocket::new(net, Family::V4, None).and_then(|mut socket| socket.connect(remote)) {
            Ok(connecting) => held.push(connecting),
            Err(error) => {
                assert!(matches!(
                    error,
                    NetError::TooManySockets | NetError::AddressInUse
                ));
                refused += 1;
            }
        }
    }
    (held, refused)
}

#[tokio::test]
async fn a_hundred_thousand_half_open_connections_are_bounded_and_leave_others_alone() {
    let switch = network();
    let (bad, victim, other) = (
        pod(&switch, "bad"),
        pod(&switch, "victim"),
        pod(&switch, "other"),
    );
    let never = listen(&victim, "0.0.0.0:80");
    let (held, refused) = flood(&bad, at(&victim, 80), 100_000);
    assert!(held.len() <= 32_768);
    assert_eq!(held.len() + refused, 100_000);
    assert!(switch.stats().sockets <= 2 * 32_768);
    assert_eq!(
        victim.meter.sockets(),
        1 + 128,
        "a listener and its backlog"
    );
    let listener = listen(&other, "0.0.0.0:80");
    connect(&victim, at(&other, 80)).await.unwrap();
    listener.accept().await.unwrap();
    drop(held);
    assert_eq!(bad.meter.sockets(), 0);
    for _ in 0..128 {
        never.accept().await.unwrap();
    }
    connect(&other, at(&victim, 80)).await.unwrap();
    never.accept().await.unwrap();
}

#[tokio::test]
async fn a_pod_has_so_many_sockets_and_no_more() {
    let switch = network();
    let (a, b) = (pod(&switch, "a"), pod(&switch, "b"));
    let listener = listen(&a, "0.0.0.0:80");
    let mut held = Vec::new();
    let error = loop {
        match UdpSocket::new(&a, Family::V4, None) {
            Ok(socket) => held.push(socket),
            Err(error) => break error,
        }
    };
    assert_eq!(error, NetError::TooManySockets);
    assert_eq!(held.len(), 32_767);
    let error = connect(&b, at(&a, 80)).await.unwrap_err();
    assert_eq!(error, NetError::ConnectionRefused, "nobody to take it");
    held.pop();
    connect(&b, at(&a, 80)).await.unwrap();
    listener.accept().await.unwrap();
    drop(held);
    TcpSocket::new(&a, Family::V4, None).unwrap();
}

#[tokio::test]
async fn a_pods_buffers_are_bounded_and_every_connection_still_moves() {
    let net = pod(&network(), "a");
    let listener = listen(&net, "127.0.0.1:80");
    let mut pairs = Vec::new();
    for _ in 0..2000 {
        let client = connect(&net, address("127.0.0.1:80")).await.unwrap();
        pairs.push((client, listener.accept().await.unwrap()));
    }
    let mut written = Vec::new();
    for (client, server) in &pairs {
        written.push((fill(client), fill(server)));
    }
    let buffered = net.switch().stats().buffered_bytes;
    assert!(buffered < (64 + 20) * 1024 * 1024, "{buffered}");
    assert!(
        written
            .iter()
            .all(|(one, other)| *one >= 4096 && *other >= 4096)
    );
    for ((client, server), (sent, _)) in pairs.iter().zip(&written) {
        let more = 10_000;
        let send = write_all(client, Bytes::from(vec![7; more]));
        let (sent_more, received) = tokio::join!(send, read_exactly(server, sent + more));
        sent_more.unwrap();
        assert_eq!(received.len(), sent + more);
    }
    drop(pairs);
    assert_eq!(net.switch().stats().buffered_bytes, 0);
}

#[tokio::test]
async fn permits_taken_before_the_budget_was_used_up_are_bounded_too() {
    let net = pod(&network(), "a");
    let listener = listen(&net, "127.0.0.1:80");
    let mut pairs = Vec::new();
    for _ in 0..10_000 {
        let client = connect(&net, address("127.0.0.1:80")).await.unwrap();
        pairs.push((client, listener.accept().await.unwrap()));
    }
    let permits: Vec<_> = pairs
        .iter()
        .map(|(client, _)| client.writable_now().unwrap())
        .collect();
    let shared = Bytes::from(vec![7; 256 * 1024]);
    for ((client, _), permit) in pairs.iter().zip(permits) {
        client.write(shared.slice(..permit)).unwrap();
    }
    let buffered = net.switch().stats().buffered_bytes;
    assert!(buffered <= 256 * 1024 * 1024, "{buffered}");
}

#[tokio::test]
async fn a_stream_takes_no_more_than_its_bound_without_a_permit() {
    let net = pod(&network(), "a");
    let (client, _server) = connected(&net).await;
    let chunk = Bytes::from(vec![7; 1024 * 1024]);
    let taken = (0..100)
        .take_while(|_| client.write(chunk.clone()).is_ok())
        .count();
    assert_eq!(taken, 4);
}

/// Threads that connect, write, accept, close and detach in each other's way: a lock taken in the wrong order would end it here.
#[test]
fn pods_that_come_and_go_amid_traffic_leave_nothing_behind() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    let switch = network();
    let traffic = {
        let switch = Arc::clone(&switch);
        async move {
            let mut tasks = Vec::new();
            for task in 0..8usize {
                let switch = Arc::clone(&switch);
                tasks.push(tokio::spawn(async move {
                    for round in 0..300usize {
                        // Two tasks share a pod, so that one of them detaches it under the other's hands.
                        let net = pod(&switch, &format!("p{}", task / 2));
                        let listener = bind(&net, address("0.0.0.0:0"))
                            .and_then(|mut socket| socket.listen(2));
                        let other = pod(&switch, &format!("p{}", (task + round) % 4));
                        let mut held = Vec::new();
                        if let Ok(listener) = &listener {
                            let remote = at(&net, listener.local_address().port());
                            for _ in 0..3 {
                                let socket = TcpSocket::new(&other, Family::V4, None);
                                held.extend(socket.and_then(|mut socket| socket.connect(remote)));
                            }
                            tokio::task::yield_now().await;
                            if let Some(Ok(stream)) = listener.try_accept() {
                                let _ = stream.write(Bytes::from_static(b"unread"));
                            }
                        }
                        if round % 3 == 0 {
                            net.release();
                        }
                        drop(listener);
                        for connecting in held {
                            drop(connecting.await);
                        }
                    }
                }));
            }
            for task in tasks {
                task.await.unwrap();
            }
        }
    };
    let limit = std::time::Duration::from_secs(60);
    let done = runtime.block_on(async { tokio::time::timeout(limit, traffic).await });
    done.expect("nobody waits for a lock forever");
    for name in 0..4 {
        switch.detach(&identity(&format!("p{name}")).uid);
    }
    assert_eq!(switch.stats(), crate::network::NetworkStats::default());
}
