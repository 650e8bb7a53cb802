//! What the store holds: objects of several kinds, one shape of record each.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod as PodObject;
use serde_json::Value;

use super::Version;
use crate::model::{ConfigMap, ObjectMeta, Pod, PodStatus, Seconds, Secret, Service, Time, Uid};

/// The kinds of objects there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A Pod.
    Pod,
    /// A Service.
    Service,
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
}

impl Kind {
    /// The resource, as the API's paths and messages name it.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Pod => "pods",
            Self::Service => "services",
            Self::ConfigMap => "configmaps",
            Self::Secret => "secrets",
        }
    }
}

/// As messages name it: the plural.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plural())
    }
}

/// Any object in the store. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Object {
    /// A Pod.
    Pod(StoredPod),
    /// A Service.
    Service(Stored<Service>),
    /// A ConfigMap.
    ConfigMap(Stored<ConfigMap>),
    /// A Secret.
    Secret(Stored<Secret>),
}

/// A pod in the store.
#[derive(Clone, Debug)]
pub struct StoredPod {
    /// The pod as the host works with it.
    pub pod: Pod,
    /// The pod as its user sees it: defaulted, without status.
    pub object: Arc<PodObject>,
    /// The folder its relative paths start from.
    pub base_dir: Arc<Path>,
    /// Its status, once its worker has published one.
    pub status: Option<Arc<PodStatus>>,
    /// Its deletion was asked for: by when, and with how much grace (rule F1).
    pub deletion: Option<(Time, Option<Seconds>)>,
    /// The version of its last change.
    pub version: Version,
}

/// An object in the store that has no life of its own: no worker, no status.
pub struct Stored<T> {
    /// The object as the host works with it.
    pub value: Arc<T>,
    /// The object as its user sees it.
    pub document: Arc<Value>,
    /// The version of its last change.
    pub version: Version,
}

/// Without the document: a Secret's holds its data, and would end up in a log.
impl<T: fmt::Debug> fmt::Debug for Stored<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("value", &self.value)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl<T> Clone for Stored<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            document: Arc::clone(&self.document),
            version: self.version,
        }
    }
}

impl<T> Stored<T> {
    pub(super) fn new(value: T, document: Value) -> Self {
        Self {
            value: Arc::new(value),
            document: Arc::new(document),
            version: 0,
        }
    }
}

impl Object {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Pod(_) => Kind::Pod,
            Self::Service(_) => Kind::Service,
            Self::ConfigMap(_) => Kind::ConfigMap,
            Self::Secret(_) => Kind::Secret,
        }
    }

    /// The version of its last change.
    pub const fn version(&self) -> Version {
        match self {
            Self::Pod(one) => one.version,
            Self::Service(one) => one.version,
            Self::ConfigMap(one) => one.version,
            Self::Secret(one) => one.version,
        }
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> Uid {
        match self {
            Self::Pod(one) => one.pod.meta.uid.clone().into(),
            Self::Service(one) => one.value.meta.uid.clone(),
            Self::ConfigMap(one) => one.value.meta.uid.clone(),
            Self::Secret(one) => one.value.meta.uid.clone(),
        }
    }

    /// `metadata.creationTimestamp`.
    pub fn created(&self) -> Time {
        match self {
            Self::Pod(one) => one.pod.meta.created,
            Self::Service(one) => one.value.meta.created,
            Self::ConfigMap(one) => one.value.meta.created,
            Self::Secret(one) => one.value.meta.created,
        }
    }

    /// `metadata.namespace`.
    pub fn namespace(&self) -> &str {
        match self {
            Self::Pod(one) => one.pod.meta.namespace.as_str(),
            Self::Service(one) => namespace(&one.value.meta),
            Self::ConfigMap(one) => namespace(&one.value.meta),
            Self::Secret(one) => namespace(&one.value.meta),
        }
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        match self {
            Self::Pod(one) => one.pod.meta.name.as_str(),
            Self::Service(one) => &one.value.meta.name,
            Self::ConfigMap(one) => &one.value.meta.name,
            Self::Secret(one) => &one.value.meta.name,
        }
    }

    /// The pod, if it is one.
    pub const fn as_pod(&self) -> Option<&StoredPod> {
        match self {
            Self::Pod(one) => Some(one),
            Self::Service(_) | Self::ConfigMap(_) | Self::Secret(_) => None,
        }
    }

    pub(super) const fn set_version(&mut self, version: Version) {
        match self {
            Self::Pod(one) => one.version = version,
            Self::Service(one) => one.version = version,
            Self::ConfigMap(one) => one.version = version,
            Self::Secret(one) => one.version = version,
        }
    }
}

fn namespace(meta: &ObjectMeta) -> &str {
    meta.namespace.as_str()
}
