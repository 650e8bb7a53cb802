//! The content store: blobs by digest, names as one small file each. Only a name makes an image; blobs that none needs are rubbish, which
//! [`collect`](super::collect) removes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::blobs::{Blobs, files, json, parse};
use super::config::{
    AnyConfig, ConfigBlob, Descriptor, ImageConfig, MANIFEST, Manifest, TAR_LAYER, WASM_CONFIG,
    WASM_LAYER,
};
use super::leases::Leases;
use super::pack::tar_of;
use super::{Digest, ImageError, normalise, program};
use crate::ports::Image;

/// Images on disk.
pub struct ContentStore {
    pub(super) blobs: Blobs,
    pub(super) leases: Leases,
}

/// An image and the name it is stored under.
#[derive(Clone, Debug)]
pub struct StoredImage {
    /// The full name.
    pub name: String,
    /// What a runtime needs of it.
    pub image: Image,
    /// Its digest.
    pub(super) manifest: Digest,
    /// The digest the name led to where the image was pulled from, if it was: an index's, or the image's own.
    pub source: Option<Digest>,
}

/// A name, on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Name {
    pub(super) name: String,
    pub(super) manifest: Descriptor,
    /// What a registry said the name means. An image without was loaded here, and its name means what was loaded last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Digest>,
}

