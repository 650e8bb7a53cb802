//! Secrets of the model.

use k8s_openapi::api::core::v1 as k8s;

use super::{no_finalizers, object_meta};
use crate::manifest::fault::{Faults, FieldFault};
use crate::model::{Secret, Time};

/// Converts a Secret.
pub(in crate::manifest) fn secret(
    object: &k8s::Secret,
    created: Time,
) -> Result<Secret, Vec<FieldFault>> {
    let mut faults = Faults::default();
    no_finalizers(&object.metadata, &mut faults);
    if !faults.is_empty() {
        return Err(faults.into_vec());
    }
    let data = object.data.iter().flatten();
    Ok(Secret {
        meta: object_meta(&object.metadata, created),
        data: data
            .map(|(key, value)| (key.clone(), value.0.clone()))
            .collect(),
        kind: object.type_.clone().unwrap_or_default(),
        immutable: object.immutable.unwrap_or_default(),
    })
}
