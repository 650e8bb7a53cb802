//! The content store: blobs by digest, names as one small file each. Safe under several peapods and under `kill -9` at any moment:
//! every file is written beside its place and renamed into it, and only a name makes an image.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use super::config::{
    ConfigBlob, Descriptor, ImageConfig, MANIFEST, Manifest, TAR_LAYER, WASM_CONFIG, WASM_LAYER,
};
use super::{ImageError, normalise};
use crate::ports::Image;

/// Images on disk.
pub struct ContentStore {
    dir: PathBuf,
}

/// An image and the name it is stored under.
#[derive(Clone, Debug)]
pub struct StoredImage {
    /// The full name.
    pub name: String,
    /// What a runtime needs of it.
    pub image: Image,
}

/// A name, on disk.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Name {
    name: String,
    manifest: Descriptor,
}

impl ContentStore {
    /// A store in that folder, which is made when something is stored.
    pub fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// Stores a component under a name; a name that is taken moves to the new image.
    pub fn load(
        &self,
        name: &str,
        wasm: &Path,
        rootfs: Option<&Path>,
        config: ImageConfig,
    ) -> Result<StoredImage, ImageError> {
        let name = normalise(name)?;
        let bytes = fs::read(wasm).map_err(ImageError::io(wasm))?;
        let start = bytes.trim_ascii_start();
        let text = start.starts_with(b"(") || start.starts_with(b";;");
        if !bytes.starts_with(b"\0asm") && !text {
            return Err(ImageError::NotWasm(wasm.to_owned()));
        }
        let _lock = self.lock()?;
        let mut layers = vec![self.put(WASM_LAYER, &bytes)?];
        if let Some(rootfs) = rootfs {
            layers.push(self.put(TAR_LAYER, &tar_of(rootfs)?)?);
        }
        let config = ConfigBlob {
            architecture: "wasm".into(),
            os: "wasip2".into(),
            layer_digests: layers.iter().map(|layer| layer.digest.clone()).collect(),
            config,
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST.into(),
            config: self.put(WASM_CONFIG, &json(&config)?)?,
            layers,
            annotations: Default::default(),
        };
        let manifest = self.put(MANIFEST, &json(&manifest)?)?;
        let named = Name {
            name: name.clone(),
            manifest,
        };
        self.write(&self.name_path(&name), &json(&named)?)?;
        self.open(&named)
    }

    /// The image of that name, if there is one.
    pub fn find(&self, name: &str) -> Result<Option<StoredImage>, ImageError> {
        let name = normalise(name)?;
        match self.read_name(&self.name_path(&name))? {
            Some(named) => self.open(&named).map(Some),
            None => Ok(None),
        }
    }

    /// Every image, by name.
    pub fn list(&self) -> Result<Vec<StoredImage>, ImageError> {
        let mut images = Vec::new();
        for path in files(&self.dir.join("names"))? {
            if let Some(named) = self.read_name(&path)? {
                images.push(self.open(&named)?);
            }
        }
        images.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(images)
    }

