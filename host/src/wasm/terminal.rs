//! The terminal of a command: what a kernel's line discipline does between a keyboard in raw mode and a program that reads lines. Guests cannot
//! change it, so there is one mode: echo, line editing, and the keys that send a signal.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use crate::ports::{LogSink, LogStream};

/// A line that is being typed; as long as on Linux. More is not taken until it is ended or shortened.
const LINE_BYTES_MAX: usize = 4096;
/// Lines that wait to be read.
const READY_BYTES_MAX: usize = 64 << 10;

const INTERRUPT: u8 = 0x03;
const END: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const ERASE_LINE: u8 = 0x15;
const ERASE_WORD: u8 = 0x17;
const QUIT: u8 = 0x1c;
const DELETE: u8 = 0x7f;

/// A terminal.
pub(super) struct Terminal {
    state: Mutex<State>,
    readable: Notify,
    taken: Notify,
    screen: Arc<dyn LogSink>,
}

#[derive(Default)]
struct State {
    line: Vec<u8>,
    ready: VecDeque<Ready>,
    bytes: usize,
    hung_up: bool,
}

/// What a reader gets.
enum Ready {
    Bytes(Bytes),
    /// The end of the input, once: somebody may read on after it.
    End,
}

/// What a key asks for beside input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// SIGINT.
    Interrupt,
    /// SIGQUIT.
    Quit,
}

impl Terminal {
    pub(super) fn new(screen: Arc<dyn LogSink>) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::default(),
            readable: Notify::new(),
            taken: Notify::new(),
            screen,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was typed, waiting while nobody reads it; gives the signals that were asked for.
    pub(super) async fn typed(&self, bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        let mut echo = Vec::new();
        for &byte in bytes {
            // An interrupt must get through to a command that does not read.
            while byte != INTERRUPT && byte != QUIT && self.is_full() {
                let taken = self.taken.notified();
                tokio::pin!(taken);
                taken.as_mut().enable();
                if self.is_full() {
                    taken.await;
                }
            }
            keys.extend(self.key(byte, &mut echo));
        }
        if !echo.is_empty() {
            self.screen.room().await;
            self.screen.write(LogStream::Stdout, &echo);
        }
        keys
    }

    fn is_full(&self) -> bool {
        let state = self.state();
        state.bytes >= READY_BYTES_MAX && !state.hung_up
    }

    fn key(&self, byte: u8, echo: &mut Vec<u8>) -> Option<Key> {
        let mut state = self.state();
        match byte {
            INTERRUPT | QUIT => {
                state.line.clear();
                caret(byte, echo);
                return Some(if byte == INTERRUPT {
                    Key::Interrupt
                } else {
                    Key::Quit
                });
            }
            END => {
                let line = std::mem::take(&mut state.line);
                state.push(if line.is_empty() {
                    Ready::End
                } else {
                    Ready::Bytes(line.into())
                });
            }
            b'\r' | b'\n' => {
                let mut line = std::mem::take(&mut state.line);
                line.push(b'\n');
                state.push(Ready::Bytes(line.into()));
                echo.extend_from_slice(b"\r\n");
            }
            BACKSPACE | DELETE => state.erase(echo),
            ERASE_LINE => {
                while !state.line.is_empty() {
                    state.erase(echo);
                }
            }
            ERASE_WORD => {
                while state.line.last() == Some(&b' ') {
                    state.erase(echo);
                }
                while state.line.last().is_some_and(|last| *last != b' ') {
                    state.erase(echo);
                }
            }
            _ if state.line.len() >= LINE_BYTES_MAX => {}
            byte => {
                state.line.push(byte);
                if byte < b' ' && byte != b'\t' {
                    caret(byte, echo);
                } else {
                    echo.push(byte);
                }
            }
        }
        drop(state);
        self.readable.notify_waiters();
        None
    }

    /// Nobody types any more.
    pub(super) fn hang_up(&self) {
        self.state().hung_up = true;
        self.readable.notify_waiters();
        self.taken.notify_waiters();
    }

    /// What is there, at most `max` bytes. `None`: nothing yet. `Some` of nothing: the end.
    pub(super) fn read_now(&self, max: usize) -> Option<Bytes> {
        let mut state = self.state();
        let bytes = match state.ready.pop_front() {
            Some(Ready::End) => Bytes::new(),
            Some(Ready::Bytes(mut line)) => {
                let bytes = line.split_to(max.min(line.len()));
                if !line.is_empty() {
                    state.ready.push_front(Ready::Bytes(line));
                }
                bytes
            }
            None => return state.hung_up.then(Bytes::new),
        };
        state.bytes -= bytes.len();
        drop(state);
        self.taken.notify_waiters();
        Some(bytes)
    }

    /// Waits until `read_now` gives something.
    pub(super) async fn readable(&self) {
        loop {
            let changed = self.readable.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            {
                let state = self.state();
                if !state.ready.is_empty() || state.hung_up {
                    return;
                }
            }
            changed.await;
        }
    }

    /// The screen has room.
    pub(super) fn has_room(&self) -> bool {
        self.screen.has_room()
    }

    /// Waits for the screen to have room.
    pub(super) async fn room(&self) {
        self.screen.room().await;
    }

