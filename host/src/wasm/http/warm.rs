//! Instances made ahead, so that a request finds one.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use wasmtime::Store;
use wasmtime_wasi_http::handler::Proxy;

use super::serve::Server;
use crate::wasm::cpu::metered;
use crate::wasm::guest::Guest;
use crate::wasm::limits::Share;
use crate::wasm::program::Entry;

/// Instances that wait for requests.
const WARM: usize = 4;

/// An instance for one request.
pub(super) struct Instance {
    pub(super) store: Store<Guest>,
    pub(super) proxy: Proxy,
}

/// The instances that wait.
#[derive(Default)]
pub(super) struct Warm {
    waiting: Mutex<Vec<Instance>>,
    wanted: Notify,
}

impl Warm {
    fn take(&self) -> Option<Instance> {
        let taken = self.lock().pop();
        // Also when there was none: making them may have failed the last time, for want of memory that is free by now.
        self.wanted.notify_one();
        taken
    }

    /// A request is over, and what it held is free: those that could not be made may be made now.
    pub(super) fn freed(&self) {
        if self.lock().len() < WARM {
            self.wanted.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// An instance that no request has used: one that waits, or else a new one.
    pub(super) async fn instance(&self) -> wasmtime::Result<Instance> {
        let mut instance = match self.warm.take() {
            Some(instance) => instance,
            None => self.instantiate().await?,
        };
        // It may have waited for minutes; without this it would begin by letting all others go first.
        instance.store.set_epoch_deadline(1);
        Ok(instance)
    }

    async fn instantiate(&self) -> wasmtime::Result<Instance> {
        let engine = &self.launch.program.engine;
        let memory = Share::of_request(Arc::clone(&self.process.container.memory));
        let mut store = Guest::store(engine.wasmtime(), &self.process, &self.launch, memory);
        let Entry::Http(pre) = &self.launch.program.entry else {
            return Err(wasmtime::format_err!("the program handles no requests"));
        };
        let cpu = &self.process.container.cpu;
        let proxy = metered(cpu, pre.instantiate_async(&mut store)).await?;
        Ok(Instance { store, proxy })
    }

    /// Keeps instances ready until the process is to end.
    pub(super) async fn keep_warm(&self) {
        tokio::select! {
            biased;
            () = self.leaves() => {}
            () = self.refill() => {}
        }
        self.warm.lock().clear();
    }

    async fn refill(&self) {
        loop {
            // Those that only wait must not take the memory that requests need.
            while self.warm.lock().len() < WARM && !self.process.container.memory.is_scarce() {
                match self.instantiate().await {
                    Ok(instance) => self.warm.lock().push(instance),
                    // The next request meets the same, and whoever sent it is told.
                    Err(_) => break,
                }
            }
            self.warm.wanted.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::Warm;

    #[test]
    fn a_request_that_found_no_instance_has_others_made() {
        let warm = Warm::default();
        assert!(warm.wanted.notified().now_or_never().is_none());
        assert!(warm.take().is_none());
        assert!(warm.wanted.notified().now_or_never().is_some());
        warm.freed();
        assert!(warm.wanted.notified().now_or_never().is_some());
    }
}
