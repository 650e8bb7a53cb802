//! Secrets of the model.

use k8s_openapi::api::core::v1 as k8s;

use super::{not_yet, object_meta};
use crate::manifest::fault::{Faults, FieldFault};
use crate::manifest::path::Path;
use crate::model::{Secret, Time};

/// Converts a Secret.
pub(in crate::manifest) fn secret(
    object: &k8s::Secret,
    created: Time,
) -> Result<Secret, Vec<FieldFault>> {
    if object.metadata.finalizers.is_some() {
        let mut faults = Faults::default();
        let path = Path::root("metadata");
        not_yet(
            &path.field("finalizers"),
            "nothing here could remove them",
            &mut faults,
        );
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
