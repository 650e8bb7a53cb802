//! `wasi:sockets/network` of WASI 0.2. The network resource itself says nothing: what a guest may do is its pod's network's to know.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, Host, HostNetwork};
use wasmtime_wasi::p2::{Network, SocketError};

use super::SocketsView;
use super::convert::p2_code;
use crate::network::NetError;

impl Host for SocketsView<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let error = self.table.get(&error)?;
        Ok(error.downcast_ref::<NetError>().copied().map(p2_code))
    }
}

impl HostNetwork for SocketsView<'_> {
    fn drop(&mut self, this: Resource<Network>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}
