//! Manifests, indexes and configurations of images, as OCI and Docker write them (image-spec 1.1; the CNCF wasm artifact's media types).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::Digest;

/// OCI image manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index: the same image for several platforms.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's manifest, which is the same under another name.
pub(super) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's index.
pub(super) const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Configuration of a wasm artifact.
pub(super) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The component itself.
pub(super) const WASM_LAYER: &str = "application/wasm";
/// Configuration of an ordinary image.
pub(super) const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Files of the container's root.
pub(super) const TAR_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The same as others write it, whatever it is compressed with. The last ones were meant to come from elsewhere; where they are, they are
/// layers as any other.
const TAR_LAYERS: [&str; 4] = [
    TAR_LAYER,
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
];

/// What else has been used for a component or module: runwasi's two, Spin's and wasm-to-oci's, the old wasmCloud's.
const OLD_WASM_LAYERS: [&str; 4] = [
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
    "application/vnd.bytecodealliance.wasm.module.layer.v0+wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
];

/// What an image says about running it; names and meaning of OCI's `config` (image-spec, config.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// The start of the argument vector.
    #[serde(deserialize_with = "or_null", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Arguments when the container gives none.
    #[serde(deserialize_with = "or_null", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// `NAME=value`.
    #[serde(deserialize_with = "or_null", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Where it starts.
    #[serde(deserialize_with = "or_null", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
}

/// Docker writes `null` for what is not there.
fn or_null<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    source: D,
) -> Result<T, D::Error> {
    Option::deserialize(source).map(Option::unwrap_or_default)
}

/// A blob and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Platform>,
    #[serde(
        default,
        deserialize_with = "or_null",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Descriptor {
    pub(super) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: BTreeMap::new(),
        }
    }

    /// A component or a core module.
    pub(super) fn is_wasm(&self) -> bool {
        self.media_type == WASM_LAYER || OLD_WASM_LAYERS.contains(&self.media_type.as_str())
    }

    /// Files for the container's root, compressed or not.
    pub(super) fn is_tar(&self) -> bool {
        let kind = self.media_type.as_str();
        TAR_LAYERS.iter().any(|known| kind.starts_with(known))
    }
}

/// For which machines an image of an index is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Platform {
    #[serde(deserialize_with = "or_null")]
    pub(super) architecture: String,
    #[serde(deserialize_with = "or_null")]
    pub(super) os: String,
}

impl Platform {
    /// How well it fits; the least is the best. An image for Linux may still be a wasm file in a root, which only its configuration tells.
    fn rank(&self) -> Option<u8> {
        let wasm = self.architecture.starts_with("wasm");
        let native = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        match self.os.as_str() {
            "wasi" if wasm => Some(0),
            "wasip2" if wasm => Some(1),
            "wasip3" if wasm => Some(2),
            "wasip1" if wasm => Some(3),
            os if wasm || os.starts_with("wasi") => Some(4),
            // What builders attach to an image (attestations) is for unknown/unknown.
            "" => Some(5),
            "linux" if self.architecture == native => Some(6),
            "linux" => Some(7),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<String>,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(
        default,
        deserialize_with = "or_null",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub(super) annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// The blobs it is made of.
    pub(super) fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        std::iter::once(&self.config).chain(&self.layers)
    }

    /// Size of what has to be fetched.
    pub(super) fn size(&self) -> u64 {
        let sizes = self.blobs().map(|blob| blob.size);
        sizes.fold(0, u64::saturating_add)
    }
}

/// The same image for several platforms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Index {
    pub(super) schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<String>,
    pub(super) manifests: Vec<Descriptor>,
}

impl Index {
    /// The one that fits best here.
    pub(super) fn best(&self) -> Option<&Descriptor> {
        let ranked = self.manifests.iter().filter_map(|one| {
            let any = Platform::default();
            let rank = one.platform.as_ref().unwrap_or(&any).rank()?;
            Some((rank, one))
        });
        ranked.min_by_key(|(rank, _)| *rank).map(|(_, one)| one)
    }

    /// The platforms there are.
    pub(super) fn platforms(&self) -> String {
        let platforms = self
            .manifests
            .iter()
            .filter_map(|one| one.platform.as_ref());
        let names = platforms.map(|one| format!("{}/{}", one.os, one.architecture));
        names.take(16).collect::<Vec<_>>().join(", ")
    }
}

/// A document that a tag may lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Document {
    Manifest(Manifest),
    Index(Index),
}