    /// Removes a name, and every blob that no name needs any more.
    pub fn remove(&self, name: &str) -> Result<String, ImageError> {
        let name = normalise(name)?;
        let _lock = self.lock()?;
        let path = self.name_path(&name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ImageError::NotFound(name));
            }
            Err(error) => return Err(ImageError::io(path)(error)),
        }
        let mut needed = std::collections::HashSet::new();
        for path in files(&self.dir.join("names"))? {
            let Some(named) = self.read_name(&path)? else {
                continue;
            };
            let manifest: Manifest = self.read_blob(&named.manifest.digest)?;
            needed.insert(named.manifest.digest);
            needed.insert(manifest.config.digest);
            needed.extend(manifest.layers.into_iter().map(|layer| layer.digest));
        }
        for path in files(&self.dir.join("blobs").join("sha256"))? {
            let digest = path
                .file_name()
                .map(|name| format!("sha256:{}", name.to_string_lossy()));
            if digest.is_some_and(|digest| !needed.contains(&digest)) {
                fs::remove_file(&path).map_err(ImageError::io(&path))?;
            }
        }
        Ok(name)
    }

    fn open(&self, named: &Name) -> Result<StoredImage, ImageError> {
        let manifest: Manifest = self.read_blob(&named.manifest.digest)?;
        let config: ConfigBlob = self.read_blob(&manifest.config.digest)?;
        let corrupt = |detail: &str| ImageError::Corrupt {
            path: self.blob_path(&named.manifest.digest),
            detail: detail.to_owned(),
        };
        let wasm = manifest
            .layers
            .iter()
            .find(|layer| layer.media_type == WASM_LAYER);
        let wasm = wasm.ok_or_else(|| corrupt("no application/wasm layer"))?;
        let layers = manifest
            .layers
            .iter()
            .filter(|layer| layer.media_type == TAR_LAYER);
        let size =
            manifest.config.size + manifest.layers.iter().map(|layer| layer.size).sum::<u64>();
        let env = config
            .config
            .env
            .iter()
            .filter_map(|pair| pair.split_once('='));
        let image = Image {
            id: named.manifest.digest.clone(),
            wasm: self.blob_path(&wasm.digest),
            wasm_digest: hex_of(&wasm.digest).to_owned(),
            size,
            layers: layers.map(|layer| self.blob_path(&layer.digest)).collect(),
            entrypoint: config.config.entrypoint.clone(),
            cmd: config.config.cmd.clone(),
            env: env
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            working_dir: Some(config.config.working_dir.clone()).filter(|dir| !dir.is_empty()),
        };
        Ok(StoredImage {
            name: named.name.clone(),
            image,
        })
    }

    /// Held while blobs are written before their name, and while blobs without a name are removed.
    fn lock(&self) -> Result<File, ImageError> {
        fs::create_dir_all(&self.dir).map_err(ImageError::io(&self.dir))?;
        let path = self.dir.join("lock");
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(ImageError::io(&path))?;
        file.lock().map_err(ImageError::io(&path))?;
        Ok(file)
    }

    fn put(&self, media_type: &str, bytes: &[u8]) -> Result<Descriptor, ImageError> {
        let digest = format!("sha256:{}", hex::encode(Sha256::digest(bytes)));
        let path = self.blob_path(&digest);
        let size = bytes.len() as u64;
        // A blob of another length is one that a crash of the machine cut short.
        if fs::metadata(&path).map(|found| found.len()).ok() != Some(size) {
            self.write(&path, bytes)?;
        }
        Ok(Descriptor {
            media_type: media_type.to_owned(),
            digest,
            size,
        })
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), ImageError> {
        let dir = path.parent().unwrap_or(&self.dir);
        fs::create_dir_all(dir).map_err(ImageError::io(dir))?;
        let written = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        };
        written().map_err(ImageError::io(path))
    }

    fn read_name(&self, path: &Path) -> Result<Option<Name>, ImageError> {
        match fs::read(path) {
            Ok(bytes) => parse(path, &bytes).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ImageError::io(path)(error)),
        }
    }

    fn read_blob<T: DeserializeOwned>(&self, digest: &str) -> Result<T, ImageError> {
        let path = self.blob_path(digest);
        let bytes = fs::read(&path).map_err(ImageError::io(&path))?;
        parse(&path, &bytes)
    }

    fn blob_path(&self, digest: &str) -> PathBuf {
        self.dir.join("blobs").join("sha256").join(hex_of(digest))
    }

    fn name_path(&self, name: &str) -> PathBuf {
        // Names hold slashes and colons; the digest of a name is a file name on every system.
        let file = format!("{}.json", hex::encode(Sha256::digest(name)));
        self.dir.join("names").join(file)
    }
}

