use std::sync::Arc;

use proptest::prelude::*;

use super::super::{Creation, IpcError, IpcStats, PodIpc, SegmentHandle, TRANSFER_MAX_BYTES};
use super::{SOON, pod, waiting};

fn segment(ipc: &PodIpc, size_bytes: u64) -> SegmentHandle {
    ipc.open_segment("/m", true, Creation::IfMissing, size_bytes)
        .expect("opened")
}

#[test]
fn it_starts_as_zeroes_and_whoever_opens_it_sees_what_others_wrote() {
    let ipc = pod();
    let (one, other) = (segment(&ipc, 16), segment(&ipc, 99));
    assert_eq!(other.size_bytes(), 16, "an existing segment keeps its size");
    assert_eq!(one.read(0, 16), Ok(vec![0; 16]));
    one.write(4, b"hello").expect("written");
    assert_eq!(other.read(3, 7), Ok(b"\0hello\0".to_vec()));
    for (offset, len) in [(0, 17), (16, 1), (u64::MAX, 1), (1, u64::MAX)] {
        assert_eq!(one.read(offset, len), Err(IpcError::Invalid));
    }
    assert_eq!(one.write(12, b"hello"), Err(IpcError::Invalid));
    assert_eq!(one.read(16, 0), Ok(Vec::new()));
}

#[test]
fn a_read_gives_a_megabyte_at_most() {
    let ipc = pod();
    let segment = segment(&ipc, 3 << 20);
    let got = segment.read(0, 3 << 20).expect("read");
    assert_eq!(got.len(), TRANSFER_MAX_BYTES);
}

#[test]
fn a_segment_opened_for_reading_is_not_written() {
    let ipc = pod();
    let _made = segment(&ipc, 8);
    let reader = ipc
        .open_segment("/m", false, Creation::Never, 0)
        .expect("opened");
    assert_eq!(reader.read(0, 8), Ok(vec![0; 8]));
    assert_eq!(reader.write(0, b"x"), Err(IpcError::Access));
    assert_eq!(reader.resize(1), Err(IpcError::Access));
    assert_eq!(reader.fetch_add_u32(0, 1), Err(IpcError::Access));
    assert_eq!(reader.fetch_add_u64(0, 1), Err(IpcError::Access));
    assert_eq!(reader.compare_exchange_u32(0, 0, 1), Err(IpcError::Access));
    assert_eq!(reader.compare_exchange_u64(0, 0, 1), Err(IpcError::Access));
}

#[test]
fn words_are_aligned_inside_and_little_endian() {
    let ipc = pod();
    let segment = segment(&ipc, 20);
    assert_eq!(segment.fetch_add_u32(4, 0x0102_0304), Ok(0));
    assert_eq!(segment.read(4, 4), Ok(vec![4, 3, 2, 1]));
    assert_eq!(segment.fetch_add_u32(4, u32::MAX), Ok(0x0102_0304));
    assert_eq!(segment.compare_exchange_u32(4, 1, 9), Ok(0x0102_0303));
    assert_eq!(
        segment.compare_exchange_u32(4, 0x0102_0303, 9),
        Ok(0x0102_0303)
    );
    assert_eq!(segment.compare_exchange_u64(8, 0, u64::MAX), Ok(0));
    assert_eq!(segment.fetch_add_u64(8, 2), Ok(u64::MAX));
    assert_eq!(
        segment.read(0, 16),
        Ok([0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0].to_vec())
    );
    for offset in [1, 2, 3, 20, 24, u64::MAX - 3] {
        assert_eq!(segment.fetch_add_u32(offset, 1), Err(IpcError::Invalid));
    }
    for offset in [4, 12, 16, 24] {
        assert_eq!(segment.fetch_add_u64(offset, 1), Err(IpcError::Invalid));
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_holds_only_while_the_word_is_as_expected() {
    let ipc = pod();
    let segment = segment(&ipc, 8);
    assert_eq!(segment.wait(0, 1, None).await, Err(IpcError::WouldBlock));
    assert_eq!(segment.wait(2, 0, None).await, Err(IpcError::Invalid));
    assert_eq!(segment.wait(8, 0, None).await, Err(IpcError::Invalid));
    assert_eq!(segment.wait(0, 0, SOON).await, Err(IpcError::TimedOut));
    assert_eq!(segment.notify(0, 5), Ok(0), "who gave up is not counted");
    assert_eq!(segment.notify(1, 5), Err(IpcError::Invalid));
}

#[tokio::test]
async fn notify_wakes_as_many_as_it_says_on_that_word_alone() {
    let ipc = pod();
    let segment = Arc::new(segment(&ipc, 8));
    let mut tasks = Vec::new();
    for (count, offset) in [0, 0, 0, 4].into_iter().enumerate() {
        let waiter = Arc::clone(&segment);
        tasks.push(tokio::spawn(
            async move { waiter.wait(offset, 0, None).await },
        ));
        waiting(&ipc, count + 1).await;
    }
    assert_eq!(segment.notify(0, 2), Ok(2));
    waiting(&ipc, 2).await;
    assert!(tasks[0].is_finished() && tasks[1].is_finished());
    assert_eq!(segment.notify(0, u32::MAX), Ok(1));
    assert_eq!(segment.notify(4, 1), Ok(1));
    for task in tasks {
        task.await.expect("ran").expect("woken");
    }
}

#[tokio::test]
async fn a_turn_that_came_to_a_killed_waiter_goes_to_the_next_on_that_word() {
    let ipc = pod();
    let segment = segment(&ipc, 8);
    let mut first = Box::pin(segment.wait(0, 0, None));
    let mut second = Box::pin(segment.wait(0, 0, None));
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut second).is_pending());
    assert_eq!(segment.notify(0, 1), Ok(1));
    drop(first);
    second.await.expect("woken");
}

