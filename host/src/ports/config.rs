//! Objects that volumes and environments are filled from.

use std::sync::Arc;

use crate::model::{ConfigMap, PodMeta, PodUid, Secret, Service};

/// Looks up ConfigMaps and Secrets as they are now.
pub trait ConfigSource: Send + Sync {
    /// The ConfigMap of that name in that namespace (rule G14).
    fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>>;
    /// The Secret of that name in that namespace (rule G14).
    fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>>;
    /// The pod's metadata: labels and annotations may have changed since it was created (rule G9).
    fn pod_meta(&self, pod: &PodUid) -> Option<PodMeta>;
}

/// Looks up Services as they are now.
pub trait ServiceSource: Send + Sync {
    /// Every Service of every namespace.
    fn services(&self) -> Vec<Arc<Service>>;
}
