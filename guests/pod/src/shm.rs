//! Shared memory of the pod, in the manner of `shm_overview(7)`, read and written by calls: wasm cannot map it. Every call is atomic but for
//! reads and writes of more than a megabyte.

use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::host::shared_memory as host;
use crate::ipc::{Creation, error, nanoseconds};

/// An open segment. Dropping it closes it.
#[derive(Debug)]
pub struct Segment(host::Segment);

impl Segment {
    /// The segment of that name, which must be there, for reading and writing.
    pub fn open(name: &str) -> io::Result<Self> {
        Self::with(name, true, Creation::Never, 0)
    }

    /// The segment of that name, which must be there, for reading.
    pub fn open_read_only(name: &str) -> io::Result<Self> {
        Self::with(name, false, Creation::Never, 0)
    }

    /// The segment of that name; where it is missing it is made of so many zeroes.
    pub fn create(name: &str, bytes: u64) -> io::Result<Self> {
        Self::with(name, true, Creation::IfMissing, bytes)
    }

    /// A segment that must not be there yet.
    pub fn create_new(name: &str, bytes: u64) -> io::Result<Self> {
        Self::with(name, true, Creation::Exclusive, bytes)
    }

    fn with(name: &str, writable: bool, creation: Creation, bytes: u64) -> io::Result<Self> {
        host::open(name, writable, creation, bytes)
            .map(Self)
            .map_err(error)
    }

    /// Its size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.size()
    }

    /// Lets it grow by zeroes, or cuts off its end.
    pub fn resize(&self, bytes: u64) -> io::Result<()> {
        self.0.resize(bytes).map_err(error)
    }

    /// Fills the buffer with what is there.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut rest = buffer;
        let mut at = offset;
        loop {
            let len = u64::try_from(rest.len()).unwrap_or(u64::MAX);
            let bytes = self.0.read(at, len).map_err(error)?;
            let (head, tail) = rest
                .split_at_mut_checked(bytes.len())
                .ok_or(ErrorKind::InvalidData)?;
            head.copy_from_slice(&bytes);
            if tail.is_empty() {
                return Ok(());
            }
            if bytes.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            at += u64::try_from(bytes.len()).unwrap_or(0);
            rest = tail;
        }
    }

    /// Writes all the bytes there.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write(offset, bytes).map_err(error)
    }

    /// Puts `new` where `expected` is; the value before.
    pub fn compare_exchange_u32(&self, offset: u64, expected: u32, new: u32) -> io::Result<u32> {
        self.0
            .compare_exchange32(offset, expected, new)
            .map_err(error)
    }

    /// Puts `new` where `expected` is; the value before.
    pub fn compare_exchange_u64(&self, offset: u64, expected: u64, new: u64) -> io::Result<u64> {
        self.0
            .compare_exchange64(offset, expected, new)
            .map_err(error)
    }

    /// Adds, wrapping around; the value before.
    pub fn fetch_add_u32(&self, offset: u64, by: u32) -> io::Result<u32> {
        self.0.fetch_add32(offset, by).map_err(error)
    }

    /// Adds, wrapping around; the value before.
    pub fn fetch_add_u64(&self, offset: u64, by: u64) -> io::Result<u64> {
        self.0.fetch_add64(offset, by).map_err(error)
    }

    /// Waits for a [`notify`](Self::notify) on the word there, if it is `expected` now; else [`ErrorKind::WouldBlock`].
    pub fn wait(&self, offset: u64, expected: u32) -> io::Result<()> {
        self.0.wait(offset, expected).map_err(error)
    }

    /// As [`wait`](Self::wait), or [`ErrorKind::TimedOut`].
    pub fn wait_timeout(&self, offset: u64, expected: u32, limit: Duration) -> io::Result<()> {
        self.0
            .timed_wait(offset, expected, nanoseconds(limit))
            .map_err(error)
    }

    /// Wakes at most so many who wait on the word; how many there were.
    pub fn notify(&self, offset: u64, most: u32) -> io::Result<u32> {
        self.0.notify(offset, most).map_err(error)
    }
}

/// Takes the name away at once; the segment goes with its last handle.
pub fn unlink(name: &str) -> io::Result<()> {
    host::unlink(name).map_err(error)
}
