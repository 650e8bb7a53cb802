//! Bandwidth (rules O1–O3).

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::*;

fn limited(
    switch: &Arc<Switch>,
    name: &str,
    ingress: Option<u64>,
    egress: Option<u64>,
) -> Arc<PodNetwork> {
    let identity = PodIdentity {
        ingress_bits_per_second: ingress,
        egress_bits_per_second: egress,
        ..identity(name)
    };
    switch.attach(identity).unwrap()
}

/// What arrives in five seconds over so many connections, in bits per second.
async fn rate(from: &Arc<PodNetwork>, to: &Arc<PodNetwork>, connections: usize) -> f64 {
    let listener = listen(to, "0.0.0.0:80");
    let mut tasks = Vec::new();
    let end = Instant::now() + Duration::from_secs(5);
    for _ in 0..connections {
        let client = connect(from, at(to, 80)).await.unwrap();
        let server = listener.accept().await.unwrap();
        tasks.push(tokio::spawn(async move {
            let send = async {
                loop {
                    let permit = poll_fn(|cx| client.poll_writable(cx)).await.unwrap();
                    client.write(Bytes::from(vec![0; permit.min(64 * 1024)])).unwrap();
                    // Under paused time the clock moves only when everybody waits.
                    tokio::task::yield_now().await;
                }
            };
            let mut received = 0;
            let receive = async {
                loop {
                    received += read(&server).await.unwrap().len();
                }
            };
            tokio::select! { () = send => {} () = receive => {} () = tokio::time::sleep_until(end) => {} }
            received
        }));
    }
    let mut received = 0u32;
    for task in tasks {
        received += u32::try_from(task.await.unwrap()).unwrap();
    }
    f64::from(received) * 8.0 / 5.0
}

fn assert_within_five_percent(measured: f64, wanted: u64) {
    let wanted = f64::from(u32::try_from(wanted).unwrap());
    let off = (measured - wanted).abs() / wanted;
    assert!(off < 0.05, "{measured} instead of {wanted} bit/s");
}

#[tokio::test(start_paused = true)]
async fn o1_egress_and_ingress_are_held_within_five_percent_over_five_seconds() {
    for bits in [
        1_000,
        64_000,
        1_000_000,
        10_000_000,
        100_000_000,
        1_000_000_000,
    ] {
        let switch = network();
        let free = pod(&switch, "free");
        let slow = limited(&switch, "slow", None, Some(bits));
        assert_within_five_percent(rate(&slow, &free, 1).await, bits);
        let slow = limited(&switch, "slow too", Some(bits), None);
        assert_within_five_percent(rate(&free, &slow, 1).await, bits);
    }
}

#[tokio::test(start_paused = true)]
async fn o1_the_slower_of_senders_egress_and_receivers_ingress_decides() {
    let switch = network();
    let one = limited(&switch, "one", None, Some(8_000_000));
    let other = limited(&switch, "other", Some(3_000_000), None);
    assert_within_five_percent(rate(&one, &other, 1).await, 3_000_000);
    let third = limited(&switch, "third", Some(80_000_000), None);
    assert_within_five_percent(rate(&one, &third, 3).await, 8_000_000);
}

