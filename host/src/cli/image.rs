//! `peapod image …`

use std::io::{self, Write as _};

use serde_json::json;

use super::args::{Global, Image, Load};
use super::exit;
use crate::app::{compile_image, content_store};
use crate::images::{ContentStore, ImageConfig, ImageError, StoredImage};

pub(super) fn run(command: Image, global: &Global) -> anyhow::Result<u8> {
    let data_dir = global.data_dir()?;
    let store = content_store(&data_dir);
    let mut out = io::stdout().lock();
    match command {
        Image::Load(load) => {
            let compile = load.compile;
            let stored = load_image(&store, load)?;
            if compile {
                compile_image(&data_dir, &stored.name, &stored.image)?;
            }
            writeln!(out, "{}\t{}", stored.name, stored.image.id)?;
        }
        Image::Ls => write!(out, "{}", table(&store.list()?))?,
        Image::Inspect { name } => {
            let stored = store.find(&name)?.ok_or(ImageError::NotFound(name))?;
            writeln!(out, "{:#}", inspect(&stored))?;
        }
        Image::Rm { names } => {
            for name in names {
                writeln!(out, "removed {}", store.remove(&name)?)?;
            }
        }
    }
    Ok(exit::OK)
}

fn load_image(store: &ContentStore, load: Load) -> Result<StoredImage, ImageError> {
    let mut entrypoint = load.entrypoint;
    if entrypoint.is_empty() && load.cmd.is_empty() {
        let stem = load.file.file_stem();
        entrypoint.extend(stem.map(|stem| stem.to_string_lossy().into_owned()));
    }
    let config = ImageConfig {
        entrypoint,
        cmd: load.cmd,
        env: load.env,
        working_dir: load.workdir.unwrap_or_default(),
    };
    store.load(&load.name, &load.file, load.rootfs.as_deref(), config)
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
fn size(bytes: u64) -> String {
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
        "layers": image.layers,
        "config": {
            "Entrypoint": image.entrypoint,
            "Cmd": image.cmd,
            "Env": image.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "WorkingDir": image.working_dir.as_deref().unwrap_or("/"),
        },
    })
}
