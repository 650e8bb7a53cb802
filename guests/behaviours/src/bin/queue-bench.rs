//! Measures a message queue: `queue-bench produce COUNT BYTES [MESSAGES]` in one container, `queue-bench consume COUNT` in the other of
//! the pod. The consumer prints how many messages a second it received, from the first one on. MESSAGES is how many the queue holds.

use std::io;
use std::time::{Duration, Instant};

use peapod_guest::mq::{self, Open};

const QUEUE: &str = "/bench";

fn main() -> io::Result<()> {
    let mut args =
        behaviours::Args::new("queue-bench produce COUNT BYTES [MESSAGES] | consume COUNT");
    let role: String = args.need();
    let count: u32 = args.need();
    if role == "produce" {
        let bytes: u32 = args.need();
        let open = Open::new().write().create();
        let queue = open.size(args.or(10), bytes).open(QUEUE)?;
        let message = vec![b'x'; bytes as usize];
        for _ in 0..count {
            queue.send(&message, 0)?;
        }
        return Ok(());
    }
    let queue = loop {
        match Open::new().read().open(QUEUE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::thread::sleep(Duration::from_millis(1));
            }
            opened => break opened?,
        }
    };
    queue.receive()?;
    let start = Instant::now();
    for _ in 1..count {
        queue.receive()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{:.0} messages/s", f64::from(count - 1) / seconds);
    mq::unlink(QUEUE)
}
