//! What peapod offers to guests beyond WASI, as ordinary Rust types: [`process`] (spawn, wait, pipes), [`signals`], and what the containers of a
//! pod share: message queues ([`mq`]), semaphores ([`sem`]) and memory ([`shm`]).
//!
//! A component imports only what its code reaches: a program that never touches [`signals`] does not import `peapod:pod/signals`, and
//! so TERM keeps its default action for it.
//!
//! ```no_run
//! use peapod_guest::process::{self, Command};
//! let (mut reader, writer) = process::pipe()?;
//! let mut child = Command::this(["echo", "hello"]).stdout(&writer).spawn()?;
//! drop(writer);
//! std::io::copy(&mut reader, &mut std::io::stdout())?;
//! assert_eq!(child.wait()?, 0);
//! # std::io::Result::Ok(())
//! ```

mod bindings;
mod ipc;
pub mod mq;
pub mod process;
pub mod sem;
pub mod shm;
pub mod signals;

use bindings::peapod::pod as host;
