//! `wasi:http`: a component that handles requests is a server on its pod's network, and every guest may send requests over that network.

mod client;
mod connect;
mod patience;
mod reply;
mod request;
mod serve;
mod timer;
mod warm;

pub(super) use client::Hooks;
pub(super) use serve::serve;
