//! Memory of one container: every instance in it draws on one budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

use crate::model::Bytes;

/// What a table element costs the host.
const TABLE_ELEMENT_BYTES: u64 = 8;

/// The budget of one container, shared by its processes.
pub(super) struct MemoryBudget {
    limit: Option<Bytes>,
    used: AtomicU64,
    exceeded: AtomicBool,
}

impl MemoryBudget {
    pub(super) fn new(limit: Option<Bytes>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicU64::new(0),
            exceeded: AtomicBool::new(false),
        })
    }

    /// Whether some process was refused memory: the container is to be reported as OOMKilled (rule B7).
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Acquire)
    }

    /// Whether more than half of what the container may have is in use.
    pub(super) fn is_scarce(&self) -> bool {
        self.limit
            .is_some_and(|limit| self.used.load(Ordering::Acquire) > limit.0 / 2)
    }

    fn take(&self, bytes: u64) -> bool {
        let limit = self.limit.map_or(u64::MAX, |limit| limit.0);
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= limit)
            })
            .is_ok()
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
    }
}

/// One process's share of the budget; given back when the process is gone.
pub(super) struct Share {
    budget: Arc<MemoryBudget>,
    bytes: u64,
    /// Being refused ends the container.
    fatal: bool,
}

/// A process wanted more memory than its container may have.
#[derive(Debug, thiserror::Error)]
#[error("out of memory: the container's memory limit is reached")]
pub(super) struct OutOfMemory;

impl Share {
    /// For a process: being refused memory is the end of its container.
    pub(super) fn new(budget: Arc<MemoryBudget>) -> Self {
        Self {
            budget,
            bytes: 0,
            fatal: true,
        }
    }

    /// For one request of a server: being refused memory is the end of that request, whose client is told.
    pub(super) fn of_request(budget: Arc<MemoryBudget>) -> Self {
        Self {
            budget,
            bytes: 0,
            fatal: false,
        }
    }

    fn grow(&mut self, bytes: u64) -> wasmtime::Result<bool> {
        if !self.budget.take(bytes) {
            if self.fatal {
                self.budget.exceeded.store(true, Ordering::Release);
            }
            return Err(OutOfMemory.into());
        }
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
        self.budget.give_back(self.bytes);
    }
}
