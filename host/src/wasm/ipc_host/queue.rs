//! `peapod:pod/message-queue`.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;

use super::super::bindings::peapod::pod::ipc::{Creation, ErrorCode};
use super::super::bindings::peapod::pod::message_queue::{
    Access, Attributes, Host, HostQueue, Size,
};
use super::super::guest::Guest;
use super::{Answer, Queue, code, creation};
use crate::ipc::{self, IpcError, Message, QueueHandle, QueueSize};

impl Guest {
    fn queue(&self, queue: &Resource<Queue>) -> wasmtime::Result<&Arc<QueueHandle>> {
        Ok(&self.table.get(queue)?.0)
    }
}

/// A message as its pair in WIT.
fn pair(received: Result<Message, IpcError>) -> Result<(Vec<u8>, u32), ErrorCode> {
    received
        .map(|message| (message.bytes, message.priority))
        .map_err(code)
}

impl HostQueue for Guest {
    fn attributes(&mut self, queue: Resource<Queue>) -> wasmtime::Result<Attributes> {
        let attributes = self.queue(&queue)?.attributes();
        Ok(Attributes {
            size: Size {
                messages: attributes.size.messages,
                message_bytes: attributes.size.message_bytes,
            },
            current: u32::try_from(attributes.current).unwrap_or(u32::MAX),
        })
    }

    async fn send(
        &mut self,
        queue: Resource<Queue>,
        message: Vec<u8>,
        priority: u32,
    ) -> Answer<()> {
        let queue = Arc::clone(self.queue(&queue)?);
        Ok(queue.send(message, priority, None).await.map_err(code))
    }

    fn try_send(&mut self, queue: Resource<Queue>, message: Vec<u8>, priority: u32) -> Answer<()> {
        Ok(self
            .queue(&queue)?
            .try_send(message, priority)
            .map_err(code))
    }

    async fn timed_send(
        &mut self,
        queue: Resource<Queue>,
        message: Vec<u8>,
        priority: u32,
        limit_ns: u64,
    ) -> Answer<()> {
        let queue = Arc::clone(self.queue(&queue)?);
        let limit = Some(Duration::from_nanos(limit_ns));
        Ok(queue.send(message, priority, limit).await.map_err(code))
    }

    async fn receive(&mut self, queue: Resource<Queue>) -> Answer<(Vec<u8>, u32)> {
        let queue = Arc::clone(self.queue(&queue)?);
        Ok(pair(queue.receive(None).await))
    }

    fn try_receive(&mut self, queue: Resource<Queue>) -> Answer<(Vec<u8>, u32)> {
        Ok(pair(self.queue(&queue)?.try_receive()))
    }

    async fn timed_receive(
        &mut self,
        queue: Resource<Queue>,
        limit_ns: u64,
    ) -> Answer<(Vec<u8>, u32)> {
        let queue = Arc::clone(self.queue(&queue)?);
        let limit = Some(Duration::from_nanos(limit_ns));
        Ok(pair(queue.receive(limit).await))
    }

    fn subscribe_readable(
        &mut self,
        queue: Resource<Queue>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let queue = Arc::clone(self.queue(&queue)?);
        self.watch(&queue, |queue| async move { queue.readable().await })
    }

    fn subscribe_writable(
        &mut self,
        queue: Resource<Queue>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let queue = Arc::clone(self.queue(&queue)?);
        self.watch(&queue, |queue| async move { queue.writable().await })
    }

    fn drop(&mut self, queue: Resource<Queue>) -> wasmtime::Result<()> {
        self.drop_ipc(queue)
    }
}

impl Host for Guest {
    fn open(
        &mut self,
        name: String,
        access: Access,
        make: Creation,
        size: Option<Size>,
    ) -> Answer<Resource<Queue>> {
        if let Err(full) = self.room_for_ipc() {
            return Ok(Err(full));
        }
        let access = ipc::Access {
            read: access.contains(Access::READ),
            write: access.contains(Access::WRITE),
        };
        let size = size.map(|size| QueueSize {
            messages: size.messages,
            message_bytes: size.message_bytes,
        });
        match self.ipc().open_queue(&name, access, creation(make), size) {
            Ok(queue) => self.push_ipc(Queue(Arc::new(queue))),
            Err(error) => Ok(Err(code(error))),
        }
    }

    fn unlink(&mut self, name: String) -> Answer<()> {
        Ok(self.ipc().unlink_queue(&name).map_err(code))
    }
}
