//! Images as one file, for machines without a network: an OCI image layout in a tar, as `skopeo`'s `oci-archive:` and `docker load` read it.
//! What `docker save` wrote before it knew of layouts is read, too.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;
use tar::{Builder, EntryType, Header};

use super::blobs::{DOCUMENT_BYTES_MAX, json};
use super::config::{
    Descriptor, Document, INDEX, Index, MANIFEST, Manifest, OCI_CONFIG, TAR_LAYER,
};
use super::content::{ContentStore, Name, StoredImage};
use super::{Digest, ImageError, normalise};

/// Where an image of a layout has its name (image-spec, annotations.md); here the full one.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// Where containerd and Docker put the full name.
const FULL_NAME: &str = "io.containerd.image.name";
const BLOB_BYTES_MAX: u64 = 16 << 30;
const ENTRIES_MAX: usize = 100_000;
/// As for images from registries.
const LAYERS_MAX: usize = 256;

/// What was in a bundle.
#[derive(Default)]
struct TakenIn {
    /// Of a layout.
    index: Option<Vec<u8>>,
    /// Docker's `manifest.json`. A layout may have it as well, for old readers.
    docker: Option<Vec<u8>>,
    /// The blobs, by path.
    files: BTreeMap<String, Descriptor>,
}

impl ContentStore {
    /// Writes images into a tar.
    pub fn save(&self, names: &[String], out: impl Write) -> Result<(), ImageError> {
        let _lock = self.blobs.adding()?;
        let mut manifests = Vec::new();
        let mut blobs: BTreeMap<Digest, u64> = BTreeMap::new();
        for name in names {
            let name = normalise(name)?;
            let named = self.find_name(&name)?;
            let named = named.ok_or_else(|| ImageError::NotFound(name.clone()))?;
            let manifest: Manifest = self.blobs.parsed(&named.manifest.digest)?;
            for blob in manifest.blobs().chain([&named.manifest]) {
                blobs.insert(blob.digest.clone(), blob.size);
            }
            let mut entry = Descriptor {
                annotations: BTreeMap::new(),
                platform: None,
                ..named.manifest
            };
            for key in [REF_NAME, FULL_NAME] {
                entry.annotations.insert(key.into(), name.clone());
            }
            manifests.push(entry);
        }
        let index = Index {
            schema_version: 2,
            media_type: Some(INDEX.into()),
            manifests,
        };
        let failed = |error| ImageError::io("the bundle")(error);
        let mut tar = Builder::new(out);
        let layout = json!({"imageLayoutVersion": "1.0.0"}).to_string();
        add(
            &mut tar,
            "oci-layout",
            layout.len() as u64,
            layout.as_bytes(),
        )
        .map_err(failed)?;
        let index = json(&index)?;
        add(&mut tar, "index.json", index.len() as u64, &index[..]).map_err(failed)?;
        for (digest, size) in blobs {
            let path = self.blobs.path(&digest);
            let file = File::open(&path).map_err(ImageError::io(&path))?;
            let place = format!("blobs/sha256/{}", digest.hex());
            add(&mut tar, &place, size, file.take(size)).map_err(failed)?;
        }
        tar.into_inner()
            .and_then(|mut out| out.flush())
            .map_err(failed)
    }

    /// Stores the images of a tar under their names; one without a full name of its own gets `name`.
    pub fn load_bundle(
        &self,
        file: &Path,
        name: Option<&str>,
    ) -> Result<Vec<StoredImage>, ImageError> {
        let bundle = |detail: String| ImageError::Bundle {
            path: file.to_owned(),
            detail,
        };
        let source = File::open(file).map_err(ImageError::io(file))?;
        let _lock = self.blobs.adding()?;
        let taken = self.take_in(file, BufReader::with_capacity(128 << 10, source))?;
        let index = match (&taken.index, &taken.docker) {
            (Some(index), _) => serde_json::from_slice(index)
                .map_err(|error| bundle(format!("index.json: {error}")))?,
            (None, Some(docker)) => self.index_of_docker(docker, &taken).map_err(bundle)?,
            (None, None) => {
                let text = "neither index.json nor manifest.json: not an image";
                return Err(bundle(text.into()));
            }
        };
        let alone = index.manifests.len() == 1;
        let mut named = Vec::new();
        for entry in &index.manifests {
            let name = match full_name(entry) {
                Some(own) if name.is_none() || !alone => own,
                _ => name.filter(|_| alone).map(str::to_owned).ok_or_else(|| {
                    bundle(
                        "an image without a full name; with only one in it, --name says it".into(),
                    )
                })?,
            };
            let manifest = self.choose(entry, 0).map_err(&bundle)?;
            named.push(Name {
                name: normalise(&name)?,
                manifest,
                source: None,
            });
        }
        // Names come last and after all is known to be there: a bundle that was cut short changes nothing.
        for named in &named {
            let manifest: Manifest = self.blobs.parsed(&named.manifest.digest)?;
            if let Some(missing) = manifest.blobs().find(|blob| !self.blobs.has(blob)) {
                return Err(bundle(format!("{} is missing in it", missing.digest)));
            }
        }
        named.into_iter().map(|named| self.name(named)).collect()
    }

