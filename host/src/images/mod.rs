//! Where components come from: the local content store and files.
//!
//! - owns: references, the content store, what an image says of its entrypoint, root files and environment
//! - never does: compile or run anything
//! - talks to: `ports` (implements [`ImageStore`](crate::ports::ImageStore)) and `model`

mod config;
mod content;
mod error;
mod reference;
mod resolve;

pub use config::ImageConfig;
pub use content::{ContentStore, StoredImage};
pub use error::ImageError;
pub use reference::{is_file, normalise};
pub use resolve::{Images, Overrides};