#[tokio::test(start_paused = true)]
async fn o1_many_connections_share_one_bandwidth_fairly() {
    let switch = network();
    let free = pod(&switch, "free");
    let slow = limited(&switch, "slow", None, Some(10_000_000));
    assert_within_five_percent(rate(&slow, &free, 50).await, 10_000_000);

    let listener = listen(&free, "0.0.0.0:81");
    let mut sent = Vec::new();
    for _ in 0..20 {
        let client = connect(&slow, at(&free, 81)).await.unwrap();
        let server = listener.accept().await.unwrap();
        sent.push(tokio::spawn(async move {
            let end = sleep(Duration::from_secs(5));
            tokio::pin!(end);
            let mut count = 0usize;
            loop {
                tokio::select! {
                    () = &mut end => return count,
                    permit = poll_fn(|cx| client.poll_writable(cx)) => {
                        let bytes = permit.unwrap();
                        client.write(Bytes::from(vec![0; bytes])).unwrap();
                        count += read_exactly(&server, bytes).await.len();
                        tokio::task::yield_now().await;
                    }
                }
            }
        }));
    }
    let mut counts = Vec::new();
    for task in sent {
        counts.push(task.await.unwrap());
    }
    let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
    assert!(*least * 2 > *most, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn o1_loopback_and_own_address_are_untouched() {
    let switch = network();
    let slow = limited(&switch, "slow", Some(1_000), Some(1_000));
    let listener = listen(&slow, "0.0.0.0:80");
    let before = Instant::now();
    for remote in [address("127.0.0.1:80"), at(&slow, 80)] {
        let client = connect(&slow, remote).await.unwrap();
        let server = listener.accept().await.unwrap();
        let send = write_all(&client, Bytes::from(vec![0; 10_000_000]));
        let (sent, received) = tokio::join!(send, read_exactly(&server, 10_000_000));
        sent.unwrap();
        assert_eq!(received.len(), 10_000_000);
    }
    assert!(before.elapsed() < Duration::from_millis(10));
}

#[tokio::test(start_paused = true)]
async fn o1_what_comes_from_the_node_is_shaped() {
    let switch = network();
    let slow = limited(&switch, "slow", Some(1_000_000), None);
    let listener = listen(&slow, "0.0.0.0:80");
    let far = slow
        .dial(at(&slow, 80), switch.node_source())
        .await
        .unwrap();
    let server = listener.accept().await.unwrap();
    let before = Instant::now();
    let send = write_all(&far, Bytes::from(vec![0; 125_000]));
    let (sent, _) = tokio::join!(send, read_exactly(&server, 125_000));
    sent.unwrap();
    let took = before.elapsed().as_secs_f64();
    assert!((0.9..1.05).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_waits_for_bandwidth_learns_that_its_peer_is_gone() {
    let switch = network();
    let free = pod(&switch, "free");
    let slow = limited(&switch, "slow", None, Some(1_000));
    let listener = listen(&free, "0.0.0.0:80");
    let client = connect(&slow, at(&free, 80)).await.unwrap();
    let server = listener.accept().await.unwrap();
    let permit = poll_fn(|cx| client.poll_writable(cx)).await.unwrap();
    client.write(Bytes::from(vec![0; permit])).unwrap();
    let before = Instant::now();
    let writer = tokio::spawn(async move { poll_fn(|cx| client.poll_writable(cx)).await });
    tokio::task::yield_now().await;
    drop(server);
    assert_eq!(writer.await.unwrap(), Err(NetError::ConnectionReset));
    assert_eq!(before.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn o1_datagrams_are_held_to_the_bandwidth_and_a_sender_that_waits_loses_none() {
    for (ingress, egress) in [(None, Some(1_000_000)), (Some(1_000_000), None)] {
        let switch = network();
        let from = limited(&switch, "from", None, egress);
        let to = limited(&switch, "to", ingress, None);
        let server = udp(&to, address("0.0.0.0:53"));
        let client = udp(&from, address("0.0.0.0:0"));
        let end = Instant::now() + Duration::from_secs(5);
        let (mut sent, mut received) = (0u32, 0u32);
        while Instant::now() < end {
            poll_fn(|cx| client.poll_sendable(cx)).await.unwrap();
            client
                .send(Bytes::from(vec![0; 1000]), Some(at(&to, 53)))
                .unwrap();
            sent += 1;
            while server.try_receive().is_some() {
                received += 1;
            }
        }
        assert_eq!(sent, received);
        assert_within_five_percent(f64::from(received) * 8000.0 / 5.0, 1_000_000);
        for _ in 0..10_000 {
            client
                .send(Bytes::from(vec![0; 1000]), Some(at(&to, 53)))
                .unwrap();
            received += u32::from(server.try_receive().is_some());
        }
        assert!(received < sent + 30, "a sender that does not wait loses");
    }
}
