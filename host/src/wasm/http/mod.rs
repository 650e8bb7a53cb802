//! `wasi:http`: a component that handles requests is a server on its pod's network, and every guest may send requests over that network.

mod client;
mod connect;
mod kept;
mod patience;
mod reply;
mod request;
mod serve;
mod timer;
mod warm;

/// What a connection costs beside its socket: hyper's buffers as they usually are, and the state of both.
const CONNECTION_BYTES: u64 = 16 * 1024;

pub(super) use client::Hooks;
pub(super) use kept::Kept;
pub(super) use serve::serve;
