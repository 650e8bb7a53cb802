//! Tests `peapod:pod/message-queue`, `semaphore` and `shared-memory` from inside, with children of its own as the others; prints FAILED lines.

use std::io::{self, ErrorKind};
use std::time::Duration;

use peapod_guest::mq::{self, Open};
use peapod_guest::process::{Child, Command};
use peapod_guest::sem::{self, Semaphore};
use peapod_guest::shm::{self, Segment};

/// Long enough that a child has come to wait.
const A_WHILE: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_millis(50);
const NEVER: Duration = Duration::from_secs(30);

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if let Some(role) = args.get(1) {
        return child(role);
    }
    let mut failed = 0;
    let checks: [(&str, fn() -> io::Result<bool>); 9] = [
        ("queue: a blocked receiver gets the message", receiver),
        ("queue: a blocked sender is let in", sender),
        ("queue: a killed receiver loses no message", killed_receiver),
        ("queue: limits of time, and pollables", queue_times),
        ("queue: handles are bounded", handles),
        ("semaphore: a blocked waiter gets the post", waiter),
        (
            "semaphore: a killed waiter passes its turn on",
            killed_waiter,
        ),
        ("memory: atomics of two processes add up", adders),
        ("memory: wait and notify", notified),
    ];
    for (what, check) in checks {
        let why = match check() {
            Ok(true) => {
                println!("ok: {what}");
                continue;
            }
            Ok(false) => String::from("not so"),
            Err(error) => error.to_string(),
        };
        println!("FAILED: {what}: {why}");
        failed += 1;
    }
    if failed > 0 {
        behaviours::exit(1);
    }
    Ok(())
}

fn start(role: &str) -> io::Result<Child> {
    Command::this(["ipc-check", role]).spawn()
}

fn kind<T>(done: io::Result<T>) -> Option<ErrorKind> {
    done.err().map(|error| error.kind())
}

fn child(role: &str) -> io::Result<()> {
    match role {
        "receive" => {
            let (bytes, priority) = Open::new().read().open("/a")?.receive()?;
            let answer = Open::new().write().open("/b")?;
            answer.send(&bytes, priority)
        }
        "send" => Open::new().write().open("/a")?.send(b"second", 0),
        "wait" => {
            Semaphore::open("/a")?.wait();
            Semaphore::open("/b")?.post()
        }
        "add" => {
            let segment = Segment::open("/a")?;
            for _ in 0..1000 {
                segment.fetch_add_u64(8, 1)?;
                loop {
                    let mut word = [0; 4];
                    segment.read(4, &mut word)?;
                    let before = u32::from_le_bytes(word);
                    if segment.compare_exchange_u32(4, before, before + 1)? == before {
                        break;
                    }
                }
            }
            Ok(())
        }
        "futex" => {
            let segment = Segment::open("/a")?;
            segment.wait(0, 0)?;
            segment.fetch_add_u32(4, 1).map(drop)
        }
        _ => Err(ErrorKind::InvalidInput.into()),
    }
}

fn queues(messages: u32) -> io::Result<(mq::Queue, mq::Queue)> {
    let make = Open::new().read().write().create_new().size(messages, 16);
    let pair = (make.open("/a")?, make.open("/b")?);
    Ok(pair)
}

fn unlink_queues() -> io::Result<()> {
    mq::unlink("/a")?;
    mq::unlink("/b")
}

fn receiver() -> io::Result<bool> {
    let (a, b) = queues(2)?;
    let mut child = start("receive")?;
    std::thread::sleep(A_WHILE);
    a.send(b"hello", 3)?;
    let answer = b.receive_timeout(NEVER)?;
    let status = child.wait()?;
    unlink_queues()?;
    Ok(answer == (b"hello".to_vec(), 3) && status == 0)
}

fn sender() -> io::Result<bool> {
    let (a, _b) = queues(1)?;
    a.send(b"first", 0)?;
    let mut child = start("send")?;
    std::thread::sleep(A_WHILE);
    let first = a.receive_timeout(NEVER)?.0;
    let second = a.receive_timeout(NEVER)?.0;
    let status = child.wait()?;
    unlink_queues()?;
    Ok(first == b"first" && second == b"second" && status == 0)
}

