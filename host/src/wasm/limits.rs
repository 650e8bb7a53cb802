//! Memory of one process: what it takes counts as its container's.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::budget::Memory;

/// What a table element costs the host.
const TABLE_ELEMENT_BYTES: u64 = 8;
/// What an instance costs beside its memories and tables: its store, its handles and the part of its stack that it usually touches.
const INSTANCE_BYTES: u64 = 64 * 1024;

/// One process's share of the budget; given back when the process is gone.
pub(super) struct Share {
    memory: Arc<Memory>,
    bytes: u64,
    /// Being refused ends the container.
    fatal: bool,
    /// Not counted yet: making a share cannot fail, so the instance itself is counted with its first memory.
    uncounted: u64,
}

/// A process wanted more memory than its container may have.
#[derive(Debug, thiserror::Error)]
#[error("out of memory: the container's memory limit is reached")]
pub(super) struct OutOfMemory;

impl Share {
    /// For a process: being refused memory is the end of its container.
    pub(super) fn new(memory: Arc<Memory>) -> Self {
        Self {
            memory,
            bytes: 0,
            fatal: true,
            uncounted: INSTANCE_BYTES,
        }
    }

    /// For one request of a server: being refused memory is the end of that request, whose client is told.
    pub(super) fn of_request(memory: Arc<Memory>) -> Self {
        let mut share = Self::new(memory);
        share.fatal = false;
        share
    }

    fn grow(&mut self, bytes: u64) -> wasmtime::Result<bool> {
        let bytes = bytes.saturating_add(self.uncounted);
        if !self.memory.take_at_last(bytes) {
            if self.fatal {
                self.memory.exceed();
            }
            return Err(OutOfMemory.into());
        }
        self.uncounted = 0;
        self.bytes += bytes;
        Ok(true)
    }
}

impl ResourceLimiter for Share {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current) as u64)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current) as u64 * TABLE_ELEMENT_BYTES)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.memory.give_back(self.bytes);
    }
}
