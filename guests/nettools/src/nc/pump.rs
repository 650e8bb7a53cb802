//! Both ways at once.

use std::io;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::output;
use crate::poll::{Deadline, wait};
use crate::stdin::Stdin;
use crate::tcp::Connection;

/// So much is read at a time, from either side.
const CHUNK: usize = 8 * 1024;
/// Once the peer has ended, standard input is sent on until it falls silent for so long. To go at once would lose the file that
/// `cat FILE | nc -l 80` is about to send to a peer with nothing to say, whose end therefore comes first; to stay until standard input
/// ends would be for ever where it is a terminal.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How it came to an end.
#[derive(Debug)]
pub(super) enum Ended {
    /// The peer ended, or the time to wait for it did.
    Well,
    Network(Error),
    Output(io::Error),
    /// Standard output is read by nobody any more.
    NoReader,
}

/// What flows between a connection and the standard streams.
pub(super) struct Pump<'a> {
    pub(super) connection: &'a mut Connection,
    pub(super) stdin: &'a mut Stdin,
    pub(super) wait: Option<Duration>,
    pub(super) stay: Option<Duration>,
    /// The peer is a client.
    pub(super) listening: bool,
}

impl Pump<'_> {
    pub(super) fn run(self) -> Ended {
        let mut pending: Vec<u8> = Vec::new();
        let (mut peer_over, mut shut, mut spoke) = (false, false, false);
        let mut last = Instant::now();
        let mut stdin_over: Option<Instant> = None;
        loop {
            if !pending.is_empty() {
                match self.connection.write_now(&pending) {
                    Ok(0) => {}
                    Ok(written) => {
                        pending.drain(..written);
                        spoke = true;
                        last = Instant::now();
                    }
                    // It closed both ways, and nobody hears the rest.
                    Err(_) if peer_over => return Ended::Well,
                    Err(e) => return Ended::Network(e),
                }
            }
            if self.stdin.is_over() && pending.is_empty() {
                if peer_over {
                    return Ended::Well;
                }
                // A server without a word to say leaves its side open: ended before the client has begun, it would seem to have hung up.
                if !shut && (spoke || !self.listening) {
                    self.connection.shut_write();
                }
                shut = true;
                stdin_over.get_or_insert_with(Instant::now);
            }
            if !self.step(peer_over, &pending, last, stdin_over) {
                return Ended::Well;
            }
            if !peer_over {
                match self.connection.read_now(CHUNK) {
                    Ok(None) => {}
                    Ok(Some(bytes)) => {
                        last = Instant::now();
                        peer_over = bytes.is_empty();
                        match output::write(&bytes) {
                            Ok(()) => {}
                            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                                return Ended::NoReader;
                            }
                            Err(e) => return Ended::Output(e),
                        }
                    }
                    Err(e) => return Ended::Network(e),
                }
            }
            if pending.is_empty() {
                pending = self.stdin.read_now(CHUNK as u64);
                if !pending.is_empty() {
                    last = Instant::now();
                }
            }
        }
    }

    /// Waits until something can be done; false once there is no more time.
    fn step(
        &self,
        peer_over: bool,
        pending: &[u8],
        last: Instant,
        stdin_over: Option<Instant>,
    ) -> bool {
        let mut what = Vec::new();
        if !peer_over {
            what.push(self.connection.readable());
        }
        if !pending.is_empty() {
            what.push(self.connection.writable());
        } else if !self.stdin.is_over() {
            what.push(self.stdin.readable());
        }
        let mut deadline = Deadline::NEVER;
        if peer_over {
            deadline = Deadline::after(last, Some(LAST_WORDS));
        }
        if let Some(over) = stdin_over {
            deadline = Deadline::after(last, self.wait).or(Deadline::after(over, self.stay));
        }
        wait(&what, deadline)
    }
}