fn killed_receiver() -> io::Result<bool> {
    let (a, b) = queues(2)?;
    let mut killed = start("receive")?;
    std::thread::sleep(A_WHILE);
    let mut lives = start("receive")?;
    std::thread::sleep(A_WHILE);
    peapod_guest::process::signal(killed.id(), 9)?;
    a.send(b"mine", 0)?;
    let answer = b.receive_timeout(NEVER)?.0;
    let statuses = (killed.wait()?, lives.wait()?);
    unlink_queues()?;
    Ok(answer == b"mine" && statuses == (137, 0))
}

fn queue_times() -> io::Result<bool> {
    let (a, _b) = queues(1)?;
    let empty = kind(a.receive_timeout(LIMIT)) == Some(ErrorKind::TimedOut)
        && kind(a.try_receive()) == Some(ErrorKind::WouldBlock);
    a.wait_writable();
    a.send(b"x", 0)?;
    a.wait_readable();
    let full = kind(a.send_timeout(b"y", 0, LIMIT)) == Some(ErrorKind::TimedOut)
        && kind(a.try_send(b"y", 0)) == Some(ErrorKind::WouldBlock);
    unlink_queues()?;
    Ok(empty && full)
}

fn handles() -> io::Result<bool> {
    let mut open = Vec::new();
    let refused = loop {
        match Semaphore::create("/many", 0) {
            Ok(semaphore) => open.push(semaphore),
            Err(error) => break error,
        }
    };
    let count = open.len();
    open.pop();
    let again = Semaphore::create("/many", 0).is_ok();
    drop(open);
    sem::unlink("/many")?;
    Ok(count == 1024 && refused.to_string() == "Too many open files" && again)
}

fn semaphores() -> io::Result<(Semaphore, Semaphore)> {
    Ok((
        Semaphore::create_new("/a", 0)?,
        Semaphore::create_new("/b", 0)?,
    ))
}

fn unlink_semaphores() -> io::Result<()> {
    sem::unlink("/a")?;
    sem::unlink("/b")
}

fn waiter() -> io::Result<bool> {
    let (a, b) = semaphores()?;
    let timed = kind(a.wait_timeout(LIMIT)) == Some(ErrorKind::TimedOut);
    let mut child = start("wait")?;
    std::thread::sleep(A_WHILE);
    a.post()?;
    b.wait_positive();
    let status = child.wait()?;
    let values = (a.value(), b.value());
    unlink_semaphores()?;
    Ok(timed && status == 0 && values == (0, 1))
}

fn killed_waiter() -> io::Result<bool> {
    let (a, b) = semaphores()?;
    let mut killed = start("wait")?;
    std::thread::sleep(A_WHILE);
    let mut lives = start("wait")?;
    std::thread::sleep(A_WHILE);
    // It is chosen, and killed before it can go on.
    a.post()?;
    peapod_guest::process::signal(killed.id(), 9)?;
    let went_on = b.wait_timeout(Duration::from_secs(5)).is_ok();
    if killed.wait()? == 0 {
        // It was quicker; then the other still waits.
        a.post()?;
    }
    let status = lives.wait()?;
    unlink_semaphores()?;
    Ok(went_on && status == 0)
}

fn adders() -> io::Result<bool> {
    let segment = Segment::create_new("/a", 16)?;
    let mut children = [start("add")?, start("add")?];
    for child in &mut children {
        child.wait()?;
    }
    let sums = (segment.fetch_add_u32(4, 0)?, segment.fetch_add_u64(8, 0)?);
    shm::unlink("/a")?;
    Ok(sums == (2000, 2000))
}

fn notified() -> io::Result<bool> {
    let segment = Segment::create_new("/a", 8)?;
    let mut children = [start("futex")?, start("futex")?];
    std::thread::sleep(A_WHILE);
    let changed = kind(segment.wait(0, 1)) == Some(ErrorKind::WouldBlock);
    let mut woken = 0;
    // A slow machine: they may not all have come to wait yet.
    while woken < 2 {
        woken += segment.notify(0, 2)?;
        std::thread::sleep(Duration::from_millis(10));
    }
    for child in &mut children {
        child.wait()?;
    }
    let count = segment.fetch_add_u32(4, 0)?;
    shm::unlink("/a")?;
    Ok(changed && count == 2)
}