    /// Stores every blob of a bundle.
    fn take_in(&self, file: &Path, source: impl Read) -> Result<TakenIn, ImageError> {
        let bundle = |detail: String| ImageError::Bundle {
            path: file.to_owned(),
            detail,
        };
        let failed = |error: io::Error| bundle(error.to_string());
        let mut taken = TakenIn::default();
        let mut entries = 0;
        let mut archive = tar::Archive::new(source);
        // Raw: long names and other extensions, which a layout has no need of, would be read into memory however long they are.
        for entry in archive.entries().map_err(failed)?.raw(true) {
            let mut entry = entry.map_err(failed)?;
            let is_file = matches!(
                entry.header().entry_type(),
                EntryType::Regular | EntryType::Continuous
            );
            let path = String::from_utf8_lossy(&entry.header().path_bytes()).into_owned();
            let path = path.trim_start_matches("./");
            entries += 1;
            if entries > ENTRIES_MAX {
                return Err(bundle(format!("more than {ENTRIES_MAX} entries")));
            }
            if !is_file {
                continue;
            }
            if matches!(path, "index.json" | "manifest.json") {
                let mut bytes = Vec::new();
                let read = (&mut entry)
                    .take(DOCUMENT_BYTES_MAX)
                    .read_to_end(&mut bytes);
                read.map_err(failed)?;
                if path == "index.json" {
                    taken.index = Some(bytes);
                } else {
                    taken.docker = Some(bytes);
                }
            } else if let Some(hex) = path.strip_prefix("blobs/sha256/") {
                let stated = Digest::from_hex(hex);
                let stated = stated.ok_or_else(|| bundle(format!("{path}: not a digest")))?;
                let stored = self.blobs.put_stream("", &mut entry, BLOB_BYTES_MAX)?;
                // What it is instead is rubbish, removed with the next.
                if stored.digest != stated {
                    return Err(bundle(format!("{path}: its content is {}", stored.digest)));
                }
                taken.files.insert(path.to_owned(), stored);
            } else if path.ends_with(".tar") || path.ends_with(".json") {
                let stored = self.blobs.put_stream("", &mut entry, BLOB_BYTES_MAX)?;
                taken.files.insert(path.to_owned(), stored);
            }
        }
        Ok(taken)
    }

    /// Makes manifests of what Docker's `manifest.json` lists: it has names of files where a manifest has digests.
    fn index_of_docker(&self, docker: &[u8], taken: &TakenIn) -> Result<Index, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Listed {
            config: String,
            layers: Vec<String>,
            #[serde(default)]
            repo_tags: Option<Vec<String>>,
        }
        let listed: Vec<Listed> =
            serde_json::from_slice(docker).map_err(|error| format!("manifest.json: {error}"))?;
        let find = |path: &String, kind: &str| {
            let found = taken.files.get(path.trim_start_matches("./"));
            let found = found.ok_or_else(|| format!("{path} is missing in it"))?;
            let (digest, size) = (found.digest.clone(), found.size);
            Ok::<_, String>(Descriptor::new(kind, digest, size))
        };
        let mut manifests = Vec::new();
        for one in &listed {
            if one.layers.len() > LAYERS_MAX {
                return Err(format!("an image of more than {LAYERS_MAX} layers"));
            }
            let layers = one.layers.iter().map(|layer| find(layer, TAR_LAYER));
            let manifest = Manifest {
                schema_version: 2,
                media_type: Some(MANIFEST.into()),
                config: find(&one.config, OCI_CONFIG)?,
                layers: layers.collect::<Result<_, _>>()?,
                annotations: BTreeMap::new(),
            };
            let put = json(&manifest).and_then(|bytes| self.blobs.put(MANIFEST, &bytes));
            let manifest = put.map_err(|error| error.to_string())?;
            let names = one.repo_tags.iter().flatten();
            let names = names.filter_map(|name| normalise(name).ok());
            let mut named: Vec<_> = names
                .map(|name| Descriptor {
                    annotations: BTreeMap::from([(FULL_NAME.to_owned(), name)]),
                    ..manifest.clone()
                })
                .collect();
            if named.is_empty() {
                named.push(manifest);
            }
            manifests.append(&mut named);
        }
        Ok(Index {
            schema_version: 2,
            media_type: None,
            manifests,
        })
    }

    /// The manifest that an entry leads to, through indexes of platforms.
    fn choose(&self, entry: &Descriptor, depth: u8) -> Result<Descriptor, String> {
        let bytes = self
            .blobs
            .document(&entry.digest)
            .map_err(|_| format!("{} is missing in it", entry.digest))?;
        match Document::parse(&bytes)? {
            Document::Manifest(_) => Ok(Descriptor {
                annotations: BTreeMap::new(),
                platform: None,
                size: bytes.len() as u64,
                ..entry.clone()
            }),
            Document::Index(index) if depth < 2 => match index.best() {
                Some(best) => self.choose(best, depth + 1),
                None => Err(format!(
                    "no image for wasi/wasm, only {}",
                    index.platforms()
                )),
            },
            Document::Index(_) => Err("an index of indexes of indexes".into()),
        }
    }
}

fn full_name(entry: &Descriptor) -> Option<String> {
    let names = [FULL_NAME, REF_NAME].map(|key| entry.annotations.get(key));
    // A bare tag says too little.
    let mut full = names
        .into_iter()
        .flatten()
        .filter(|name| name.contains('/'));
    full.find(|name| normalise(name).is_ok()).cloned()
}

fn add(tar: &mut Builder<impl Write>, path: &str, size: u64, bytes: impl Read) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_size(size);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(EntryType::Regular);
    tar.append_data(&mut header, path, bytes)
}
