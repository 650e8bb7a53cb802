use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use proptest::prelude::*;

use super::super::{
    Access, Creation, IpcError, IpcLimits, IpcStats, Message, PRIORITY_MAX, PodIpc,
};
use super::{BOTH, SOON, pod, queue, waiting};

fn text(message: &Message) -> &str {
    std::str::from_utf8(&message.bytes).expect("text")
}

#[test]
fn the_highest_priority_comes_first_and_equals_in_their_order() {
    let ipc = pod();
    let queue = queue(&ipc, 10, 10);
    for (bytes, priority) in [
        ("a1", 1),
        ("b5", 5),
        ("c1", 1),
        ("d0", 0),
        ("e5", 5),
        ("f", PRIORITY_MAX),
    ] {
        queue
            .try_send(bytes.as_bytes().to_vec(), priority)
            .expect("sent");
    }
    let mut all = Vec::new();
    while let Ok(message) = queue.try_receive() {
        all.push(text(&message).to_owned());
    }
    assert_eq!(all, ["f", "b5", "e5", "a1", "c1", "d0"]);
}

#[test]
fn what_may_not_be_sent_is_refused_each_with_its_error() {
    let ipc = pod();
    let kib = queue(&ipc, 1, 1024);
    assert_eq!(
        kib.try_send(vec![0; 1_000_000], 0),
        Err(IpcError::MessageSize)
    );
    assert_eq!(
        kib.try_send(Vec::new(), PRIORITY_MAX + 1),
        Err(IpcError::Invalid)
    );
    kib.try_send(vec![0; 1024], 0).expect("just fits");
    assert_eq!(kib.try_send(Vec::new(), 0), Err(IpcError::WouldBlock));
    let only = |read, write| {
        ipc.open_queue("/q", Access { read, write }, Creation::Never, None)
            .expect("opened")
    };
    assert_eq!(
        only(true, false).try_send(Vec::new(), 0),
        Err(IpcError::BadHandle)
    );
    assert_eq!(only(false, true).try_receive(), Err(IpcError::BadHandle));
    assert!(only(true, false).try_receive().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_timed_call_ends_with_etimedout_and_leaves_nothing_in_the_line() {
    let ipc = pod();
    let queue = queue(&ipc, 1, 10);
    assert_eq!(queue.receive(SOON).await, Err(IpcError::TimedOut));
    assert_eq!(
        queue.receive(Some(Duration::ZERO)).await,
        Err(IpcError::TimedOut)
    );
    queue
        .send(b"1".to_vec(), 0, SOON)
        .await
        .expect("there is room");
    assert_eq!(
        queue.send(b"2".to_vec(), 0, SOON).await,
        Err(IpcError::TimedOut)
    );
    assert_eq!(ipc.stats().waiters, 0);
    assert_eq!(queue.receive(SOON).await.expect("received").bytes, b"1");
    assert_eq!(
        queue.try_receive(),
        Err(IpcError::WouldBlock),
        "the second was never sent"
    );
}

#[tokio::test]
async fn receivers_are_served_in_the_order_they_came() {
    let ipc = pod();
    let queue = Arc::new(queue(&ipc, 1, 10));
    let mut tasks = Vec::new();
    for count in 1..=4 {
        let queue = Arc::clone(&queue);
        tasks.push(tokio::spawn(async move { queue.receive(None).await }));
        waiting(&ipc, count).await;
    }
    for n in 0..4u8 {
        queue.try_send(vec![n], 0).expect("handed over");
    }
    for (n, task) in tasks.into_iter().enumerate() {
        let message = task.await.expect("ran").expect("received");
        assert_eq!(usize::from(message.bytes[0]), n);
    }
}

#[tokio::test]
async fn senders_are_let_in_in_the_order_they_came_and_nobody_passes_them() {
    let ipc = pod();
    let queue = Arc::new(queue(&ipc, 1, 10));
    queue.try_send(vec![0], 0).expect("sent");
    let mut tasks = Vec::new();
    for n in 1..=3u8 {
        let sender = Arc::clone(&queue);
        tasks.push(tokio::spawn(
            async move { sender.send(vec![n], 0, None).await },
        ));
        waiting(&ipc, usize::from(n)).await;
    }
    for n in 0..=3u8 {
        assert_eq!(queue.try_receive().expect("received").bytes, [n]);
        if n < 3 {
            assert_eq!(
                queue.try_send(vec![9], 0),
                Err(IpcError::WouldBlock),
                "its place is taken at once"
            );
        }
    }
    for task in tasks {
        task.await.expect("ran").expect("sent");
    }
}

#[tokio::test]
async fn a_message_handed_to_a_killed_receiver_goes_to_the_next() {
    let ipc = pod();
    let queue = queue(&ipc, 4, 10);
    let mut first = Box::pin(queue.receive(None));
    let mut second = Box::pin(queue.receive(None));
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut second).is_pending());
    queue
        .try_send(b"one".to_vec(), 0)
        .expect("handed to the first");
    drop(first);
    let message = second.await.expect("received");
    assert_eq!(text(&message), "one");
    assert_eq!(ipc.stats().waiters, 0);
}

