//! The [`ImageStore`] over the content store and files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::content::{ContentStore, digest_file};
use super::{is_file, normalise};
use crate::model::ImagePullPolicy;
use crate::ports::{BoxFuture, Image, ImageStore, PullError, PullRequest, Pulled};

/// Images that a user replaced by a file, by full name or as the manifest spells it.
pub type Overrides = HashMap<String, PathBuf>;

/// Resolves references for pods.
pub struct Images {
    sources: Arc<Sources>,
}

struct Sources {
    content: ContentStore,
    overrides: Overrides,
}

impl Images {
    /// Images of that store.
    pub fn new(content: ContentStore, overrides: Overrides) -> Self {
        Self {
            sources: Arc::new(Sources { content, overrides }),
        }
    }

    /// The file that a reference names, if it names one.
    pub fn file_of(&self, reference: &str, base_dir: &Path) -> Option<PathBuf> {
        self.sources.file_of(reference, base_dir)
    }
}

impl Sources {
    fn file_of(&self, reference: &str, base_dir: &Path) -> Option<PathBuf> {
        let replaced = self.overrides.get(reference).or_else(|| {
            let name = normalise(reference).ok()?;
            self.overrides.get(&name)
        });
        match replaced {
            Some(file) => Some(file.clone()),
            None => is_file(reference).then(|| base_dir.join(reference)),
        }
    }

    fn find(&self, request: &PullRequest) -> Result<Image, PullError> {
        let reference = &request.reference;
        if let Some(path) = self.file_of(reference, &request.base_dir) {
            return match digest_file(&path) {
                Ok((digest, size)) => Ok(file_image(path, digest, size)),
                Err(_) if request.policy == ImagePullPolicy::Never => {
                    Err(PullError::NeverPull(reference.clone()))
                }
                Err(error) => Err(PullError::Pull(format!("{}: {error}", path.display()))),
            };
        }
        let name = normalise(reference).map_err(|error| PullError::InvalidName {
            reference: reference.clone(),
            detail: error.to_string(),
        })?;
        match self.content.find(&name) {
            Ok(Some(stored)) => Ok(stored.image),
            Ok(None) if request.policy == ImagePullPolicy::Never => {
                Err(PullError::NeverPull(reference.clone()))
            }
            Ok(None) => Err(PullError::Pull(format!(
                "failed to resolve \"{name}\": it is not in the local store, and registries are not supported yet \
                 (load it with: peapod image load {reference} FILE.wasm)"
            ))),
            Err(error) => Err(PullError::Inspect(error.to_string())),
        }
    }
}

fn file_image(path: PathBuf, digest: String, size: u64) -> Image {
    let name = path.file_stem().map_or_else(
        || "main".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    );
    Image {
        id: format!("sha256:{digest}"),
        wasm: path,
        wasm_digest: digest,
        size,
        layers: Vec::new(),
        entrypoint: vec![name],
        cmd: Vec::new(),
        env: Vec::new(),
        working_dir: None,
    }
}

impl ImageStore for Images {
    fn ensure(&self, request: PullRequest) -> BoxFuture<'_, Result<Pulled, PullError>> {
        // The local store is the source of its images, so Always is answered from it, too: what was loaded last is what a name means.
        Box::pin(async move {
            let sources = Arc::clone(&self.sources);
            // A file is hashed whole before each start: not on a thread that other containers need.
            let found = tokio::task::spawn_blocking(move || sources.find(&request));
            let image = found
                .await
                .map_err(|error| PullError::Inspect(error.to_string()))??;
            Ok(Pulled {
                image: Arc::new(image),
                already_present: true,
                took: Duration::ZERO,
            })
        })
    }
}
