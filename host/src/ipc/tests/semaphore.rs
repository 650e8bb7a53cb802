use std::sync::Arc;

use futures::future::LocalBoxFuture;
use proptest::prelude::*;

use super::super::{Creation, IpcError, IpcStats, PodIpc, SemaphoreHandle};
use super::{SOON, pod, waiting};

fn semaphore(ipc: &PodIpc, value: u32) -> SemaphoreHandle {
    ipc.open_semaphore("/s", Creation::IfMissing, value)
        .expect("opened")
}

#[tokio::test(start_paused = true)]
async fn it_counts_and_waits_at_zero() {
    let ipc = pod();
    let semaphore = semaphore(&ipc, 2);
    semaphore.wait(None).await.expect("2");
    semaphore.try_wait().expect("1");
    assert_eq!(semaphore.value(), 0);
    assert_eq!(semaphore.try_wait(), Err(IpcError::WouldBlock));
    assert_eq!(semaphore.wait(SOON).await, Err(IpcError::TimedOut));
    assert_eq!(ipc.stats().waiters, 0);
    semaphore.post().expect("posted");
    assert_eq!(
        semaphore.value(),
        1,
        "the waiter that gave up takes no post"
    );
}

#[tokio::test]
async fn a_post_goes_to_the_longest_waiting_and_nobody_takes_it_from_it() {
    let ipc = pod();
    let semaphore = Arc::new(semaphore(&ipc, 0));
    let mut tasks = Vec::new();
    for count in 1..=3 {
        let waiter = Arc::clone(&semaphore);
        tasks.push(tokio::spawn(async move { waiter.wait(None).await }));
        waiting(&ipc, count).await;
    }
    semaphore.post().expect("posted");
    assert_eq!(semaphore.try_wait(), Err(IpcError::WouldBlock));
    let last = tasks.pop().expect("three");
    tasks.remove(0).await.expect("ran").expect("its turn");
    assert!(!tasks[0].is_finished() && !last.is_finished());
    semaphore.post().expect("posted");
    semaphore.post().expect("posted");
    tasks.remove(0).await.expect("ran").expect("its turn");
    last.await.expect("ran").expect("its turn");
}

#[tokio::test]
async fn a_turn_that_came_to_a_killed_waiter_goes_on() {
    let ipc = pod();
    let semaphore = semaphore(&ipc, 0);
    let mut first = Box::pin(semaphore.wait(None));
    let mut second = Box::pin(semaphore.wait(None));
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut second).is_pending());
    semaphore.post().expect("posted");
    drop(first);
    second.await.expect("its turn");
    let mut alone = Box::pin(semaphore.wait(None));
    assert!(futures::poll!(&mut alone).is_pending());
    semaphore.post().expect("posted");
    drop(alone);
    assert_eq!(semaphore.value(), 1);
}

#[tokio::test]
async fn a_pollable_is_ready_above_zero() {
    let ipc = pod();
    let semaphore = semaphore(&ipc, 0);
    let mut ready = Box::pin(semaphore.ready());
    assert!(futures::poll!(&mut ready).is_pending());
    semaphore.post().expect("posted");
    ready.await;
    semaphore.try_wait().expect("still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn as_a_mutex_it_lets_one_in_at_a_time_whoever_is_killed() {
    let ipc = pod();
    let semaphore = Arc::new(semaphore(&ipc, 1));
    let inside = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for who in 0..8 {
        let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
        tasks.push(tokio::spawn(async move {
            for _ in 0..500 {
                let limit = std::time::Duration::from_micros(who * 20);
                if semaphore.wait(Some(limit)).await.is_err() {
                    continue;
                }
                let before = inside.fetch_add(1, std::sync::atomic::Ordering::AcqRel);
                assert_eq!(before, 0);
                tokio::task::yield_now().await;
                inside.fetch_sub(1, std::sync::atomic::Ordering::AcqRel);
                semaphore.post().expect("posted");
            }
        }));
    }
    for task in tasks {
        task.await.expect("ran");
    }
    assert_eq!(semaphore.value(), 1);
    ipc.unlink_semaphore("/s").expect("unlinked");
    drop(semaphore);
    assert_eq!(ipc.stats(), IpcStats::default());
}

#[derive(Clone, Debug)]
enum Step {
    Post,
    Try,
    Wait,
    Kill(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Post),
        2 => Just(Step::Try),
        3 => Just(Step::Wait),
        2 => (0usize..5).prop_map(Step::Kill),
    ]
}

proptest! {
    /// The model: a number, and a line of waiters of whom some have been given their turn.
    #[test]
    fn a_semaphore_is_a_number_and_a_line(steps in prop::collection::vec(step(), 0..200), start in 0u32..3) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let ipc = pod();
            let semaphore = semaphore(&ipc, start);
            let mut value = start;
            let mut line: Vec<(LocalBoxFuture<'_, Result<(), IpcError>>, bool)> = Vec::new();
            for step in steps {
                match step {
                    Step::Post => {
                        prop_assert_eq!(semaphore.post(), Ok(()));
                        match line.iter_mut().find(|(_, turn)| !turn) {
                            Some((_, turn)) => *turn = true,
                            None => value += 1,
                        }
                    }
                    Step::Try if value > 0 => {
                        prop_assert_eq!(semaphore.try_wait(), Ok(()));
                        value -= 1;
                    }
                    Step::Try => prop_assert_eq!(semaphore.try_wait(), Err(IpcError::WouldBlock)),
                    Step::Wait => {
                        let mut waiter: LocalBoxFuture<'_, _> = Box::pin(semaphore.wait(None));
                        if value > 0 {
                            prop_assert!(futures::poll!(&mut waiter).is_ready());
                            value -= 1;
                        } else {
                            prop_assert!(futures::poll!(&mut waiter).is_pending());
                            line.push((waiter, false));
                        }
                    }
                    Step::Kill(which) if which < line.len() => {
                        if line.remove(which).1 {
                            match line.iter_mut().find(|(_, turn)| !turn) {
                                Some((_, turn)) => *turn = true,
                                None => value += 1,
                            }
                        }
                    }
                    Step::Kill(_) => {}
                }
                prop_assert_eq!(semaphore.value(), value);
            }
            for (mut waiter, turn) in line {
                prop_assert_eq!(futures::poll!(&mut waiter).is_ready(), turn);
            }
            prop_assert_eq!(ipc.stats().waiters, 0);
            Ok(())
        })?;
    }
}