#[tokio::test]
async fn messages_handed_to_killed_receivers_go_back_to_their_places() {
    let ipc = pod();
    let queue = queue(&ipc, 4, 10);
    let mut killed = Vec::new();
    for _ in 0..2 {
        let mut receiver = Box::pin(queue.receive(None));
        assert!(futures::poll!(&mut receiver).is_pending());
        killed.push(receiver);
    }
    for bytes in ["one", "two", "three"] {
        queue.try_send(bytes.into(), 7).expect("sent");
    }
    assert_eq!(queue.attributes().current, 1);
    drop(killed);
    for bytes in ["one", "two", "three"] {
        assert_eq!(text(&queue.try_receive().expect("received")), bytes);
    }
}

#[tokio::test]
async fn a_killed_senders_message_is_not_sent() {
    let ipc = pod();
    let queue = queue(&ipc, 1, 10);
    queue.try_send(b"1".to_vec(), 0).expect("sent");
    let bytes = ipc.stats().queue_bytes;
    let mut killed = Box::pin(queue.send(b"2".to_vec(), 0, None));
    let mut waits = Box::pin(queue.send(b"3".to_vec(), 0, None));
    assert!(futures::poll!(&mut killed).is_pending());
    assert!(futures::poll!(&mut waits).is_pending());
    assert_eq!(ipc.stats().queue_bytes, bytes + 2);
    drop(killed);
    assert_eq!(ipc.stats().queue_bytes, bytes + 1);
    assert_eq!(queue.try_receive().expect("received").bytes, b"1");
    waits.await.expect("sent");
    assert_eq!(queue.try_receive().expect("received").bytes, b"3");
    assert_eq!(ipc.stats().queue_bytes, bytes);
}

#[tokio::test]
async fn messages_of_waiting_senders_are_bounded() {
    let ipc = PodIpc::new(IpcLimits {
        queue_bytes: 2_500,
        ..IpcLimits::default()
    });
    let queue = queue(&ipc, 1, 1_000);
    queue.try_send(vec![0; 1_000], 0).expect("sent");
    let mut waits = Box::pin(queue.send(vec![1; 1_000], 0, None));
    assert!(futures::poll!(&mut waits).is_pending());
    let refused = queue.send(vec![2; 1_000], 0, None).await;
    assert_eq!(refused, Err(IpcError::NoMemory));
    queue.try_receive().expect("received");
    waits.await.expect("sent");
}

#[tokio::test]
async fn a_pollable_is_ready_when_a_message_or_room_is_there() {
    let ipc = pod();
    let queue = queue(&ipc, 1, 10);
    queue.writable().await;
    {
        let mut readable = Box::pin(queue.readable());
        assert!(futures::poll!(&mut readable).is_pending());
        queue.try_send(b"x".to_vec(), 0).expect("sent");
        readable.await;
    }
    let mut writable = Box::pin(queue.writable());
    assert!(futures::poll!(&mut writable).is_pending());
    queue.try_receive().expect("received");
    writable.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_senders_and_receivers_some_of_them_killed_lose_and_double_nothing() {
    let ipc = pod();
    let queue = Arc::new(queue(&ipc, 3, 10));
    let mut senders = Vec::new();
    for who in 0..8u32 {
        let queue = Arc::clone(&queue);
        senders.push(tokio::spawn(async move {
            for n in 0..500u32 {
                let bytes = (who * 1000 + n).to_le_bytes().to_vec();
                queue.send(bytes, n % 3, None).await.expect("sent");
            }
        }));
    }
    let done = Arc::new(AtomicBool::new(false));
    let mut receivers = Vec::new();
    for _ in 0..6 {
        let (queue, done) = (Arc::clone(&queue), Arc::clone(&done));
        receivers.push(tokio::spawn(async move {
            let mut got = Vec::new();
            // A receiver that is dropped over and over while it waits, sometimes with a message in its hands.
            while !done.load(Ordering::Acquire) || queue.attributes().current > 0 {
                tokio::select! {
                    message = queue.receive(None) => got.push(message.expect("received").bytes),
                    () = tokio::task::yield_now() => {}
                }
            }
            got
        }));
    }
    for sender in senders {
        sender.await.expect("ran");
    }
    done.store(true, Ordering::Release);
    let mut all = Vec::new();
    for receiver in receivers {
        all.extend(receiver.await.expect("ran"));
    }
    while let Ok(message) = queue.try_receive() {
        all.push(message.bytes);
    }
    assert_eq!(all.len(), 4_000);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4_000);
    drop(queue);
    ipc.unlink_queue("/q").expect("unlinked");
    assert_eq!(ipc.stats(), IpcStats::default());
}

