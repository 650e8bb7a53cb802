//! Control loops over the store that are not about one pod's life.
//!
//! - owns: which pods stand behind which Service
//! - never does: run or change a pod; carry traffic; write into the store
//! - talks to: `store` (watched), `network` (the table of Services, handed over whole)

mod endpoints;
mod keep;

pub use endpoints::{Backend, endpoints};
pub use keep::keep_endpoints;
