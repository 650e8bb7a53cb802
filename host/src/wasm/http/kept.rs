//! What the host keeps behind a guest's handles of `wasi:http`: headers, and what was written to bodies and nobody has taken yet.

use std::any::Any;
use std::sync::Arc;

use hyper::HeaderMap;
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::p2::types::{HostOutgoingRequest, HostOutgoingResponse};
use wasmtime_wasi_http::{FieldMap, p3};

use super::client::BODY_CHUNK_BYTES;
use crate::budget::{Held, Memory};

/// Calls between two looks: a look at thousands of handles takes as long as many calls, and what so few of them leave behind is bounded.
const CALLS: u32 = 64;
/// A body keeps one write, and the one that waits for its place.
const BODY_BYTES: u64 = 2 * BODY_CHUNK_BYTES as u64;
/// What a header costs beside its name and its value.
const HEADER_BYTES: u64 = 64;

/// The part of the container's memory that is taken for it. A handle can keep far more than the guest's own memory holds of it, and there may
/// be thousands.
pub(in crate::wasm) struct Kept {
    memory: Arc<Memory>,
    calls: u32,
    held: Option<Held>,
}

impl Kept {
    pub(in crate::wasm) fn new(memory: Arc<Memory>) -> Self {
        Self {
            memory,
            calls: 0,
            held: None,
        }
    }

    /// To be called with every call of the guest.
    pub(in crate::wasm) fn look(&mut self, table: &mut ResourceTable) {
        self.calls += 1;
        if self.calls < CALLS {
            return;
        }
        self.calls = 0;
        let bytes = table.iter_mut().map(|entry| weight(entry)).sum();
        self.held = None;
        self.held = (bytes > 0).then(|| Held::charge(&self.memory, bytes));
    }
}

fn weight(entry: &(dyn Any + Send)) -> u64 {
    let body = |there: bool| if there { BODY_BYTES } else { 0 };
    if let Some(fields) = entry.downcast_ref::<FieldMap>() {
        headers(fields)
    } else if entry.is::<HostOutgoingBody>() {
        BODY_BYTES
    } else if let Some(request) = entry.downcast_ref::<HostOutgoingRequest>() {
        headers(&request.headers) + body(request.body.is_some())
    } else if let Some(response) = entry.downcast_ref::<HostOutgoingResponse>() {
        headers(&response.headers) + body(response.body.is_some())
    } else if let Some(request) = entry.downcast_ref::<p3::Request>() {
        headers(&request.headers)
    } else if let Some(response) = entry.downcast_ref::<p3::Response>() {
        headers(&response.headers)
    } else {
        0
    }
}

fn headers(map: &HeaderMap) -> u64 {
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.as_str().len() + value.len()) as u64 + HEADER_BYTES
    };
    map.iter().map(header).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hyper::header::{HeaderName, HeaderValue};
    use wasmtime::component::ResourceTable;
    use wasmtime_wasi_http::FieldMap;

    use super::{CALLS, Kept};
    use crate::budget::Memory;
    use crate::model::Bytes;

    const VALUE_BYTES: usize = 60_000;

    fn fields() -> FieldMap {
        let mut fields = FieldMap::new_mutable(1 << 20);
        let value = HeaderValue::from_str(&"x".repeat(VALUE_BYTES)).expect("a value");
        let appended = fields.append_raw(HeaderName::from_static("a"), value);
        appended.expect("within its limit");
        fields
    }

    fn look(kept: &mut Kept, table: &mut ResourceTable) {
        (0..CALLS).for_each(|_| kept.look(table));
    }

    #[test]
    fn j8_headers_that_a_guest_holds_on_to_are_its_containers_memory() {
        let memory = Memory::new(Some(Bytes(1 << 20)));
        let mut kept = Kept::new(Arc::clone(&memory));
        let mut table = ResourceTable::new();
        let first = table.push(fields()).expect("room");
        look(&mut kept, &mut table);
        assert!(memory.used().0 >= VALUE_BYTES as u64);
        table.delete(first).expect("there");
        look(&mut kept, &mut table);
        assert_eq!(memory.used(), Bytes(0));
        for _ in 0..20 {
            table.push(fields()).expect("room");
        }
        assert!(!memory.exceeded());
        look(&mut kept, &mut table);
        assert!(memory.exceeded(), "20 times 60 kB are more than 1 MiB");
        drop(kept);
        assert_eq!(memory.used(), Bytes(0));
    }
}