#[derive(Clone, Debug)]
enum Step {
    Send(u32),
    Receive,
    Wait,
    Kill(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0u32..4).prop_map(Step::Send),
        3 => Just(Step::Receive),
        2 => Just(Step::Wait),
        1 => (0usize..4).prop_map(Step::Kill),
        1 => Just(Step::Reopen),
    ]
}

proptest! {
    /// The model: a sorted list, and a count of those who wait.
    #[test]
    fn a_queue_is_a_list_sorted_by_priority_and_age(steps in prop::collection::vec(step(), 0..200), max in 1u32..6) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let ipc = pod();
            let mut handle = queue(&ipc, max, 8);
            let opener = queue(&ipc, max, 8);
            let mut model: Vec<(u32, u32)> = Vec::new();
            let mut line: Vec<LocalBoxFuture<'_, Result<Message, IpcError>>> = Vec::new();
            let mut handed: Vec<Option<(u32, u32)>> = Vec::new();
            let mut number = 0u32;
            for step in steps {
                match step {
                    Step::Send(priority) => {
                        number += 1;
                        let sent = handle.try_send(number.to_le_bytes().to_vec(), priority);
                        if let Some(slot) = handed.iter_mut().find(|slot| slot.is_none()) {
                            prop_assert_eq!(sent, Ok(()));
                            *slot = Some((priority, number));
                        } else if model.len() < max as usize {
                            prop_assert_eq!(sent, Ok(()));
                            model.push((priority, number));
                        } else {
                            prop_assert_eq!(sent, Err(IpcError::WouldBlock));
                        }
                    }
                    Step::Receive => {
                        model.sort_by_key(|(priority, number)| (u32::MAX - priority, *number));
                        let got = handle.try_receive();
                        if model.is_empty() {
                            prop_assert_eq!(got, Err(IpcError::WouldBlock));
                        } else {
                            let (priority, number) = model.remove(0);
                            let bytes = number.to_le_bytes().to_vec();
                            prop_assert_eq!(got, Ok(Message { bytes, priority }));
                        }
                    }
                    Step::Wait if model.is_empty() && line.len() < 4 => {
                        let mut receiver: LocalBoxFuture<'_, _> = Box::pin(opener.receive(None));
                        prop_assert!(futures::poll!(&mut receiver).is_pending());
                        line.push(receiver);
                        handed.push(None);
                    }
                    Step::Wait => {}
                    Step::Kill(which) if which < line.len() => {
                        drop(line.remove(which));
                        if let Some(message) = handed.remove(which) {
                            match handed.iter_mut().find(|slot| slot.is_none()) {
                                Some(slot) => *slot = Some(message),
                                None => model.push(message),
                            }
                        }
                    }
                    Step::Kill(_) => {}
                    Step::Reopen => handle = ipc.open_queue("/q", BOTH, Creation::Never, None).expect("there"),
                }
                prop_assert_eq!(handle.attributes().current, model.len());
            }
            for (receiver, message) in line.into_iter().zip(handed) {
                if let Some((priority, number)) = message {
                    let bytes = number.to_le_bytes().to_vec();
                    prop_assert_eq!(receiver.await, Ok(Message { bytes, priority }));
                }
            }
            prop_assert_eq!(ipc.stats().waiters, 0);
            Ok(())
        })?;
    }
}
