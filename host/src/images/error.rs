//! What can go wrong with images.

use std::path::{Path, PathBuf};

/// A refusal or a failure of the image store.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A name that is no image reference.
    #[error("invalid image name \"{name}\": {detail}")]
    Name {
        /// As it was given.
        name: String,
        /// What is wrong.
        detail: String,
    },
    /// A file that is no program.
    #[error("{0}: not a WebAssembly file")]
    NotWasm(PathBuf),
    /// An image that holds nothing to run.
    #[error("image \"{name}\": {detail}")]
    NoProgram {
        /// Its full name.
        name: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A file that is no bundle of images, or a damaged one.
    #[error("{path}: {detail}")]
    Bundle {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// No image of that name.
    #[error("image \"{0}\" is not in the local store")]
    NotFound(String),
    /// A file that configures registries.
    #[error("{path}: {detail}")]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A registry said no, or nothing.
    #[error(transparent)]
    Registry(#[from] super::registry::RegistryError),
    /// The store holds something it did not write.
    #[error("image store: {path}: {detail}")]
    Corrupt {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// The machine said no.
    #[error("{path}: {cause}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why. Not called its source: whoever prints that as well would say it twice.
        cause: std::io::Error,
    },
}

impl ImageError {
    /// For `map_err` on an operation on that path.
    pub(super) fn io(path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Io {
            path: path.as_ref().to_owned(),
            cause,
        }
    }
}
