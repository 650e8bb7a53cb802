//! The store as the place where volumes and environments find ConfigMaps and Secrets.

use std::sync::Arc;

use crate::model::{ConfigMap, PodMeta, PodUid, Secret};
use crate::ports::ConfigSource;
use crate::store::ApiStore;

impl ConfigSource for ApiStore {
    fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        Self::config_map(self, namespace, name)
    }

    fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
        Self::secret(self, namespace, name)
    }

    fn pod_meta(&self, pod: &PodUid) -> Option<PodMeta> {
        self.pod(pod).map(|stored| stored.pod.meta)
    }
}
