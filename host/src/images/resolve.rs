//! The [`ImageStore`] over registries, the content store and files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::content::{ContentStore, Leased};
use super::{Digest, ImageError, Prune, PullSecrets, Registry, Transfer, is_file, normalise};
use crate::model::ImagePullPolicy;
use crate::ports::{
    BoxFuture, Clock, ConfigSource, Image, ImageStore, PullError, PullRequest, Pulled,
};

/// Images that a user replaced by a file, by full name or as the manifest spells it.
pub type Overrides = HashMap<String, PathBuf>;

/// The file that a reference names, if it names one.
pub fn file_of(overrides: &Overrides, reference: &str, base_dir: &Path) -> Option<PathBuf> {
    let replaced = overrides.get(reference).or_else(|| {
        let name = normalise(reference).ok()?;
        overrides.get(&name)
    });
    match replaced {
        Some(file) => Some(file.clone()),
        None => is_file(reference).then(|| base_dir.join(reference)),
    }
}

/// Resolves references for pods.
pub struct Images {
    content: Arc<ContentStore>,
    overrides: Overrides,
    registry: Arc<Registry>,
    secrets: Option<Arc<dyn ConfigSource>>,
    clock: Arc<dyn Clock>,
}

impl Images {
    /// Images of that store, filled from registries.
    pub fn new(
        content: Arc<ContentStore>,
        overrides: Overrides,
        registry: Arc<Registry>,
        secrets: Option<Arc<dyn ConfigSource>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            content,
            overrides,
            registry,
            secrets,
            clock,
        }
    }

    /// What is being pulled.
    pub fn progress(&self) -> watch::Receiver<Vec<Transfer>> {
        self.registry.progress().subscribe()
    }

    /// An image that is a file. It is hashed whole before each start.
    async fn file(&self, path: PathBuf, request: PullRequest) -> Result<Pulled, PullError> {
        let found = aside(move || match Digest::of_file(&path) {
            Ok((digest, size)) => Ok(file_image(path, digest.hex().to_owned(), size)),
            Err(_) if request.policy == ImagePullPolicy::Never => {
                Err(PullError::NeverPull(request.reference))
            }
            Err(error) => Err(PullError::Pull(format!("{}: {error}", path.display()))),
        });
        Ok(present(Arc::new(found.await??)))
    }

    /// The image in the store.
    async fn stored(&self, name: &str) -> Result<Option<Leased>, PullError> {
        let (content, name) = (Arc::clone(&self.content), name.to_owned());
        let found = aside(move || content.lease(&name)).await?;
        found.map_err(|error| PullError::Inspect(error.to_string()))
    }

    async fn pull(&self, name: &str, request: PullRequest) -> Result<Pulled, PullError> {
        request.began.tell();
        let asked = self.clock.now();
        let turn = self.registry.turn().await;
        let began = self.clock.now();
        let secrets = PullSecrets {
            source: self.secrets.clone(),
            namespace: request.namespace,
            names: request.secrets,
        };
        let failed = |error: ImageError| PullError::Pull(error.to_string());
        let pulled = self.registry.pull_and_hold(name, secrets).await;
        let (stored, lock) = pulled.map_err(failed)?;
        drop(turn);
        let content = Arc::clone(&self.content);
        let image = aside(move || {
            let image = content.hold(stored);
            drop(lock);
            image
        });
        let image = image.await?.map_err(failed)?;
        let now = self.clock.now();
        self.make_room();
        Ok(Pulled {
            image,
            already_present: false,
            took: now - began,
            took_with_waiting: now - asked,
        })
    }

    /// Removes what was not used for long, if there is too much.
    fn make_room(&self) {
        let (high, low) = self.registry.limits();
        let content = Arc::clone(&self.content);
        tokio::task::spawn_blocking(move || {
            let pruned = match content.size() {
                Ok(size) if size > high => content.prune(Prune::DownTo(low)),
                Ok(_) => return,
                Err(error) => Err(error),
            };
            tracing::info!(?pruned, "the image store was too large");
        });
    }
}

/// On a thread that no container needs.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PullError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| PullError::Inspect(error.to_string()))
}

fn present(image: Arc<Image>) -> Pulled {
    Pulled {
        image,
        already_present: true,
        took: Duration::ZERO,
        took_with_waiting: Duration::ZERO,
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
        Box::pin(async move {
            if let Some(path) = file_of(&self.overrides, &request.reference, &request.base_dir) {
                return self.file(path, request).await;
            }
            let name = normalise(&request.reference).map_err(|error| PullError::InvalidName {
                reference: request.reference.clone(),
                detail: error.to_string(),
            })?;
            match (self.stored(&name).await?, request.policy) {
                // What was loaded by hand is nowhere else: its name means what was loaded last.
                (Some(there), ImagePullPolicy::Always) if there.source.is_some() => {
                    self.pull(&name, request).await
                }
                (Some(there), _) => Ok(present(there.image)),
                (None, ImagePullPolicy::Never) => Err(PullError::NeverPull(request.reference)),
                (None, _) => self.pull(&name, request).await,
            }
        })
    }
}
