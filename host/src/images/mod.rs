//! Where components come from: registries, the local content store, bundles and files.
//!
//! - owns: references, the content store, what an image says of its entrypoint, root files and environment; pulling and pushing
//! - never does: compile or run anything
//! - talks to: `ports` (implements [`ImageStore`](crate::ports::ImageStore)), `model`, `layers`

mod blobs;
mod bundle;
mod collect;
mod config;
mod content;
mod digest;
mod error;
mod leases;
mod pack;
mod program;
mod reference;
mod registry;
mod resolve;

#[cfg(test)]
mod tests;

pub use collect::{Prune, Pruned};
pub use config::ImageConfig;
pub use content::{ContentStore, StoredImage};
pub use digest::Digest;
pub use error::ImageError;
pub use reference::{is_file, normalise};
pub use registry::{
    Part, Progress, PullSecrets, Registry, RegistryError, Settings as RegistrySettings, Transfer,
};
pub use resolve::{Images, Overrides, file_of};
