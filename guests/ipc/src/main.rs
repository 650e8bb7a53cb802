//! Two programs in one: `ipc -producer [COUNT]` makes a message queue, sends so many random bytes in hex and then the message `done`;
//! `ipc -consumer` waits until that queue is there and prints what it receives, up to and with `done`. Either may start first.

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use peapod_guest::mq::{self, Open};

const QUEUE: &str = "/ipc";
const DONE: &str = "done";
/// How many bytes are sent where no number is given.
const COUNT: u64 = 10;
/// Between two messages: who watches the logs sees them come.
const PAUSE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["-producer"] => produce(COUNT),
        ["-producer", count] => match count.parse() {
            Ok(count) => produce(count),
            Err(error) => Err(io::Error::new(ErrorKind::InvalidInput, error)),
        },
        ["-consumer"] => consume(),
        _ => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "usage: ipc -producer [COUNT] | -consumer",
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ipc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn produce(count: u64) -> io::Result<()> {
    let queue = Open::new().write().create().size(10, 64).open(QUEUE)?;
    for byte in wasip2::random::random::get_random_bytes(count) {
        let text = format!("{byte:02x}");
        queue.send(text.as_bytes(), 0)?;
        println!("Produced: {text}");
        sleep(PAUSE);
    }
    queue.send(DONE.as_bytes(), 0)
}

fn consume() -> io::Result<()> {
    let queue = loop {
        match Open::new().read().open(QUEUE) {
            Err(error) if error.kind() == ErrorKind::NotFound => sleep(PAUSE),
            opened => break opened?,
        }
    };
    loop {
        let (bytes, _) = queue.receive()?;
        let text = String::from_utf8_lossy(&bytes);
        println!("Consumed: {text}");
        if text == DONE {
            // Nobody sends after it; a producer that starts anew makes a new queue.
            return mq::unlink(QUEUE);
        }
    }
}
