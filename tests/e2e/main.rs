//! End to end: the real program, real components, real manifests.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests end by panics and wait for a real program"
)]

mod bad_input;
mod command;
mod environment;
mod exec;
mod harness;
mod hooks;
mod http;
mod images;
mod ipc;
mod lifecycle;
mod live;
mod logs;
mod network;
mod probes;
mod processes;
mod registry;
mod resources;
mod running;
mod samples;
mod sandbox;
mod scale;
mod shell;
mod volumes;
