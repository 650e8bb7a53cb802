//! What of an image is run: its one wasm layer, or the file of its root that its entrypoint names.

use std::io::{self, Read, Seek};
use std::path::PathBuf;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use super::blobs::{Blobs, json, parse};
use super::config::{Descriptor, ImageConfig, Manifest, WASM_LAYER};
use super::content::Name;
use super::{Digest, ImageError};
use crate::ports::LayerFile;

/// It is read into memory whole when it is compiled.
pub(super) const WASM_BYTES_MAX: u64 = 1 << 30;

/// What is run, and over what.
pub(super) struct Program {
    pub(super) wasm: Digest,
    /// Lowest first.
    pub(super) layers: Vec<Digest>,
    pub(super) entrypoint: Vec<String>,
}

/// Beside the blobs: which of them was made of a file in an image's layers. Made anew if it is lost.
#[derive(Serialize, Deserialize)]
pub(super) struct Extracted {
    pub(super) wasm: Descriptor,
}

/// Whether that is the start of a component, a core module, or the text of one.
pub(super) fn is_wasm(bytes: &[u8]) -> bool {
    let start = bytes.trim_ascii_start();
    bytes.starts_with(b"\0asm") || start.starts_with(b"(") || start.starts_with(b";;")
}

/// Finds the program of an image whose blobs are there.
pub(super) fn find(
    blobs: &Blobs,
    named: &Name,
    manifest: &Manifest,
    config: &ImageConfig,
) -> Result<Program, ImageError> {
    let refuse = |detail: String| ImageError::NoProgram {
        name: named.name.clone(),
        detail,
    };
    let layers: Vec<&Descriptor> = manifest.layers.iter().filter(|one| one.is_tar()).collect();
    let wasm: Vec<&Descriptor> = manifest.layers.iter().filter(|one| one.is_wasm()).collect();
    let digests = || layers.iter().map(|layer| layer.digest.clone()).collect();
    match wasm[..] {
        [wasm] if wasm.size > WASM_BYTES_MAX => Err(refuse(format!(
            "its component is larger than {WASM_BYTES_MAX} bytes"
        ))),
        [wasm] => {
            let mut entrypoint = config.entrypoint.clone();
            if entrypoint.is_empty() && config.cmd.is_empty() {
                entrypoint.push(short_name(&named.name));
            }
            Ok(Program {
                wasm: wasm.digest.clone(),
                layers: digests(),
                entrypoint,
            })
        }
        [] if layers.is_empty() => Err(refuse(format!(
            "none of its layers is WebAssembly or files ({})",
            manifest
                .layers
                .first()
                .map_or("it has none", |layer| &layer.media_type)
        ))),
        [] => {
            let record = record_path(blobs, &named.manifest.digest);
            let known = std::fs::read(&record).ok();
            let known = known.and_then(|bytes| parse::<Extracted>(&record, &bytes).ok());
            let wasm = match known.filter(|known| blobs.has(&known.wasm)) {
                Some(known) => known.wasm,
                None => {
                    let files = layers.iter().map(|layer| blobs.layer(&layer.digest));
                    let wasm = extract(blobs, &files.collect::<Vec<_>>(), config, &refuse)?;
                    blobs.write(&record, &json(&Extracted { wasm: wasm.clone() })?)?;
                    wasm
                }
            };
            Ok(Program {
                wasm: wasm.digest,
                layers: digests(),
                entrypoint: config.entrypoint.clone(),
            })
        }
        _ => Err(refuse(format!(
            "it holds {} components, and a container runs one",
            wasm.len()
        ))),
    }
}

/// Where it is written down which file of an image is its program.
pub(super) fn record_path(blobs: &Blobs, manifest: &Digest) -> PathBuf {
    let file = format!("{}.json", manifest.hex());
    blobs.dir().join("programs").join(file)
}

/// What a component without a name of its own is called: `c` of `a/b/c:tag`.
fn short_name(name: &str) -> String {
    let name = name.split('@').next().unwrap_or(name);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split(':').next().unwrap_or(last).to_owned()
}

/// Copies the program out of the root that the layers make.
fn extract(
    blobs: &Blobs,
    layers: &[LayerFile],
    config: &ImageConfig,
    refuse: &dyn Fn(String) -> ImageError,
) -> Result<Descriptor, ImageError> {
    let words = config.entrypoint.iter().chain(&config.cmd);
    let word = words.map(String::as_str).next();
    let word = word.filter(|word| !word.is_empty());
    let word = word.ok_or_else(|| refuse("it has neither an entrypoint nor a command".into()))?;
    let _lock = blobs.adding()?;
    let tmp = blobs.dir().join("tmp");
    std::fs::create_dir_all(&tmp).map_err(ImageError::io(&tmp))?;
    let folder = Folder(
        tempfile::TempDir::new_in(&tmp)
            .map_err(ImageError::io(&tmp))?
            .keep(),
    );
    let opened = Dir::open_ambient_dir(&folder.0, ambient_authority());
    let root = opened.map_err(ImageError::io(&folder.0))?;
    if let Err(error) = crate::layers::unpack(layers.iter().map(LayerFile::as_pair), &root) {
        return Err(if error.is_of_the_image() {
            refuse(error.to_string())
        } else {
            ImageError::io(&folder.0)(error.into())
        });
    }
    let dir = config.working_dir.trim_matches('/');
    let plain = word.trim_start_matches('/');
    let in_dir = format!("{dir}/{plain}");
    let places = if word.starts_with('/') || dir.is_empty() {
        vec![plain]
    } else {
        vec![in_dir.as_str(), plain]
    };
    let found = places.iter().find_map(|place| root.open(place).ok());
    let mut file = found.ok_or_else(|| refuse(format!("its entrypoint {word} is not in it")))?;
    let mut start = [0; 64];
    let read = |file: &mut cap_std::fs::File, start: &mut [u8]| -> io::Result<usize> {
        let len = file.read(start)?;
        file.rewind()?;
        Ok(len)
    };
    let len = read(&mut file, &mut start).map_err(ImageError::io(word))?;
    if !is_wasm(&start[..len]) {
        return Err(refuse(format!(
            "its entrypoint {word} is not a WebAssembly file"
        )));
    }
    blobs.put_stream(WASM_LAYER, &mut file, WASM_BYTES_MAX)
}

/// Removed however deep it is.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = crate::tree::remove(&self.0) {
            tracing::debug!(path = %self.0.display(), %error, "left behind");
        }
    }
}
