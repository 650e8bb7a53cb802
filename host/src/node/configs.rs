//! The store as the place where volumes and environments find ConfigMaps, Secrets and Services.

use std::sync::Arc;

use crate::model::{ConfigMap, Secret, Service};
use crate::ports::{ConfigSource, ServiceSource};
use crate::store::ApiStore;

impl ConfigSource for ApiStore {
    fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        Self::config_map(self, namespace, name)
    }

    fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
        Self::secret(self, namespace, name)
    }
}

impl ServiceSource for ApiStore {
    fn services(&self) -> Vec<Arc<Service>> {
        Self::services(self)
    }
}
