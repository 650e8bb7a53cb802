//! What peapod offers to guests beyond WASI, as ordinary Rust types: [`process`] (spawn, wait, pipes) and [`signals`].
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
pub mod process;
pub mod signals;

use bindings::peapod::pod as host;
