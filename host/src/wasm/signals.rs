//! `peapod:pod/signals`: signals for programs that want to end in their own way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::bindings::peapod::pod::signals;
use super::guest::Guest;

/// A process that never takes its signals keeps at most this many; as in POSIX, more of the same are lost.
const PENDING_MAX: usize = 64;

/// Signals that arrived at one process and were not taken yet.
#[derive(Default)]
pub(super) struct SignalQueue {
    pending: Mutex<VecDeque<u32>>,
    arrived: Notify,
}

impl SignalQueue {
    pub(super) fn push(&self, number: u32) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if pending.len() < PENDING_MAX {
            pending.push_back(number);
        }
        drop(pending);
        self.arrived.notify_waiters();
    }

    pub(super) fn take(&self) -> Option<u32> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.pop_front()
    }

    async fn ready(&self) {
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            // Registered before the look, or a signal in between would be missed.
            arrived.as_mut().enable();
            {
                let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
                if !pending.is_empty() {
                    return;
                }
            }
            arrived.await;
        }
    }
}

/// What `subscribe` gives out, behind a pollable.
struct Arrival(Arc<SignalQueue>);

#[async_trait::async_trait]
impl Pollable for Arrival {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

impl signals::Host for Guest {
    fn take(&mut self) -> wasmtime::Result<Option<u32>> {
        Ok(self.process.signals.take())
    }

    async fn wait(&mut self) -> wasmtime::Result<u32> {
        loop {
            if let Some(number) = self.process.signals.take() {
                return Ok(number);
            }
            self.process.signals.ready().await;
        }
    }

    fn subscribe(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        let arrival = self
            .table
            .push(Arrival(Arc::clone(&self.process.signals)))?;
        subscribe(&mut self.table, arrival)
    }
}
