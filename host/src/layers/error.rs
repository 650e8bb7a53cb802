//! Why a layer was not unpacked.

use std::io;
use std::path::PathBuf;

/// What is wrong with a layer, or with the machine.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// A name in the archive that leads out of the folder, or is none.
    #[error("layer entry {0:?}: {1}")]
    Entry(String, &'static str),
    /// More than an image may hold.
    #[error("layer holds more than {0}")]
    TooMuch(String),
    /// Its file is no longer what it was.
    #[error("layer {0}: its content has changed (remove the image, and pull or load it again)")]
    Changed(PathBuf),
    /// It could not be read or written.
    #[error("layer entry {0:?}: {1}")]
    Write(String, io::Error),
    /// The archive ends early, is damaged, or is none.
    #[error("layer: {0}")]
    Io(#[from] io::Error),
}

impl LayerError {
    /// Whose fault it is: the image's, in contrast to the machine's.
    pub fn is_of_the_image(&self) -> bool {
        match self {
            Self::Entry(..) | Self::TooMuch(_) | Self::Changed(_) => true,
            Self::Write(..) => false,
            Self::Io(error) => matches!(
                error.kind(),
                io::ErrorKind::InvalidData
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::Other
            ),
        }
    }
}

impl From<LayerError> for io::Error {
    fn from(error: LayerError) -> Self {
        match error {
            LayerError::Io(error) => error,
            error => Self::other(error),
        }
    }
}
