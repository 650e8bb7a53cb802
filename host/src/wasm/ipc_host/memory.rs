//! `peapod:pod/shared-memory`.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Resource;

use super::super::bindings::peapod::pod::ipc::Creation;
use super::super::bindings::peapod::pod::shared_memory::{Host, HostSegment};
use super::super::guest::Guest;
use super::{Answer, Segment, code, creation};
use crate::ipc::SegmentHandle;

impl Guest {
    fn segment(&self, segment: &Resource<Segment>) -> wasmtime::Result<&Arc<SegmentHandle>> {
        Ok(&self.table.get(segment)?.0)
    }
}

impl HostSegment for Guest {
    fn size(&mut self, segment: Resource<Segment>) -> wasmtime::Result<u64> {
        Ok(self.segment(&segment)?.size_bytes())
    }

    fn resize(&mut self, segment: Resource<Segment>, size: u64) -> Answer<()> {
        Ok(self.segment(&segment)?.resize(size).map_err(code))
    }

    fn read(&mut self, segment: Resource<Segment>, offset: u64, len: u64) -> Answer<Vec<u8>> {
        Ok(self.segment(&segment)?.read(offset, len).map_err(code))
    }

    fn write(&mut self, segment: Resource<Segment>, offset: u64, bytes: Vec<u8>) -> Answer<()> {
        Ok(self.segment(&segment)?.write(offset, &bytes).map_err(code))
    }

    fn compare_exchange32(
        &mut self,
        segment: Resource<Segment>,
        offset: u64,
        expected: u32,
        new: u32,
    ) -> Answer<u32> {
        let segment = self.segment(&segment)?;
        Ok(segment
            .compare_exchange_u32(offset, expected, new)
            .map_err(code))
    }

    fn compare_exchange64(
        &mut self,
        segment: Resource<Segment>,
        offset: u64,
        expected: u64,
        new: u64,
    ) -> Answer<u64> {
        let segment = self.segment(&segment)?;
        Ok(segment
            .compare_exchange_u64(offset, expected, new)
            .map_err(code))
    }

    fn fetch_add32(&mut self, segment: Resource<Segment>, offset: u64, by: u32) -> Answer<u32> {
        Ok(self
            .segment(&segment)?
            .fetch_add_u32(offset, by)
            .map_err(code))
    }

    fn fetch_add64(&mut self, segment: Resource<Segment>, offset: u64, by: u64) -> Answer<u64> {
        Ok(self
            .segment(&segment)?
            .fetch_add_u64(offset, by)
            .map_err(code))
    }

    async fn wait(&mut self, segment: Resource<Segment>, offset: u64, expected: u32) -> Answer<()> {
        let segment = Arc::clone(self.segment(&segment)?);
        Ok(segment.wait(offset, expected, None).await.map_err(code))
    }

    async fn timed_wait(
        &mut self,
        segment: Resource<Segment>,
        offset: u64,
        expected: u32,
        limit_ns: u64,
    ) -> Answer<()> {
        let segment = Arc::clone(self.segment(&segment)?);
        let limit = Some(Duration::from_nanos(limit_ns));
        Ok(segment.wait(offset, expected, limit).await.map_err(code))
    }

    fn notify(&mut self, segment: Resource<Segment>, offset: u64, most: u32) -> Answer<u32> {
        Ok(self.segment(&segment)?.notify(offset, most).map_err(code))
    }

    fn drop(&mut self, segment: Resource<Segment>) -> wasmtime::Result<()> {
        self.drop_ipc(segment)
    }
}

impl Host for Guest {
    fn open(
        &mut self,
        name: String,
        writable: bool,
        make: Creation,
        size: u64,
    ) -> Answer<Resource<Segment>> {
        if let Err(full) = self.room_for_ipc() {
            return Ok(Err(full));
        }
        match self
            .ipc()
            .open_segment(&name, writable, creation(make), size)
        {
            Ok(segment) => self.push_ipc(Segment(Arc::new(segment))),
            Err(error) => Ok(Err(code(error))),
        }
    }

    fn unlink(&mut self, name: String) -> Answer<()> {
        Ok(self.ipc().unlink_segment(&name).map_err(code))
    }
}
