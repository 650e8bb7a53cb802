//! Compiled code, on disk by content digest: a second start of the same component compiles nothing.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, watch};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::adapt::{self, AdaptError};
use super::cpu::Cores;
use super::engine::{Allocation, WasmEngine};
use super::guest::Wants;
use super::program::{Kind, Program};
use crate::ports::Image;

/// Loads programs, compiling each at most once. wasmtime's own cache is not used: it keys by content too, but reads and inflates the code
/// into fresh memory at every start, where this maps it.
pub struct CodeCache {
    /// For commands of WASI 0.2.
    engine: Arc<WasmEngine>,
    /// For the others, made when the first of them comes: by whether it is of WASI 0.3, and whether it handles requests and so has many
    /// short-lived instances.
    others: [OnceLock<Arc<WasmEngine>>; 4],
    dir: PathBuf,
    loaded: Mutex<HashMap<String, Arc<OnceCell<Arc<Program>>>>>,
    compiling: watch::Sender<Vec<String>>,
}

/// Why a program could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum CodeError {
    /// The file could not be read.
    #[error("{path}: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is being changed.
    #[error("{0}: changed while it was being loaded")]
    Changed(PathBuf),
    /// It is no program.
    #[error(transparent)]
    Adapt(#[from] AdaptError),
    /// It does not compile.
    #[error("not a valid component: {0}")]
    Compile(String),
    /// It does not fit this host: an import that is missing, no command exported.
    #[error("{0}")]
    Link(String),
}

impl CodeCache {
    /// A cache in `dir`, made as needed. Code that cannot be kept there is compiled all the same.
    pub fn new(engine: Arc<WasmEngine>, dir: &Path) -> Self {
        let mut hasher = DefaultHasher::new();
        engine
            .wasmtime()
            .precompile_compatibility_hash()
            .hash(&mut hasher);
        adapt::VERSION.hash(&mut hasher);
        Self {
            dir: dir.join(format!("{:016x}", hasher.finish())),
            engine,
            others: Default::default(),
            loaded: Mutex::default(),
            compiling: watch::Sender::default(),
        }
    }

    /// What guests run on.
    pub(super) fn cores(&self) -> &Arc<Cores> {
        self.engine.cores()
    }

    /// What is being compiled right now, by name.
    pub fn compiling(&self) -> watch::Receiver<Vec<String>> {
        self.compiling.subscribe()
    }

    /// Makes an image's program ready to start.
    pub async fn prepare(self: &Arc<Self>, image: &Image, name: &str) -> Result<(), CodeError> {
        self.load_image(image, name).await.map(drop)
    }

    /// The program of an image.
    pub(super) async fn load_image(
        self: &Arc<Self>,
        image: &Image,
        name: &str,
    ) -> Result<Arc<Program>, CodeError> {
        let (path, digest) = (image.wasm.clone(), image.wasm_digest.clone());
        let read = move || {
            let bytes = std::fs::read(&path).map_err(|source| CodeError::Read {
                path: path.clone(),
                source,
            })?;
            // A file that was built anew since it was hashed would stand in the cache under the old one's digest for ever.
            if hex::encode(Sha256::digest(&bytes)) != digest {
                return Err(CodeError::Changed(path));
            }
            Ok(bytes)
        };
        self.load(&image.wasm_digest, name, read).await
    }

    /// The program with that digest (SHA-256 of its bytes, in hexadecimal), if it has been loaded already.
    pub(super) fn loaded(&self, digest: &str) -> Option<Arc<Program>> {
        self.cell(digest).get().cloned()
    }

    /// The program whose bytes have that digest. `name` is what a user knows it by; `read` is called only if it must be compiled.
    pub(super) async fn load(
        self: &Arc<Self>,
        digest: &str,
        name: &str,
        read: impl FnOnce() -> Result<Vec<u8>, CodeError> + Send + 'static,
    ) -> Result<Arc<Program>, CodeError> {
        let cell = self.cell(digest);
        cell.get_or_try_init(|| async {
            let kept = self.dir.join(format!("{digest}.cwasm"));
            if let Some(program) = self.load_kept(&kept)? {
                return Ok(program);
            }
            let this = Arc::clone(self);
            let name = name.to_owned();
            // Compiling takes seconds of every core: not on a thread that other containers need.
            tokio::task::spawn_blocking(move || this.compile(&read()?, &kept, &name))
                .await
                .map_err(|error| CodeError::Compile(error.to_string()))?
        })
        .await
        .cloned()
    }

    fn cell(&self, digest: &str) -> Arc<OnceCell<Arc<Program>>> {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(loaded.entry(digest.to_owned()).or_default())
    }