impl Document {
    /// Reads either, told apart by what they hold: the media type is optional in both.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Either {
            #[serde(default)]
            manifests: Option<serde::de::IgnoredAny>,
            #[serde(default)]
            layers: Option<serde::de::IgnoredAny>,
            #[serde(default, rename = "schemaVersion")]
            schema_version: Option<u64>,
        }
        let words = |error: serde_json::Error| format!("not an image manifest: {error}");
        let either: Either = serde_json::from_slice(bytes).map_err(words)?;
        if either.schema_version != Some(2) {
            return Err("not an image manifest of schema version 2".into());
        }
        match (either.manifests, either.layers) {
            (Some(_), None) => serde_json::from_slice(bytes)
                .map(Self::Index)
                .map_err(words),
            (None, Some(_)) => serde_json::from_slice(bytes)
                .map(Self::Manifest)
                .map_err(words),
            _ => Err("not an image manifest: it has either layers or manifests".into()),
        }
    }
}

/// The configuration blob, ours when we make one: a wasm artifact's, with OCI's `config` beside it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigBlob {
    pub(super) architecture: String,
    pub(super) os: String,
    pub(super) layer_digests: Vec<Digest>,
    pub(super) config: ImageConfig,
}

/// What is read of anybody's configuration blob.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AnyConfig {
    #[serde(deserialize_with = "or_null")]
    pub(super) config: ImageConfig,
}

#[cfg(test)]
mod tests {
    use super::{Document, Index};

    const ZERO: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn index(platforms: &[&str]) -> Index {
        let manifests: Vec<_> = platforms
            .iter()
            .enumerate()
            .map(|(at, platform)| {
                let mut one =
                    serde_json::json!({"mediaType": super::MANIFEST, "digest": ZERO, "size": at});
                if let Some((os, architecture)) = platform.split_once('/') {
                    one["platform"] = serde_json::json!({"os": os, "architecture": architecture});
                }
                one
            })
            .collect();
        let text = serde_json::json!({"schemaVersion": 2, "manifests": manifests}).to_string();
        match Document::parse(text.as_bytes()).expect("parsed") {
            Document::Index(index) => index,
            Document::Manifest(_) => panic!("an index"),
        }
    }

    #[test]
    fn of_several_platforms_wasi_is_taken_first() {
        for (platforms, best) in [
            (&["linux/amd64", "wasip1/wasm", "wasi/wasm"][..], Some(2)),
            (&["linux/amd64", "wasip1/wasm", "wasip2/wasm"], Some(2)),
            (&["linux/s390x", "", "unknown/unknown"], Some(1)),
            (&["windows/amd64", "linux/s390x"], Some(1)),
            (&["windows/amd64", "unknown/unknown"], None),
            (&[], None),
        ] {
            let found = index(platforms);
            assert_eq!(found.best().map(|one| one.size), best, "{platforms:?}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_told_in_a_sentence() {
        let not_hex = ZERO.replace("00", "..");
        for text in [
            "",
            "[]",
            "{}",
            r#"{"schemaVersion": 1, "layers": []}"#,
            r#"{"schemaVersion": 2}"#,
            r#"{"schemaVersion": 2, "layers": [], "manifests": []}"#,
            r#"{"schemaVersion": 2, "layers": [], "config": {}}"#,
            &format!(
                r#"{{"schemaVersion": 2, "manifests": [{{"mediaType": "x", "size": 1, "digest": "{not_hex}"}}]}}"#
            ),
            r#"{"schemaVersion": 2, "manifests": [{"mediaType": "x", "size": 1, "digest": "sha256:../../x"}]}"#,
            r#"{"schemaVersion": 2, "manifests": [{"mediaType": "x", "size": -1, "digest": "sha256:0"}]}"#,
        ] {
            assert!(Document::parse(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn damaged_documents_are_refused_in_one_line_and_nothing_worse() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/oci_manifest");
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % below as u64).expect("small")
        };
        for file in std::fs::read_dir(seeds).expect("the seeds") {
            let whole = std::fs::read(file.expect("read").path()).expect("read");
            for _ in 0..500 {
                let mut damaged = whole.clone();
                for _ in 0..=next(4) {
                    let at = next(damaged.len());
                    damaged[at] = b"{}[]:,\"0-9eanul\\\xff"[next(17)];
                }
                match Document::parse(&damaged) {
                    Ok(Document::Manifest(manifest)) => {
                        assert!(manifest.blobs().all(|blob| blob.digest.hex().len() == 64));
                        let _no_overflow = manifest.size();
                    }
                    Ok(Document::Index(index)) => drop(index.best()),
                    Err(text) => assert_eq!(text.lines().count(), 1, "{text}"),
                }
            }
        }
    }
}
