use std::sync::Arc;

use super::super::{
    Access, Creation, IpcError, IpcLimits, IpcStats, PodIpc, QueueSize, SEMAPHORE_VALUE_MAX,
};
use super::{BOTH, pod, queue};

#[test]
fn names_are_a_slash_and_up_to_255_bytes_without_one() {
    let ipc = pod();
    let queue = |name: &str| {
        ipc.open_queue(name, BOTH, Creation::IfMissing, None)
            .map(drop)
    };
    let semaphore = |name: &str| ipc.open_semaphore(name, Creation::IfMissing, 0).map(drop);
    let segment = |name: &str| {
        ipc.open_segment(name, true, Creation::IfMissing, 0)
            .map(drop)
    };
    let longest = format!("/{}", "n".repeat(255));
    let longer = format!("/{}", "n".repeat(256));
    for (name, of_queue, of_others) in [
        ("/a", Ok(()), Ok(())),
        (&longest, Ok(()), Ok(())),
        (
            &longer,
            Err(IpcError::NameTooLong),
            Err(IpcError::NameTooLong),
        ),
        ("", Err(IpcError::Invalid), Err(IpcError::Invalid)),
        ("a", Err(IpcError::Invalid), Err(IpcError::Invalid)),
        ("/", Err(IpcError::NoEntry), Err(IpcError::Invalid)),
        ("/a/b", Err(IpcError::Access), Err(IpcError::Invalid)),
        ("/..", Err(IpcError::Invalid), Err(IpcError::Invalid)),
        ("/a\0b", Err(IpcError::Invalid), Err(IpcError::Invalid)),
    ] {
        assert_eq!(queue(name), of_queue, "queue {name:?}");
        assert_eq!(semaphore(name), of_others, "semaphore {name:?}");
        assert_eq!(segment(name), of_others, "segment {name:?}");
        assert_eq!(ipc.unlink_queue(name), of_queue, "unlink {name:?}");
        assert_eq!(ipc.unlink_semaphore(name), of_others, "unlink {name:?}");
        assert_eq!(ipc.unlink_segment(name), of_others, "unlink {name:?}");
    }
    assert_eq!(ipc.stats(), IpcStats::default());
}

#[test]
fn o_creat_and_o_excl_mean_what_they_mean_for_files() {
    let ipc = pod();
    let open = |creation| ipc.open_queue("/q", BOTH, creation, None);
    assert_eq!(open(Creation::Never).err(), Some(IpcError::NoEntry));
    let first = open(Creation::Exclusive).expect("made");
    assert_eq!(open(Creation::Exclusive).err(), Some(IpcError::Exists));
    let second = open(Creation::IfMissing).expect("there");
    let third = open(Creation::Never).expect("there");
    first.try_send(b"x".to_vec(), 0).expect("sent");
    assert_eq!(second.attributes().current, 1);
    assert_eq!(third.try_receive().expect("received").bytes, b"x");
    let neither = Access {
        read: false,
        write: false,
    };
    let opened = ipc.open_queue("/q", neither, Creation::Never, None);
    assert_eq!(opened.err(), Some(IpcError::Invalid));
}

#[test]
fn an_existing_queue_keeps_its_attributes() {
    let ipc = pod();
    let _first = queue(&ipc, 3, 100);
    let second = queue(&ipc, 7, 7);
    let attributes = second.attributes();
    assert_eq!(attributes.size.messages, 3);
    assert_eq!(attributes.size.message_bytes, 100);
    let third = ipc.open_queue("/plain", BOTH, Creation::IfMissing, None);
    let plain = third.expect("opened").attributes().size;
    assert_eq!((plain.messages, plain.message_bytes), (10, 8192));
}

#[test]
fn the_pods_do_not_see_each_other() {
    let (one, other) = (pod(), pod());
    let _queue = queue(&one, 1, 1);
    let found = other.open_queue("/q", BOTH, Creation::Never, None);
    assert_eq!(found.err(), Some(IpcError::NoEntry));
    assert_eq!(other.stats(), IpcStats::default());
}

#[test]
fn contents_outlive_every_handle_and_end_with_the_pod() {
    let ipc = pod();
    queue(&ipc, 2, 10)
        .try_send(b"left".to_vec(), 4)
        .expect("sent");
    assert_eq!(ipc.stats().handles, 0);
    let after = queue(&ipc, 2, 10).try_receive().expect("still there");
    assert_eq!((after.bytes, after.priority), (b"left".to_vec(), 4));
}