    /// Shows what a program wrote: a new line begins at the left.
    pub(super) fn write(&self, bytes: &[u8]) {
        let mut shown = Vec::with_capacity(bytes.len() + bytes.len() / 16);
        for &byte in bytes {
            if byte == b'\n' {
                shown.push(b'\r');
            }
            shown.push(byte);
        }
        self.screen.write(LogStream::Stdout, &shown);
    }
}

impl State {
    fn push(&mut self, ready: Ready) {
        if let Ready::Bytes(bytes) = &ready {
            self.bytes += bytes.len();
        } else if matches!(self.ready.back(), Some(Ready::End)) {
            // Held down, the key would fill the host's memory.
            return;
        }
        self.ready.push_back(ready);
    }

    /// Takes the last character back, and from the screen.
    fn erase(&mut self, echo: &mut Vec<u8>) {
        let continues = |byte: u8| byte & 0xc0 == 0x80;
        while let Some(byte) = self.line.pop() {
            if continues(byte) {
                continue;
            }
            let columns = if byte < b' ' && byte != b'\t' { 2 } else { 1 };
            for _ in 0..columns {
                echo.extend_from_slice(b"\x08 \x08");
            }
            return;
        }
    }
}

/// A control character as `^C`.
fn caret(byte: u8, echo: &mut Vec<u8>) {
    echo.extend_from_slice(&[b'^', byte ^ 0x40]);
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{Key, READY_BYTES_MAX, Terminal};
    use crate::ports::{BoxFuture, LogSink, LogStream};

    #[derive(Default)]
    struct Screen(Mutex<Vec<u8>>);

    impl Screen {
        fn shown(&self) -> String {
            let shown = std::mem::take(&mut *self.0.lock().expect("unpoisoned"));
            String::from_utf8_lossy(&shown).into_owned()
        }
    }

    impl LogSink for Screen {
        fn has_room(&self) -> bool {
            true
        }
        fn room(&self) -> BoxFuture<'_, ()> {
            Box::pin(std::future::ready(()))
        }
        fn write(&self, stream: LogStream, bytes: &[u8]) {
            assert_eq!(stream, LogStream::Stdout);
            self.0.lock().expect("unpoisoned").extend(bytes);
        }
        fn close(&self) {}
        fn tail(&self) -> String {
            String::new()
        }
    }

    fn terminal() -> (Arc<Terminal>, Arc<Screen>) {
        let screen = Arc::<Screen>::default();
        (Terminal::new(Arc::clone(&screen) as _), screen)
    }

    fn read(terminal: &Terminal) -> Option<String> {
        let bytes = terminal.read_now(1000)?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    #[tokio::test]
    async fn a_line_is_read_when_it_is_ended_and_seen_while_it_is_typed() {
        let (terminal, screen) = terminal();
        assert_eq!(terminal.typed(b"lx\x7fs").await, []);
        assert_eq!(read(&terminal), None);
        assert_eq!(screen.shown(), "lx\x08 \x08s");
        terminal.typed(b" one two\x17\x17\x15ls\r").await;
        assert_eq!(read(&terminal).as_deref(), Some("ls\n"));
        assert!(screen.shown().ends_with("ls\r\n"));
        terminal.typed("é\u{7f}\u{7f}\r".as_bytes()).await;
        assert_eq!(
            read(&terminal).as_deref(),
            Some("\n"),
            "a character is erased whole"
        );
        terminal.write(b"a\nb\n");
        assert!(screen.shown().ends_with("a\r\nb\r\n"));
    }

    #[tokio::test]
    async fn the_end_of_input_is_seen_once_and_the_unfinished_line_without_it() {
        let (terminal, _screen) = terminal();
        terminal.typed(b"\x04\x04\x04ab\x04").await;
        assert_eq!(read(&terminal).as_deref(), Some(""));
        assert_eq!(read(&terminal).as_deref(), Some("ab"));
        assert_eq!(read(&terminal), None);
        terminal.hang_up();
        assert_eq!(read(&terminal).as_deref(), Some(""));
        assert_eq!(read(&terminal).as_deref(), Some(""), "for good");
    }

    #[tokio::test]
    async fn interrupts_get_through_to_a_command_that_does_not_read() {
        let (terminal, screen) = terminal();
        let line = [&[b'x'; 4095][..], b"\n"].concat();
        for _ in 0..READY_BYTES_MAX / line.len() {
            terminal.typed(&line).await;
        }
        screen.shown();
        assert_eq!(
            terminal.typed(b"\x03\x1c").await,
            [Key::Interrupt, Key::Quit]
        );
        assert_eq!(screen.shown(), "^C^\\");
        let typing = tokio::spawn({
            let terminal = Arc::clone(&terminal);
            async move { terminal.typed(b"more\n").await }
        });
        tokio::task::yield_now().await;
        assert!(!typing.is_finished(), "what is typed ahead is bounded");
        assert!(terminal.read_now(10_000).is_some());
        typing.await.expect("goes on");
    }

    #[tokio::test]
    async fn a_line_without_end_is_not_kept_for_ever() {
        let (terminal, _screen) = terminal();
        terminal.typed(&[b'x'; 10_000]).await;
        terminal.typed(b"\n").await;
        assert_eq!(terminal.read_now(10_000).map(|line| line.len()), Some(4097));
    }
}
