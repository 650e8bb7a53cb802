//! The room against simple models, and the scenarios that waiting makes hard.

mod limits;
mod memory;
mod queue;
mod semaphore;

use std::sync::Arc;
use std::time::Duration;

use super::{Access, Creation, IpcLimits, PodIpc, QueueHandle, QueueSize};

const BOTH: Access = Access {
    read: true,
    write: true,
};

fn pod() -> Arc<PodIpc> {
    PodIpc::new(IpcLimits::default())
}

fn queue(ipc: &PodIpc, messages: u32, message_bytes: u32) -> QueueHandle {
    let size = QueueSize {
        messages,
        message_bytes,
    };
    ipc.open_queue("/q", BOTH, Creation::IfMissing, Some(size))
        .expect("opened")
}

/// Lets other tasks go on until so many calls wait.
async fn waiting(ipc: &PodIpc, count: usize) {
    for _ in 0..10_000 {
        if ipc.stats().waiters == count {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{:?}", ipc.stats());
}

const SOON: Option<Duration> = Some(Duration::from_millis(50));
