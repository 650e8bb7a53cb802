//! The manifest and configuration of an image, as OCI writes them (image-spec 1.1; the CNCF wasm artifact's media types).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// OCI image manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Configuration of a wasm artifact.
pub(super) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The component itself.
pub(super) const WASM_LAYER: &str = "application/wasm";
/// Files of the container's root.
pub(super) const TAR_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// What an image says about running it; names and meaning of OCI's `config` (image-spec, config.md).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// The start of the argument vector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// Arguments when the container gives none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// `NAME=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Where it starts.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
}

/// A blob and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    pub(super) media_type: String,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<String, String>,
}

/// The configuration blob: a wasm artifact's, with OCI's `config` beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConfigBlob {
    pub(super) architecture: String,
    pub(super) os: String,
    pub(super) layer_digests: Vec<String>,
    #[serde(default)]
    pub(super) config: ImageConfig,
}
