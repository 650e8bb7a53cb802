//! Where the environment of a container comes from (rules H3 to H7).

use super::{ContainerName, PodField, ResourceField};

/// An entry of `env`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvVar {
    /// `name`: any printable ASCII but `=` (rule H4).
    pub name: String,
    /// Where its value comes from.
    pub value: EnvValue,
}

/// `value` or `valueFrom`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    /// `value`, before `$(NAME)` expansion (rule H2).
    Text(String),
    /// `fieldRef` (rule H6).
    Field(PodField),
    /// `resourceFieldRef` (rule H7).
    Resource {
        /// `containerName`; the container itself when not given.
        container: Option<ContainerName>,
        /// Which amount, in which unit.
        field: ResourceField,
    },
    /// `fileKeyRef`: from a file of variables that another container wrote.
    File(FileKey),
    /// `configMapKeyRef` or `secretKeyRef` (rule H5).
    Key {
        /// The object.
        object: ConfigRef,
        /// `key`
        key: String,
    },
}

/// A variable in a file of an emptyDir.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileKey {
    /// `volumeName`; always one of the pod's emptyDirs.
    pub volume: String,
    /// `path`: relative, without `..`.
    pub path: String,
    /// `key`
    pub key: String,
    /// `optional`: without the file or the key there is no variable.
    pub optional: bool,
}

/// An entry of `envFrom`: a variable for each key of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvFrom {
    /// `prefix`: stands before each key.
    pub prefix: String,
    /// The object.
    pub object: ConfigRef,
}

/// A reference to an object in the pod's namespace (rule G14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRef {
    /// Its kind.
    pub kind: ConfigKind,
    /// `name`
    pub name: String,
    /// `optional`: what is missing is left out (rule H5).
    pub optional: bool,
}

/// The kinds of objects that variables come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConfigKind {
    /// A ConfigMap: its `data`, not its `binaryData` (rule H3).
    ConfigMap,
    /// A Secret.
    Secret,
}
