//! Named counting semaphores of the pod, in the manner of `sem_overview(7)`.

use std::io;
use std::time::Duration;

use crate::host::semaphore as host;
use crate::ipc::{Creation, error, nanoseconds};

/// The highest value.
pub const VALUE_MAX: u32 = 2_147_483_647;

/// An open semaphore. Dropping it closes it.
#[derive(Debug)]
pub struct Semaphore(host::Counter);

impl Semaphore {
    /// The semaphore of that name, which must be there.
    pub fn open(name: &str) -> io::Result<Self> {
        Self::with(name, Creation::Never, 0)
    }

    /// The semaphore of that name; where it is missing it is made with that value.
    pub fn create(name: &str, value: u32) -> io::Result<Self> {
        Self::with(name, Creation::IfMissing, value)
    }

    /// A semaphore that must not be there yet.
    pub fn create_new(name: &str, value: u32) -> io::Result<Self> {
        Self::with(name, Creation::Exclusive, value)
    }

    fn with(name: &str, creation: Creation, value: u32) -> io::Result<Self> {
        host::open(name, creation, value).map(Self).map_err(error)
    }

    /// Waits while the value is 0, then takes 1 from it.
    pub fn wait(&self) {
        // Most often it is not 0, and a call that cannot wait costs the host less.
        if self.0.try_wait().is_err() {
            self.0.wait();
        }
    }

    /// As [`wait`](Self::wait), or [`io::ErrorKind::WouldBlock`] at 0.
    pub fn try_wait(&self) -> io::Result<()> {
        self.0.try_wait().map_err(error)
    }

    /// As [`wait`](Self::wait), or [`io::ErrorKind::TimedOut`].
    pub fn wait_timeout(&self, limit: Duration) -> io::Result<()> {
        self.0.timed_wait(nanoseconds(limit)).map_err(error)
    }

    /// Adds 1, or lets the longest waiting go on.
    pub fn post(&self) -> io::Result<()> {
        self.0.post().map_err(error)
    }

    /// The value: 0 while somebody waits.
    #[must_use]
    pub fn value(&self) -> u32 {
        self.0.value()
    }

    /// Waits until the value is above 0, without taking from it.
    pub fn wait_positive(&self) {
        self.0.subscribe().block();
    }
}

/// Takes the name away at once; the semaphore goes with its last handle.
pub fn unlink(name: &str) -> io::Result<()> {
    host::unlink(name).map_err(error)
}
