//! What files of a volume are made of: objects, and the pod itself.

use super::{ContainerName, ResourceField};

/// A configMap, secret, downwardAPI or projected volume (rules G4–G10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Where they come from; of two files of one path the later source's counts (rule G10).
    pub sources: Vec<FileSource>,
    /// `defaultMode` (rule G6).
    pub default_mode: u32,
    /// Kept in memory, not on disk: all but a configMap volume (rule G4).
    pub in_memory: bool,
}

/// One source of a volume's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileSource {
    /// The keys of a ConfigMap.
    ConfigMap(Keys),
    /// The keys of a Secret.
    Secret(Keys),
    /// Fields of the pod and resources of its containers (rule G9).
    DownwardApi(Vec<DownwardFile>),
}

/// The keys of an object, as files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The object's name, in the pod's namespace (rule G14).
    pub name: String,
    /// `items`: only these keys, under these paths (rule G7); none is every key under its own name.
    pub items: Option<Vec<KeyToPath>>,
    /// `optional`: a missing object is no file at all, a missing key no file (rule G7).
    pub optional: bool,
}

/// One entry of `items`: which key goes to which file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyToPath {
    /// `key`
    pub key: String,
    /// `path`: relative, without `..` (rule K25).
    pub path: String,
    /// `mode`; the volume's `defaultMode` when not given (rule G6).
    pub mode: Option<u32>,
}

/// One file of a downwardAPI volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownwardFile {
    /// `path`: relative, without `..` (rule K25).
    pub path: String,
    /// `mode`; the volume's `defaultMode` when not given (rule G6).
    pub mode: Option<u32>,
    /// What stands in it.
    pub value: DownwardValue,
}

/// What stands in a file of a downwardAPI volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownwardValue {
    /// `fieldRef`
    Field(MetaField),
    /// `resourceFieldRef` (rules G9, H7).
    Resource {
        /// `containerName`, any of the pod's.
        container: ContainerName,
        /// `resource` and `divisor`
        resource: ResourceField,
    },
}

/// The fields of the pod that may be files (rule G9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetaField {
    /// `metadata.name`
    Name,
    /// `metadata.namespace`
    Namespace,
    /// `metadata.uid`
    Uid,
    /// `metadata.labels`: all of them.
    Labels,
    /// `metadata.annotations`: all of them.
    Annotations,
    /// `metadata.labels['key']`
    Label(String),
    /// `metadata.annotations['key']`
    Annotation(String),
}
