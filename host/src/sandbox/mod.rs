//! The virtual logical host: what the pods' [`LogicalHost`](crate::ports::LogicalHost) is made of in one process, without namespaces.
//!
//! - owns: which pod has which logical host, and the doors that lead into it from the machine
//! - never does: carry a byte (that is `network` and `ipc`); start anything
//! - talks to: `network`, `ipc`, `ports` (implements [`LogicalHosts`](crate::ports::LogicalHosts)) and `model`

mod hosts;

pub use hosts::{HostSettings, Publish, VirtualHosts};