#[test]
fn an_unlinked_object_lives_until_its_last_handle_and_its_name_is_free_at_once() {
    let ipc = pod();
    let old = queue(&ipc, 2, 10);
    ipc.unlink_queue("/q").expect("unlinked");
    assert_eq!(ipc.unlink_queue("/q"), Err(IpcError::NoEntry));
    let new = queue(&ipc, 2, 10);
    old.try_send(b"old".to_vec(), 0).expect("sent");
    assert_eq!(new.try_receive(), Err(IpcError::WouldBlock));
    assert_eq!(old.try_receive().expect("received").bytes, b"old");
    assert_eq!(ipc.stats().queues, 2);
    drop(old);
    assert_eq!(ipc.stats().queues, 1);
    drop(new);
    assert_eq!(
        ipc.stats().queues,
        1,
        "a name holds its queue without handles"
    );
    ipc.unlink_queue("/q").expect("unlinked");
    assert_eq!(ipc.stats(), IpcStats::default());
}

fn tight() -> Arc<PodIpc> {
    PodIpc::new(IpcLimits {
        queues: 2,
        semaphores: 2,
        segments: 2,
        queue_bytes: 10_000,
        shared_bytes: 1_000,
        messages_per_queue: 100,
        message_bytes: 4_000,
    })
}

#[test]
fn each_kind_of_object_has_its_limit() {
    let ipc = tight();
    let size = Some(QueueSize {
        messages: 1,
        message_bytes: 1,
    });
    for name in ["/1", "/2"] {
        drop(ipc.open_queue(name, BOTH, Creation::IfMissing, size));
        drop(ipc.open_semaphore(name, Creation::IfMissing, 0));
        drop(ipc.open_segment(name, true, Creation::IfMissing, 1));
    }
    let queue = ipc.open_queue("/3", BOTH, Creation::IfMissing, size);
    assert_eq!(queue.err(), Some(IpcError::NoSpace));
    let semaphore = ipc.open_semaphore("/3", Creation::IfMissing, 0);
    assert_eq!(semaphore.err(), Some(IpcError::NoSpace));
    let segment = ipc.open_segment("/3", true, Creation::IfMissing, 1);
    assert_eq!(segment.err(), Some(IpcError::NoSpace));
    ipc.unlink_queue("/1").expect("unlinked");
    assert!(
        ipc.open_queue("/3", BOTH, Creation::IfMissing, size)
            .is_ok()
    );
}

#[test]
fn a_queue_takes_its_bytes_when_it_is_made() {
    let ipc = tight();
    let open = |name, messages, message_bytes| {
        let size = QueueSize {
            messages,
            message_bytes,
        };
        ipc.open_queue(name, BOTH, Creation::IfMissing, Some(size))
            .map(drop)
    };
    assert_eq!(open("/a", 0, 1), Err(IpcError::Invalid));
    assert_eq!(open("/a", 1, 0), Err(IpcError::Invalid));
    assert_eq!(open("/a", 101, 1), Err(IpcError::Invalid));
    assert_eq!(open("/a", 1, 4_001), Err(IpcError::Invalid));
    assert_eq!(open("/a", 3, 4_000), Err(IpcError::NoSpace));
    assert_eq!(open("/a", 2, 4_000), Ok(()));
    assert_eq!(open("/b", 1, 4_000), Err(IpcError::NoSpace));
    assert_eq!(ipc.stats().queues, 1, "what failed left nothing behind");
    ipc.unlink_queue("/a").expect("unlinked");
    assert_eq!(ipc.stats(), IpcStats::default());
}

#[test]
fn shared_memory_is_bounded_when_it_is_made_and_when_it_grows() {
    let ipc = tight();
    let open = |name, bytes| ipc.open_segment(name, true, Creation::IfMissing, bytes);
    assert_eq!(open("/a", 1_001).err(), Some(IpcError::NoSpace));
    assert_eq!(open("/a", u64::MAX).err(), Some(IpcError::NoSpace));
    let a = open("/a", 600).expect("made");
    assert_eq!(open("/b", 401).err(), Some(IpcError::NoSpace));
    let b = open("/b", 400).expect("made");
    assert_eq!(b.resize(401), Err(IpcError::NoSpace));
    assert_eq!(b.size_bytes(), 400);
    a.resize(500).expect("smaller");
    b.resize(500).expect("larger");
    assert_eq!(ipc.stats().shared_bytes, 1_000);
    drop((a, b));
    ipc.unlink_segment("/a").expect("unlinked");
    ipc.unlink_segment("/b").expect("unlinked");
    assert_eq!(ipc.stats(), IpcStats::default());
}

#[test]
fn a_semaphore_starts_at_most_at_its_highest_value() {
    let ipc = pod();
    let too_large = ipc.open_semaphore("/s", Creation::IfMissing, SEMAPHORE_VALUE_MAX + 1);
    assert_eq!(too_large.err(), Some(IpcError::Invalid));
    let full = ipc
        .open_semaphore("/s", Creation::IfMissing, SEMAPHORE_VALUE_MAX)
        .expect("made");
    assert_eq!(full.post(), Err(IpcError::Overflow));
    full.try_wait().expect("taken");
    full.post().expect("room again");
}
