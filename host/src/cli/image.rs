//! `peapod image …`

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::args::{Global, Image, Load};
use super::{bars, exit};
use crate::app::{compile_image, content_store, registry_settings};
use crate::images::{
    ContentStore, ImageConfig, ImageError, Prune, PullSecrets, Registry, StoredImage,
};

pub(super) fn run(command: Image, global: &Global) -> anyhow::Result<u8> {
    let data_dir = global.data_dir()?;
    let store = Arc::new(content_store(&data_dir));
    let mut out = io::stdout().lock();
    match command {
        Image::Load(load) => {
            let compile = load.compile;
            for stored in load_images(&store, load)? {
                if compile {
                    compile_image(&data_dir, &stored.name, &stored.image)?;
                }
                writeln!(out, "{}\t{}", stored.name, stored.image.id)?;
            }
        }
        Image::Pull { names, quiet } => {
            for stored in pull(&store, &data_dir, names, quiet)? {
                writeln!(out, "{}\t{}", stored.name, stored.image.id)?;
            }
        }
        Image::Push { name, to, quiet } => {
            let registry = Registry::new(store, registry_settings(&data_dir)?);
            let to = to.unwrap_or_else(|| name.clone());
            let pushed = with_progress(&registry, quiet, registry.push(&name, &to))??;
            writeln!(out, "{}\t{}", pushed.0, pushed.1)?;
        }
        Image::Save { names, output } => save(&store, &names, &output)?,
        Image::Ls => {
            write!(out, "{}", table(&store.list()?))?;
            for (name, error) in store.damaged()? {
                super::warn(format_args!(
                    "{name} is damaged (remove it, and pull or load it again): {error}"
                ));
            }
        }
        Image::Inspect { name } => {
            let stored = store.find(&name)?.ok_or(ImageError::NotFound(name))?;
            writeln!(out, "{:#}", inspect(&stored))?;
        }
        Image::Rm { names } => {
            for name in names {
                writeln!(out, "removed {}", store.remove(&name)?)?;
            }
        }
        Image::Prune { all, keep } => {
            let what = match keep {
                Some(mib) => Prune::DownTo(mib.saturating_mul(1 << 20)),
                None if all => Prune::Unused,
                None => Prune::Rubbish,
            };
            let pruned = store.prune(what)?;
            anyhow::ensure!(
                !pruned.busy,
                "images are being pulled or loaded; try again later"
            );
            for name in &pruned.images {
                writeln!(out, "removed {name}")?;
            }
            writeln!(out, "{} freed", size(pruned.bytes))?;
        }
    }
    Ok(exit::OK)
}

fn load_images(store: &ContentStore, load: Load) -> Result<Vec<StoredImage>, ImageError> {
    let Some(file) = load.file else {
        return store.load_bundle(Path::new(&load.name), load.bundle_name.as_deref());
    };
    let mut entrypoint = load.entrypoint;
    if entrypoint.is_empty() && load.cmd.is_empty() {
        let stem = file.file_stem();
        entrypoint.extend(stem.map(|stem| stem.to_string_lossy().into_owned()));
    }
    let config = ImageConfig {
        entrypoint,
        cmd: load.cmd,
        env: load.env,
        working_dir: load.workdir.unwrap_or_default(),
    };
    let stored = store.load(&load.name, &file, load.rootfs.as_deref(), config)?;
    Ok(vec![stored])
}

fn pull(
    store: &Arc<ContentStore>,
    data_dir: &Path,
    names: Vec<String>,
    quiet: bool,
) -> anyhow::Result<Vec<StoredImage>> {
    let registry = Registry::new(Arc::clone(store), registry_settings(data_dir)?);
    let pulls = async {
        let mut pulled = Vec::new();
        for name in &names {
            pulled.push(registry.pull(name, PullSecrets::default()).await?);
        }
        Ok::<_, ImageError>(pulled)
    };
    let pulled = with_progress(&registry, quiet, pulls)??;
    let (high, low) = registry.limits();
    if store.size()? > high {
        store.prune(Prune::DownTo(low))?;
    }
    Ok(pulled)
}

/// Writes beside the file and renames: who interrupts it does not find half a bundle, nor lose the one that was there.
fn save(store: &ContentStore, names: &[String], output: &Path) -> anyhow::Result<()> {
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    store.save(names, io::BufWriter::new(file.as_file()))?;
    file.as_file().sync_all()?;
    file.persist(output)?;
    Ok(())
}

/// Runs transfers and shows how far they are, on a terminal.
fn with_progress<T>(
    registry: &Registry,
    quiet: bool,
    work: impl Future<Output = T>,
) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let shown = !quiet && io::stderr().is_terminal();
    let done = runtime.block_on(async {
        let mut work = std::pin::pin!(work);
        if shown {
            tokio::select! {
                done = &mut work => return done,
                () = bars::show(registry.progress().subscribe()) => {}
            }
        }
        work.await
    });
    // A helper for passwords may still be asking.
    runtime.shutdown_background();
    Ok(done)
}

fn table(images: &[StoredImage]) -> String {
    let mut rows = vec![["NAME".to_owned(), "DIGEST".to_owned(), "SIZE".to_owned()]];
    rows.extend(images.iter().map(|stored| {
        let digest: String = stored.image.id.chars().take("sha256:".len() + 12).collect();
        [stored.name.clone(), digest, size(stored.image.size)]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let (name, digest) = (width(0), width(1));
    let lines = rows
        .iter()
        .map(|row| format!("{:name$}   {:digest$}   {}\n", row[0], row[1], row[2]));
    lines.collect()
}

/// Bytes as a person reads them.
pub(super) fn size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    match unit {
        "B" => format!("{bytes} B"),
        _ => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

fn inspect(stored: &StoredImage) -> serde_json::Value {
    let image = &stored.image;
    json!({
        "name": stored.name,
        "id": image.id,
        "size": image.size,
        "component": { "digest": format!("sha256:{}", image.wasm_digest), "path": image.wasm },
        "layers": image.layers.iter().map(|layer| &layer.path).collect::<Vec<_>>(),
        "pulled": stored.source.as_ref().map(ToString::to_string),
        "config": {
            "Entrypoint": image.entrypoint,
            "Cmd": image.cmd,
            "Env": image.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "WorkingDir": image.working_dir.as_deref().unwrap_or("/"),
        },
    })
}
