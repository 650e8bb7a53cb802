//! `peapod:pod/message-queue`, `semaphore` and `shared-memory`: a guest's hands on the objects of its pod.

mod memory;
mod queue;
mod semaphore;

use std::future::Future;
use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi::ResourceTableError;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};

use super::bindings::peapod::pod::ipc;
use super::guest::Guest;
use crate::ipc::{Creation, IpcError, PodIpc, QueueHandle, SegmentHandle, SemaphoreHandle};

/// Open queues, semaphores and segments of one instance, as OPEN_MAX usually is.
const HANDLES_MAX: usize = 1024;

pub(super) type Answer<T> = wasmtime::Result<Result<T, ipc::ErrorCode>>;

/// An open queue, as guests hold it. Shared with the pollables on it and with a call that waits.
#[expect(
    unreachable_pub,
    reason = "generated bindings re-export the type of a resource"
)]
pub struct Queue(Arc<QueueHandle>);

/// An open semaphore, as guests hold it.
#[expect(
    unreachable_pub,
    reason = "generated bindings re-export the type of a resource"
)]
pub struct Semaphore(Arc<SemaphoreHandle>);

/// An open segment, as guests hold it.
#[expect(
    unreachable_pub,
    reason = "generated bindings re-export the type of a resource"
)]
pub struct Segment(Arc<SegmentHandle>);

/// What every blocking call waits on, behind a pollable.
struct Watch<H, F>(Arc<H>, F);

#[async_trait::async_trait]
impl<H, F, R> Pollable for Watch<H, F>
where
    H: Send + Sync + 'static,
    F: Fn(Arc<H>) -> R + Send + 'static,
    R: Future<Output = ()> + Send,
{
    async fn ready(&mut self) {
        (self.1)(Arc::clone(&self.0)).await;
    }
}

impl Guest {
    fn ipc(&self) -> &PodIpc {
        &self.process.container.host.ipc
    }

    /// Counts an object in, or says EMFILE. Asked before it is opened: an open that fails must not have made anything.
    fn room_for_ipc(&self) -> Result<(), ipc::ErrorCode> {
        if self.ipc_handles < HANDLES_MAX {
            Ok(())
        } else {
            Err(ipc::ErrorCode::TooManyHandles)
        }
    }

    fn push_ipc<T: Send + 'static>(&mut self, object: T) -> Answer<Resource<T>> {
        match self.table.push(object) {
            Ok(resource) => {
                self.ipc_handles += 1;
                Ok(Ok(resource))
            }
            Err(ResourceTableError::Full) => Ok(Err(ipc::ErrorCode::TooManyHandles)),
            Err(error) => Err(error.into()),
        }
    }

    fn drop_ipc<T: 'static>(&mut self, resource: Resource<T>) -> wasmtime::Result<()> {
        self.table.delete(resource)?;
        self.ipc_handles = self.ipc_handles.saturating_sub(1);
        Ok(())
    }

    fn watch<H, F, R>(
        &mut self,
        handle: &Arc<H>,
        ready: F,
    ) -> wasmtime::Result<Resource<DynPollable>>
    where
        H: Send + Sync + 'static,
        F: Fn(Arc<H>) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let watch = self.table.push(Watch(Arc::clone(handle), ready))?;
        subscribe(&mut self.table, watch)
    }
}

impl ipc::Host for Guest {}

fn creation(creation: ipc::Creation) -> Creation {
    match creation {
        ipc::Creation::Never => Creation::Never,
        ipc::Creation::IfMissing => Creation::IfMissing,
        ipc::Creation::Exclusive => Creation::Exclusive,
    }
}

fn code(error: IpcError) -> ipc::ErrorCode {
    match error {
        IpcError::NoEntry => ipc::ErrorCode::NoEntry,
        IpcError::Exists => ipc::ErrorCode::Exist,
        IpcError::Access => ipc::ErrorCode::Access,
        IpcError::Invalid => ipc::ErrorCode::Invalid,
        IpcError::NameTooLong => ipc::ErrorCode::NameTooLong,
        IpcError::MessageSize => ipc::ErrorCode::MessageSize,
        IpcError::WouldBlock => ipc::ErrorCode::WouldBlock,
        IpcError::TimedOut => ipc::ErrorCode::TimedOut,
        IpcError::BadHandle => ipc::ErrorCode::BadHandle,
        IpcError::NoSpace => ipc::ErrorCode::NoSpace,
        IpcError::NoMemory => ipc::ErrorCode::NoMemory,
        IpcError::Overflow => ipc::ErrorCode::Overflow,
    }
}