impl ContentStore {
    /// A store in that folder, which is made when something is stored.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            leases: Leases::new(dir.join("leases")),
            blobs: Blobs::new(dir),
        }
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
        if !program::is_wasm(&bytes) {
            return Err(ImageError::NotWasm(wasm.to_owned()));
        }
        let _lock = self.blobs.adding()?;
        let mut layers = vec![self.blobs.put(WASM_LAYER, &bytes)?];
        if let Some(rootfs) = rootfs {
            layers.push(self.blobs.put(TAR_LAYER, &tar_of(rootfs)?)?);
        }
        let config = ConfigBlob {
            architecture: "wasm".into(),
            os: "wasip2".into(),
            layer_digests: layers.iter().map(|layer| layer.digest.clone()).collect(),
            config,
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST.into()),
            config: self.blobs.put(WASM_CONFIG, &json(&config)?)?,
            layers,
            annotations: Default::default(),
        };
        let manifest = self.blobs.put(MANIFEST, &json(&manifest)?)?;
        self.name(Name {
            name,
            manifest,
            source: None,
        })
    }

    /// Gives blobs that are there a name. Whoever calls has held the lock for adding since before the first of them was added.
    pub(super) fn name(&self, named: Name) -> Result<StoredImage, ImageError> {
        // What cannot be run gets no name: the old image of that name stays.
        let stored = self.open(&named)?;
        self.blobs
            .write(&self.name_path(&named.name), &json(&named)?)?;
        Ok(stored)
    }

    /// The image of that name, if there is one.
    pub fn find(&self, name: &str) -> Result<Option<StoredImage>, ImageError> {
        let named = self.find_name(&normalise(name)?)?;
        named.map(|named| self.open(&named)).transpose()
    }

    /// The image of that full name, kept from being removed for as long as somebody holds it.
    pub(super) fn lease(&self, name: &str) -> Result<Option<Leased>, ImageError> {
        let _lock = self.blobs.adding()?;
        let Some(named) = self.find_name(name)? else {
            return Ok(None);
        };
        // It can be had again: better than to fail at it for ever.
        if named.source.is_some() && self.whole(&named).is_none() {
            tracing::warn!("image {name} is damaged; it has to be pulled again");
            return Ok(None);
        }
        let stored = self.open(&named)?;
        let source = stored.source.clone();
        let image = self.hold(stored)?;
        Ok(Some(Leased { image, source }))
    }

    /// Keeps an image from being removed for as long as somebody holds it. Whoever calls holds the lock for adding.
    pub(super) fn hold(&self, stored: StoredImage) -> Result<Arc<Image>, ImageError> {
        self.touch(&stored.name);
        self.leases.hold(&stored.manifest, stored.image)
    }

    /// The manifest of that name, if all it needs is there.
    pub(super) fn whole(&self, named: &Name) -> Option<Manifest> {
        let manifest: Manifest = self.blobs.parsed(&named.manifest.digest).ok()?;
        let whole = manifest.blobs().all(|blob| self.blobs.has(blob));
        whole.then_some(manifest)
    }

    /// Remembers that the image was used now: those that were not for the longest time are the first to go.
    fn touch(&self, name: &str) {
        #[cfg(unix)]
        {
            use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_NOW,
            };
            let times = Timestamps {
                last_access: now,
                last_modification: now,
            };
            let path = self.name_path(name);
            // One that cannot be marked is only removed too early.
            let _ignored = utimensat(CWD, path, &times, AtFlags::empty());
        }
        #[cfg(not(unix))]
        let _unused = name;
    }

    /// Every image, by name.
    pub fn list(&self) -> Result<Vec<StoredImage>, ImageError> {
        let named = self.names()?;
        let images = named.iter().flat_map(|(_, named)| self.open(named));
        let mut images: Vec<_> = images.collect();
        images.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(images)
    }

    /// The names of images that cannot be read any more, and why: they are not in the list, and removing them is all that can be done.
    pub fn damaged(&self) -> Result<Vec<(String, ImageError)>, ImageError> {
        let named = self.names()?.into_iter();
        let damaged = named.filter_map(|(_, named)| {
            let error = self.open(&named).err()?;
            Some((named.name, error))
        });
        Ok(damaged.collect())
    }

    /// Removes a name, and every blob that no name and no running pod needs any more.
    pub fn remove(&self, name: &str) -> Result<String, ImageError> {
        let name = normalise(name)?;
        let path = self.name_path(&name);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ImageError::NotFound(name));
            }
            Err(error) => return Err(ImageError::io(path)(error)),
        }
        self.sweep()?;
        Ok(name)
    }

    pub(super) fn open(&self, named: &Name) -> Result<StoredImage, ImageError> {
        let manifest: Manifest = self.blobs.parsed(&named.manifest.digest)?;
        let config = self.config(&named.name, &manifest)?;
        let program = program::find(&self.blobs, named, &manifest, &config)?;
        let env = config.env.iter().filter_map(|pair| pair.split_once('='));
        let image = Image {
            id: named.manifest.digest.to_string(),
            wasm: self.blobs.path(&program.wasm),
            wasm_digest: program.wasm.hex().to_owned(),
            size: manifest.size(),
            layers: program
                .layers
                .iter()
                .map(|layer| self.blobs.layer(layer))
                .collect(),
            entrypoint: program.entrypoint,
            cmd: config.cmd.clone(),
            env: env
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            working_dir: Some(config.working_dir).filter(|dir| !dir.is_empty()),
        };
        Ok(StoredImage {
            name: named.name.clone(),
            image,
            manifest: named.manifest.digest.clone(),
            source: named.source.clone(),
        })
    }

    /// What the image says of itself; nothing, if its configuration is of a kind that says none of it.
    fn config(&self, name: &str, manifest: &Manifest) -> Result<ImageConfig, ImageError> {
        let kind = manifest.config.media_type.as_str();
        if kind == WASM_CONFIG || kind.contains("image") {
            let bytes = self.blobs.document(&manifest.config.digest)?;
            let config = serde_json::from_slice(&bytes).map_err(|error| ImageError::NoProgram {
                name: name.to_owned(),
                detail: format!("its configuration cannot be read: {error}"),
            });
            return config.map(|config: AnyConfig| config.config);
        }
        Ok(ImageConfig::default())
    }

    /// Every name and its file.
    pub(super) fn names(&self) -> Result<Vec<(PathBuf, Name)>, ImageError> {
        let mut names = Vec::new();
        for path in files(&self.blobs.dir().join("names"))? {
            if let Some(named) = read_name(&path)? {
                names.push((path, named));
            }
        }
        Ok(names)
    }

    pub(super) fn find_name(&self, name: &str) -> Result<Option<Name>, ImageError> {
        read_name(&self.name_path(name))
    }

    fn name_path(&self, name: &str) -> PathBuf {
        // Names hold slashes and colons; the digest of a name is a file name on every system.
        let file = format!("{}.json", Digest::of(name.as_bytes()).hex());
        self.blobs.dir().join("names").join(file)
    }
}

/// An image that stays while somebody holds it.
pub(super) struct Leased {
    pub(super) image: Arc<Image>,
    pub(super) source: Option<Digest>,
}

fn read_name(path: &Path) -> Result<Option<Name>, ImageError> {
    match fs::read(path) {
        Ok(bytes) => parse(path, &bytes).map(Some),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ImageError::io(path)(error)),
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
