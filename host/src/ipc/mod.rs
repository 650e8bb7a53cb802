//! Interprocess communication of one pod: message queues, semaphores, shared memory.
//!
//! - owns: the named objects of a pod, their contents, waiters and limits
//! - never does: anything with wasm; let one pod see another's objects
//! - talks to: nobody; `wasm` gives its objects to guests, `sandbox` makes one per pod
