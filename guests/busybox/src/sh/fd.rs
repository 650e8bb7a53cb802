//! File descriptors: what the numbers of a redirection stand for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::rc::Rc;

use peapod_guest::process::{self, Stream};

use super::capture::Capture;

/// What a descriptor stands for.
#[derive(Clone)]
pub(crate) enum Fd {
    /// An open stream of the host.
    Stream(Rc<Stream>),
    /// The output of a `$( … )` that runs in this process.
    Capture(Rc<Capture>),
    /// A here-document's text, and how far it is read.
    Text(Rc<RefCell<Text>>),
}

/// A here-document.
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    pub(crate) position: usize,
}

impl Text {
    /// What is left to read.
    pub(crate) fn rest(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }
}

impl Fd {
    pub(crate) fn stream(stream: Stream) -> Self {
        Self::Stream(Rc::new(stream))
    }

    pub(crate) fn text(text: &str) -> Self {
        Self::Text(Rc::new(RefCell::new(Text {
            bytes: text.as_bytes().to_vec(),
            position: 0,
        })))
    }

    fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Stream(stream) => (&**stream).read(buffer),
            Self::Capture(_) => Err(io::Error::other("Bad file descriptor")),
            Self::Text(text) => {
                let mut text = text.borrow_mut();
                let count = text.rest().read(buffer)?;
                text.position += count;
                Ok(count)
            }
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Stream(stream) => (&**stream).write_all(bytes),
            Self::Capture(capture) => {
                capture.push(bytes);
                Ok(())
            }
            Self::Text(_) => Err(io::Error::other("Bad file descriptor")),
        }
    }
}

/// A shell's descriptors.
#[derive(Clone)]
pub(crate) struct Fds(BTreeMap<i32, Fd>);

impl Fds {
    /// The process's own three.
    pub(crate) fn standard() -> Self {
        let streams = [
            (0, process::stdin()),
            (1, process::stdout()),
            (2, process::stderr()),
        ];
        Self(
            streams
                .into_iter()
                .map(|(number, stream)| (number, Fd::stream(stream)))
                .collect(),
        )
    }

    pub(crate) fn get(&self, number: i32) -> Option<&Fd> {
        self.0.get(&number)
    }

    pub(crate) fn set(&mut self, number: i32, fd: Fd) {
        self.0.insert(number, fd);
    }

    pub(crate) fn close(&mut self, number: i32) {
        self.0.remove(&number);
    }

    /// Whether a `$( … )` reads what is written to the descriptor.
    pub(crate) fn is_captured(&self, number: i32) -> bool {
        matches!(self.get(number), Some(Fd::Capture(_)))
    }

    fn open(&self, number: i32) -> io::Result<&Fd> {
        self.get(number)
            .ok_or_else(|| io::Error::other("Bad file descriptor"))
    }

    pub(crate) fn write(&self, number: i32, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            Ok(())
        } else {
            self.open(number)?.write(bytes)
        }
    }

    /// One byte, none at the end. The shell never reads ahead: what follows on its input belongs to the next command.
    pub(crate) fn read_byte(&self, number: i32) -> io::Result<Option<u8>> {
        let mut byte = [0];
        let count = self.open(number)?.read(&mut byte)?;
        Ok((count > 0).then_some(byte[0]))
    }
}
