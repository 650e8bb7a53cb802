//! The store as the place where volumes and environments find ConfigMaps, Secrets and Services.

use std::sync::Arc;

use crate::model::{ConfigMap, PodMeta, PodUid, Secret, Service};
use crate::ports::{ConfigSource, ServiceSource};
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

impl ServiceSource for ApiStore {
    fn services(&self) -> Vec<Arc<Service>> {
        Self::services(self)
    }
}
