//! Unpacking the layers of an image into a folder.
//!
//! - owns: tar in its dialects, plain or compressed; whiteouts; what an archive may do to a folder, and how much of it
//! - never does: open a path of the machine by name, follow a link out of the folder, know where layers come from
//! - talks to: nobody

mod archive;
mod compressed;
mod error;
mod path;
mod unpack;

#[cfg(test)]
mod tests;

pub use compressed::open as decompressed;
pub use error::LayerError;
pub use unpack::{Limits, Unpacker, unpack};