    fn load_kept(&self, kept: &Path) -> Result<Option<Arc<Program>>, CodeError> {
        for (kept, concurrent) in [(kept, false), (&concurrent_code(kept), true)] {
            if !kept.exists() {
                continue;
            }
            let engine = self.engine(concurrent, false)?;
            // SAFETY: the file is one this program wrote whole, under a name made of the engine's settings and the digest of its source, in a
            // folder that only the user may write to; whoever can change it can change the peapod binary's own data as well.
            let again = |engine: &Engine| unsafe { Component::deserialize_file(engine, kept) };
            match again(engine.wasmtime()) {
                Ok(component) => return self.program(engine, &component, again).map(Some),
                Err(error) => {
                    tracing::warn!(file = %kept.display(), %error, "compiled code is unusable, compiling again");
                }
            }
        }
        Ok(None)
    }

    fn compile(&self, bytes: &[u8], kept: &Path, name: &str) -> Result<Arc<Program>, CodeError> {
        let _shown = Shown::new(&self.compiling, name);
        let bytes = adapt::to_component(bytes)?;
        // What is of WASI 0.3 is not valid where functions cannot run at once, which shows before anything is compiled.
        let plain = Component::from_binary(self.engine.wasmtime(), &bytes)
            .ok()
            .filter(|component| !Wants::of(&self.engine, component).p3);
        let (engine, component, kept) = match plain {
            Some(component) => (&self.engine, component, kept.to_owned()),
            None => {
                let engine = self.engine(true, false)?;
                let component = Component::from_binary(engine.wasmtime(), &bytes)
                    .map_err(|error| CodeError::Compile(format!("{error:#}")))?;
                (engine, component, concurrent_code(kept))
            }
        };
        let program = self.program(engine, &component, |engine| {
            let code = component.serialize()?;
            // SAFETY: the code was just made, by an engine whose settings for the compiler are the same.
            unsafe { Component::deserialize(engine, &code) }
        })?;
        if let Err(error) = keep(&component, &kept) {
            tracing::debug!(file = %kept.display(), %error, "compiled code is not kept");
        }
        Ok(program)
    }

    /// The engine for components of WASI 0.3 or 0.2, and for many short-lived instances or a few.
    fn engine(&self, concurrent: bool, pooling: bool) -> Result<&Arc<WasmEngine>, CodeError> {
        let pooling = pooling || self.engine.is_pooling();
        if !concurrent && pooling == self.engine.is_pooling() {
            return Ok(&self.engine);
        }
        let cell = &self.others[usize::from(concurrent) * 2 + usize::from(pooling)];
        if let Some(engine) = cell.get() {
            return Ok(engine);
        }
        let allocation = if pooling {
            Allocation::Pooling
        } else {
            Allocation::OnDemand
        };
        let engine = self
            .engine
            .beside(allocation, concurrent)
            .map_err(|error| CodeError::Link(format!("{error:#}")))?;
        Ok(cell.get_or_init(|| engine))
    }

    /// Links a component. `again` loads it for another engine: how an engine allocates changes nothing of the code.
    fn program(
        &self,
        engine: &Arc<WasmEngine>,
        component: &Component,
        again: impl FnOnce(&Engine) -> wasmtime::Result<Component>,
    ) -> Result<Arc<Program>, CodeError> {
        if !Kind::of(engine, component)?.http || engine.is_pooling() {
            return Program::new(engine, component).map(Arc::new);
        }
        let pooled = self.engine(engine.is_concurrent(), true)?;
        let component =
            again(pooled.wasmtime()).map_err(|error| CodeError::Link(format!("{error:#}")))?;
        Program::new(pooled, &component).map(Arc::new)
    }
}

/// Where the code of a component of WASI 0.3 is kept.
fn concurrent_code(kept: &Path) -> PathBuf {
    kept.with_extension("async.cwasm")
}

/// Writes whole or not at all: another peapod may be reading, and this one may be killed.
fn keep(component: &Component, kept: &Path) -> anyhow::Result<()> {
    let dir = kept.parent().unwrap_or(kept);
    std::fs::create_dir_all(dir)?;
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(&component.serialize()?)?;
    file.as_file().sync_all()?;
    file.persist(kept)?;
    Ok(())
}

/// The name stands in the list of what is being compiled for as long as this lives.
struct Shown<'a> {
    list: &'a watch::Sender<Vec<String>>,
    name: String,
}

impl<'a> Shown<'a> {
    fn new(list: &'a watch::Sender<Vec<String>>, name: &str) -> Self {
        list.send_modify(|list| list.push(name.to_owned()));
        Self {
            list,
            name: name.to_owned(),
        }
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.list.send_modify(|list| {
            if let Some(at) = list.iter().position(|name| *name == self.name) {
                list.remove(at);
            }
        });
    }
}