fn hex_of(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, ImageError> {
    serde_json::to_vec(value).map_err(|error| ImageError::Corrupt {
        path: PathBuf::new(),
        detail: error.to_string(),
    })
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, ImageError> {
    serde_json::from_slice(bytes).map_err(|error| ImageError::Corrupt {
        path: path.to_owned(),
        detail: error.to_string(),
    })
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, ImageError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(ImageError::io(dir)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<Result<_, _>>().map_err(ImageError::io(dir))
}

/// The folder as a tar with fixed times and owners: the same files give the same digest.
fn tar_of(folder: &Path) -> Result<Vec<u8>, ImageError> {
    let mut builder = tar::Builder::new(Vec::new());
    builder.mode(tar::HeaderMode::Deterministic);
    builder.follow_symlinks(false);
    append(&mut builder, folder, Path::new(""))?;
    builder.into_inner().map_err(ImageError::io(folder))
}

fn append(
    builder: &mut tar::Builder<Vec<u8>>,
    folder: &Path,
    inside: &Path,
) -> Result<(), ImageError> {
    let mut entries = files(&folder.join(inside))?;
    entries.sort();
    for path in entries {
        let Some(name) = path.file_name() else {
            continue;
        };
        let inside = inside.join(name);
        let kind = fs::symlink_metadata(&path).map_err(ImageError::io(&path))?;
        if kind.is_dir() {
            let added = builder.append_dir(&inside, &path);
            added.map_err(ImageError::io(&path))?;
            append(builder, folder, &inside)?;
        } else {
            let added = builder.append_path_with_name(&path, &inside);
            added.map_err(ImageError::io(&path))?;
        }
    }
    Ok(())
}

/// SHA-256 of a file, in hexadecimal, and its size in bytes.
pub(super) fn digest_file(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    let mut size = 0;
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok((hex::encode(hasher.finalize()), size));
        }
        hasher.update(&buffer[..len]);
        size += len as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{ContentStore, ImageConfig};

    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn an_image_is_found_listed_and_removed_with_its_blobs() {
        let dir = tempfile::tempdir().expect("a folder");
        let wasm = dir.path().join("x.wasm");
        fs::write(&wasm, EMPTY).expect("written");
        let rootfs = dir.path().join("rootfs");
        fs::create_dir_all(rootfs.join("etc")).expect("made");
        fs::write(rootfs.join("etc/motd"), "hi").expect("written");
        let store = ContentStore::new(dir.path().join("images"));
        let config = ImageConfig {
            cmd: vec!["sh".into()],
            ..ImageConfig::default()
        };
        let first = store
            .load("x:1", &wasm, Some(&rootfs), config.clone())
            .expect("loaded");
        let again = store
            .load("y", &wasm, Some(&rootfs), config)
            .expect("loaded");
        assert_eq!(
            first.image.id, again.image.id,
            "the same content is the same image"
        );
        let found = store
            .find("docker.io/library/x:1")
            .expect("read")
            .expect("found");
        assert_eq!(found.image.cmd, ["sh"]);
        assert_eq!(fs::read(&found.image.wasm).expect("read"), EMPTY);
        assert_eq!(found.image.layers.len(), 1);
        let names: Vec<_> = store
            .list()
            .expect("list")
            .into_iter()
            .map(|i| i.name)
            .collect();
        assert_eq!(
            names,
            ["docker.io/library/x:1", "docker.io/library/y:latest"]
        );
        store.remove("y").expect("removed");
        assert!(found.image.wasm.exists(), "x still needs it");
        store.remove("x:1").expect("removed");
        assert!(!found.image.wasm.exists());
        assert!(store.remove("x:1").is_err());
    }

    #[test]
    fn what_is_no_wasm_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("x.wasm");
        fs::write(&file, "#!/bin/sh").expect("written");
        let store = ContentStore::new(dir.path().join("images"));
        let refused = store.load("x", &file, None, ImageConfig::default());
        assert!(
            refused
                .expect_err("refused")
                .to_string()
                .ends_with("x.wasm: not a WebAssembly file")
        );
        assert!(store.find("x").expect("read").is_none());
    }
}
