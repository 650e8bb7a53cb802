//! ConfigMaps of the model.

use k8s_openapi::api::core::v1 as k8s;

use super::{no_finalizers, object_meta};
use crate::manifest::fault::{Faults, FieldFault};
use crate::model::{ConfigMap, Time};

/// Converts a ConfigMap.
pub(in crate::manifest) fn config_map(
    object: &k8s::ConfigMap,
    created: Time,
) -> Result<ConfigMap, Vec<FieldFault>> {
    let mut faults = Faults::default();
    no_finalizers(&object.metadata, &mut faults);
    if !faults.is_empty() {
        return Err(faults.into_vec());
    }
    let text = object.data.iter().flatten();
    let bytes = object.binary_data.iter().flatten();
    Ok(ConfigMap {
        meta: object_meta(&object.metadata, created),
        text: text.clone().map(|(key, _)| key.clone()).collect(),
        data: text
            .map(|(key, value)| (key.clone(), value.clone().into_bytes()))
            .chain(bytes.map(|(key, value)| (key.clone(), value.0.clone())))
            .collect(),
        immutable: object.immutable.unwrap_or_default(),
    })
}
