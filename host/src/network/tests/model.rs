//! TCP's state changes against a model of two queues and some flags.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::network::Shutdown;

#[derive(Clone, Copy, Debug)]
enum Action {
    Write(u16),
    Read(u16),
    ShutdownWrite,
    ShutdownRead,
    Close,
    Reset,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => prop_oneof![1..20u16, 1..3000u16, 1..40_000u16].prop_map(Action::Write),
        8 => prop_oneof![1..20u16, 1..3000u16, 1..=u16::MAX].prop_map(Action::Read),
        1 => Just(Action::ShutdownWrite),
        1 => Just(Action::ShutdownRead),
        1 => Just(Action::Close),
        1 => Just(Action::Reset),
    ]
}

/// One direction.
#[derive(Default)]
struct Direction {
    bytes: VecDeque<u8>,
    finished: bool,
    reset: bool,
    discarding: bool,
    closed: bool,
}

impl Direction {
    fn write_error(&self) -> Option<NetError> {
        if self.finished {
            Some(NetError::BrokenPipe)
        } else if self.reset || self.closed {
            Some(NetError::ConnectionReset)
        } else {
            None
        }
    }

    /// What a reader is told when there is nothing; `None` is to wait.
    fn ending(&self) -> Option<Result<(), NetError>> {
        if self.discarding || self.finished {
            Some(Ok(()))
        } else if self.reset {
            Some(Err(NetError::ConnectionReset))
        } else {
            None
        }
    }

    fn reset(&mut self) {
        self.reset |= !self.finished;
        self.closed = true;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn a_connection_is_two_queues_with_ends(
        actions in prop::collection::vec((0..2usize, action()), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let switch = network();
            let net = pod(&switch, "a");
            let (client, server) = connected(&net).await;
            let mut ends = [Some(client), Some(server)];
            // What each side writes to.
            let mut directions = [Direction::default(), Direction::default()];
            let mut next = 0u8;
            for (side, action) in actions {
                let Some(end) = ends[side].clone() else { continue };
                let (out, into) = (side, 1 - side);
                match action {
                    Action::Write(length) => {
                        let permit = end.writable_now();
                        let polled = poll_once(|cx| end.poll_writable(cx));
                        match directions[out].write_error() {
                            Some(error) => {
                                prop_assert_eq!(permit, Err(error));
                                prop_assert_eq!(polled, Poll::Ready(Err(error)));
                                prop_assert_eq!(end.write(Bytes::from_static(b"x")), Err(error));
                            }
                            None => {
                                let permit = permit.unwrap();
                                prop_assert_eq!(polled, if permit > 0 { Poll::Ready(Ok(permit)) } else { Poll::Pending });
                                let direction = &mut directions[out];
                                let room = 256 * 1024 - direction.bytes.len();
                                prop_assert_eq!(permit > 0, room >= 32 * 1024);
                                let data: Vec<u8> = (0..usize::from(length).min(permit)).map(|_| { next = next.wrapping_add(1); next }).collect();
                                if !direction.discarding {
                                    direction.bytes.extend(&data);
                                }
                                end.write(Bytes::from(data)).unwrap();
                            }
                        }
                    }
                    Action::Read(max) => {
                        let direction = &mut directions[into];
                        let readable = poll_once(|cx| end.poll_readable(cx)).is_ready();
                        let answer = end.try_read(usize::from(max));
                        prop_assert_eq!(readable, answer.is_some());
                        if direction.bytes.is_empty() {
                            prop_assert_eq!(answer, direction.ending().map(|ending| ending.map(|()| Bytes::new())));
                        } else {
                            let bytes = answer.unwrap().unwrap();
                            prop_assert!(!bytes.is_empty() && bytes.len() <= usize::from(max));
                            let expected: Vec<u8> = direction.bytes.drain(..bytes.len()).collect();
                            prop_assert_eq!(&bytes[..], &expected[..]);
                        }
                    }
                    Action::ShutdownWrite => {
                        end.shutdown(Shutdown::Write).unwrap();
                        let direction = &mut directions[out];
                        direction.finished |= !direction.reset;
                    }
                    Action::ShutdownRead => {
                        end.shutdown(Shutdown::Read).unwrap();
                        directions[into].discarding = true;
                        directions[into].bytes.clear();
                    }
                    Action::Close => {
                        drop(end);
                        ends[side] = None;
                        let unread = !directions[into].bytes.is_empty();
                        directions[into].closed = true;
                        directions[into].bytes.clear();
                        let direction = &mut directions[out];
                        if unread {
                            direction.reset();
                        } else {
                            direction.finished |= !direction.reset;
                        }
                    }
                    Action::Reset => {
                        end.reset();
                        directions[into].reset();
                        directions[into].bytes.clear();
                        directions[out].reset();
                    }
                }
                let waiting: usize = directions.iter().map(|direction| direction.bytes.len()).sum();
                prop_assert_eq!(switch.stats().buffered_bytes, waiting);
            }
            drop(ends);
            prop_assert_eq!(switch.stats().buffered_bytes, 0);
            prop_assert_eq!(switch.stats().sockets, 0);
            prop_assert_eq!(switch.stats().ports, 0);
            Ok(())
        })?;
    }
}

/// Two threads, one direction: whatever the sizes, the reader is never left asleep.
#[test]
fn no_wake_up_is_lost_between_threads() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let net = pod(&network(), "a");
        for round in 0..50usize {
            let (client, server) = connected(&net).await;
            server.set_receive_capacity(4096 << (round % 4));
            let bytes = 50_000 + round * 1000;
            let writer = tokio::spawn(async move {
                for chunk in 0..bytes / 100 {
                    let size = 1 + (chunk * 7919) % 199;
                    write_all(&client, Bytes::from(vec![0; size]))
                        .await
                        .unwrap();
                }
            });
            let reader = tokio::spawn(async move { read_all(&server).await.1 });
            let both = async { (writer.await.unwrap(), reader.await.unwrap()) };
            let done = tokio::time::timeout(std::time::Duration::from_secs(20), both).await;
            assert_eq!(done.expect("nobody sleeps forever").1, None);
        }
    });
}