#[tokio::test]
async fn an_unlinked_segment_lives_until_its_last_handle() {
    let ipc = pod();
    let old = segment(&ipc, 8);
    old.write(0, b"x").expect("written");
    ipc.unlink_segment("/m").expect("unlinked");
    let new = segment(&ipc, 4);
    assert_eq!(new.read(0, 1), Ok(vec![0]));
    assert_eq!(old.read(0, 1), Ok(b"x".to_vec()));
    drop(old);
    assert_eq!((ipc.stats().segments, ipc.stats().shared_bytes), (1, 4));
    drop(new);
    ipc.unlink_segment("/m").expect("unlinked");
    assert_eq!(ipc.stats(), IpcStats::default());
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, Vec<u8>),
    Read(usize, usize),
    Resize(usize),
    Add32(usize, u32),
    Exchange64(usize, u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0usize..70, prop::collection::vec(any::<u8>(), 0..10))
            .prop_map(|(at, b)| Step::Write(at, b)),
        (0usize..70, 0usize..20).prop_map(|(at, len)| Step::Read(at, len)),
        (0usize..70).prop_map(Step::Resize),
        (0usize..70, any::<u32>()).prop_map(|(at, by)| Step::Add32(at, by)),
        (0usize..70, any::<u64>()).prop_map(|(at, new)| Step::Exchange64(at, new)),
    ]
}

proptest! {
    /// The model: a vector.
    #[test]
    fn a_segment_is_a_vector_of_bytes(steps in prop::collection::vec(step(), 0..100)) {
        let ipc = pod();
        let segment = segment(&ipc, 32);
        let mut model = vec![0u8; 32];
        for step in steps {
            match step {
                Step::Write(at, bytes) => {
                    let fits = at + bytes.len() <= model.len();
                    prop_assert_eq!(segment.write(at as u64, &bytes).is_ok(), fits);
                    if fits {
                        model[at..at + bytes.len()].copy_from_slice(&bytes);
                    }
                }
                Step::Read(at, len) => {
                    let there = model.get(at..at + len).map(<[u8]>::to_vec);
                    prop_assert_eq!(segment.read(at as u64, len as u64).ok(), there);
                }
                Step::Resize(size) => {
                    prop_assert_eq!(segment.resize(size as u64), Ok(()));
                    model.resize(size, 0);
                }
                Step::Add32(at, by) => {
                    let there = model.get_mut(at..at + 4).filter(|_| at % 4 == 0);
                    let before = there.map(|word| {
                        let before = u32::from_le_bytes(word.try_into().expect("four"));
                        word.copy_from_slice(&before.wrapping_add(by).to_le_bytes());
                        before
                    });
                    prop_assert_eq!(segment.fetch_add_u32(at as u64, by).ok(), before);
                }
                Step::Exchange64(at, new) => {
                    let there = model.get_mut(at..at + 8).filter(|_| at % 8 == 0);
                    let before = there.map(|word| {
                        let before = u64::from_le_bytes((&*word).try_into().expect("eight"));
                        if before == 0 {
                            word.copy_from_slice(&new.to_le_bytes());
                        }
                        before
                    });
                    prop_assert_eq!(segment.compare_exchange_u64(at as u64, 0, new).ok(), before);
                }
            }
            prop_assert_eq!(segment.size_bytes(), model.len() as u64);
        }
    }
}
