//! Where components come from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::BoxFuture;
use crate::model::ImagePullPolicy;

/// Makes images present.
pub trait ImageStore: Send + Sync {
    /// Makes the image present by its pull policy (rules I1, I2).
    fn ensure(&self, request: PullRequest) -> BoxFuture<'_, Result<Pulled, PullError>>;
}

/// Hears that an image is not here and its pull begins, which may take an hour; whether it does is not known before (rule I4).
#[derive(Clone, Default)]
pub struct Began(Option<Arc<dyn Fn() + Send + Sync>>);

impl Began {
    /// Calls that.
    pub fn by(tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// It begins.
    pub fn tell(&self) {
        if let Some(tell) = &self.0 {
            tell();
        }
    }
}

/// Which image, and how hard to try.
#[derive(Clone)]
pub struct PullRequest {
    /// As the manifest spells it.
    pub reference: String,
    /// Its policy.
    pub policy: ImagePullPolicy,
    /// The folder that a reference to a file is relative to: the manifest's.
    pub base_dir: Arc<Path>,
    /// The pod's namespace, where its pull secrets are.
    pub namespace: String,
    /// The names of its pull secrets.
    pub secrets: Vec<String>,
    /// Who wants to know when something is fetched.
    pub began: Began,
}

/// An image that is present.
#[derive(Clone, Debug)]
pub struct Pulled {
    /// What to run.
    pub image: Arc<Image>,
    /// Nothing had to be fetched.
    pub already_present: bool,
    /// How long fetching took.
    pub took: Duration,
    /// The same, from when it was asked for: other images may have been first (rule I4).
    pub took_with_waiting: Duration,
}

/// What a runtime needs to know of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The digest it is known by, `sha256:…`: `imageID` of the status.
    pub id: String,
    /// The component (or core module), as a file.
    pub wasm: PathBuf,
    /// SHA-256 of that file, in hexadecimal: the key of the compiled code.
    pub wasm_digest: String,
    /// Size of the whole image in bytes.
    pub size: u64,
    /// To unpack into the container's root, in order.
    pub layers: Vec<LayerFile>,
    /// The argument vector up to where the container's `args` begin (rule H1).
    pub entrypoint: Vec<String>,
    /// Arguments for when the container gives neither command nor args (rule H1).
    pub cmd: Vec<String>,
    /// Environment of the image; the container's wins.
    pub env: Vec<(String, String)>,
    /// Where it starts when the container does not say.
    pub working_dir: Option<String>,
}

/// A tar file, compressed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFile {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256 of that file, in hexadecimal.
    pub digest: String,
}

impl LayerFile {
    /// As whoever unpacks it takes it.
    pub fn as_pair(&self) -> (&Path, &str) {
        (&self.path, &self.digest)
    }
}

/// Why an image is not present (section I).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullError {
    /// Rule I2.
    #[error("Container image \"{0}\" is not present with pull policy of Never")]
    NeverPull(String),
    /// Rule I2.
    #[error("Failed to apply default image tag \"{reference}\": {detail}")]
    InvalidName {
        /// As the manifest spells it.
        reference: String,
        /// What is wrong with it.
        detail: String,
    },
    /// Rule I3.
    #[error("{0}")]
    Pull(String),
    /// The image is there, but cannot be looked at.
    #[error("{0}")]
    Inspect(String),
}

impl PullError {
    /// The waiting reason of rule B6.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::NeverPull(_) => "ErrImageNeverPull",
            Self::InvalidName { .. } => "InvalidImageName",
            Self::Pull(_) => "ErrImagePull",
            Self::Inspect(_) => "ImageInspectError",
        }
    }
}

#[cfg(test)]
impl Image {
    /// An image that is nowhere, for tests of any room.
    pub(crate) fn nowhere() -> Self {
        Self {
            id: "sha256:0".into(),
            wasm: PathBuf::from("/nowhere.wasm"),
            wasm_digest: "0".into(),
            size: 0,
            layers: Vec::new(),
            entrypoint: vec!["image".into()],
            cmd: Vec::new(),
            env: Vec::new(),
            working_dir: None,
        }
    }
}
