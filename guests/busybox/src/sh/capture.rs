//! The output of a command substitution that runs in this process: builtins write straight into it, children through a pipe.

use std::cell::RefCell;
use std::io::Read;

use peapod_guest::process::Stream;

/// What a `$( … )` has printed so far.
#[derive(Default)]
pub(crate) struct Capture {
    bytes: RefCell<Vec<u8>>,
    /// Pipes from children that run on in the background: they are read to their ends before the substitution ends, as elsewhere.
    left: RefCell<Vec<Stream>>,
}

impl Capture {
    pub(crate) fn push(&self, bytes: &[u8]) {
        self.bytes.borrow_mut().extend_from_slice(bytes);
    }

    /// Reads a child's pipe to its end.
    pub(crate) fn drain(&self, mut reader: Stream) {
        // A pipe that breaks has ended: what came so far counts.
        let _ = reader.read_to_end(&mut self.bytes.borrow_mut());
    }

    /// Leaves a background child's pipe for the end.
    pub(crate) fn leave(&self, reader: Stream) {
        self.left.borrow_mut().push(reader);
    }

    /// All the output, without the newlines at its end.
    pub(crate) fn finish(&self) -> String {
        for reader in self.left.take() {
            self.drain(reader);
        }
        let bytes = self.bytes.take();
        let end = bytes
            .iter()
            .rposition(|&byte| byte != b'\n')
            .map_or(0, |last| last + 1);
        String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).replace('\0', "")
    }
}
