//! Runs containers as WASI components in wasmtime.
//!
//! - owns: the wasmtime engine, compiled code on disk, WASI contexts, guests' processes, pipes, signals, commands from outside, and holding each
//!   container to its limits
//! - never does: decide when something runs, restarts or ends (that is `engine`); open a path the container was not given
//! - talks to: `ports` (implements [`ContainerRuntime`](crate::ports::ContainerRuntime)) and `model`; `budget`, `network` and `ipc` of the pod's logical host

mod adapt;
mod code;
mod commands;
mod cpu;
mod engine;
mod exec;
mod file_mounts;
mod file_mounts_p2;
mod file_mounts_p3;
mod guest;
mod http;
mod ipc_host;
mod limits;
mod lookup;
mod memory_files;
mod mounts;
mod open_files;
mod pipe;
mod process;
mod process_host;
mod program;
mod root;
mod runtime;
mod share;
mod signals;
mod sockets;
mod stdio;
mod stream;
mod terminal;
mod termination;
mod ticker;

pub use adapt::looks_like_wasm;
pub use code::{CodeCache, CodeError};
pub use engine::{Allocation, WasmEngine};
pub use exec::{NO_TOOLBOX, Toolbox};
pub use runtime::WasmRuntime;

/// Bindings of the project's own WIT package, `guests/wit`.
mod bindings {
    wasmtime::component::bindgen!({
        path: "../guests/wit",
        world: "peapod:pod/guest",
        imports: {
            "peapod:pod/process.[method]stream.read": async | trappable,
            "peapod:pod/process.[method]stream.write": async | trappable,
            "peapod:pod/process.spawn": async | trappable,
            "peapod:pod/process.exec": async | trappable,
            "peapod:pod/process.wait": async | trappable,
            "peapod:pod/signals.wait": async | trappable,
            "peapod:pod/message-queue.[method]queue.send": async | trappable,
            "peapod:pod/message-queue.[method]queue.timed-send": async | trappable,
            "peapod:pod/message-queue.[method]queue.receive": async | trappable,
            "peapod:pod/message-queue.[method]queue.timed-receive": async | trappable,
            "peapod:pod/semaphore.[method]counter.wait": async | trappable,
            "peapod:pod/semaphore.[method]counter.timed-wait": async | trappable,
            "peapod:pod/shared-memory.[method]segment.wait": async | trappable,
            "peapod:pod/shared-memory.[method]segment.timed-wait": async | trappable,
            default: trappable,
        },
        with: {
            "wasi:io/poll": wasmtime_wasi::p2::bindings::io::poll,
            "peapod:pod/process.stream": super::stream::Handle,
            "peapod:pod/message-queue.queue": super::ipc_host::Queue,
            "peapod:pod/semaphore.counter": super::ipc_host::Semaphore,
            "peapod:pod/shared-memory.segment": super::ipc_host::Segment,
        },
    });
}
