//! `peapod:pod/semaphore`.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;

use super::super::bindings::peapod::pod::ipc::Creation;
use super::super::bindings::peapod::pod::semaphore::{Host, HostCounter};
use super::super::guest::Guest;
use super::{Answer, Semaphore, code, creation};
use crate::ipc::SemaphoreHandle;

impl Guest {
    fn counter(&self, counter: &Resource<Semaphore>) -> wasmtime::Result<&Arc<SemaphoreHandle>> {
        Ok(&self.table.get(counter)?.0)
    }
}

impl HostCounter for Guest {
    async fn wait(&mut self, counter: Resource<Semaphore>) -> wasmtime::Result<()> {
        let counter = Arc::clone(self.counter(&counter)?);
        Ok(counter.wait(None).await?)
    }

    fn try_wait(&mut self, counter: Resource<Semaphore>) -> Answer<()> {
        Ok(self.counter(&counter)?.try_wait().map_err(code))
    }

    async fn timed_wait(&mut self, counter: Resource<Semaphore>, limit_ns: u64) -> Answer<()> {
        let counter = Arc::clone(self.counter(&counter)?);
        let limit = Some(Duration::from_nanos(limit_ns));
        Ok(counter.wait(limit).await.map_err(code))
    }

    fn post(&mut self, counter: Resource<Semaphore>) -> Answer<()> {
        Ok(self.counter(&counter)?.post().map_err(code))
    }

    fn value(&mut self, counter: Resource<Semaphore>) -> wasmtime::Result<u32> {
        Ok(self.counter(&counter)?.value())
    }

    fn subscribe(
        &mut self,
        counter: Resource<Semaphore>,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let counter = Arc::clone(self.counter(&counter)?);
        self.watch(&counter, |counter| async move { counter.ready().await })
    }

    fn drop(&mut self, counter: Resource<Semaphore>) -> wasmtime::Result<()> {
        self.drop_ipc(counter)
    }
}

impl Host for Guest {
    fn open(&mut self, name: String, make: Creation, value: u32) -> Answer<Resource<Semaphore>> {
        if let Err(full) = self.room_for_ipc() {
            return Ok(Err(full));
        }
        match self.ipc().open_semaphore(&name, creation(make), value) {
            Ok(semaphore) => self.push_ipc(Semaphore(Arc::new(semaphore))),
            Err(error) => Ok(Err(code(error))),
        }
    }

    fn unlink(&mut self, name: String) -> Answer<()> {
        Ok(self.ipc().unlink_semaphore(&name).map_err(code))
    }
}
