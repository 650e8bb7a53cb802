//! ConfigMaps.

use k8s_openapi::api::core::v1::ConfigMap;

use super::{metadata, text};
use crate::manifest::fault::Faults;
use crate::manifest::path::Path;

/// G14: keys and values do not count the same, only values do.
const MAX_BYTES: usize = 1 << 20;

/// Validates a ConfigMap.
pub(super) fn check(map: &ConfigMap, faults: &mut Faults) {
    metadata::check(&map.metadata, text::subdomain, faults);
    let mut size = 0;
    let data = Path::root("data");
    for (key, value) in map.data.iter().flatten() {
        for message in text::config_key(key) {
            faults.invalid(&data.key(key), key, &message);
        }
        let other = map.binary_data.as_ref();
        if other.is_some_and(|other| other.contains_key(key)) {
            let message = "duplicate of key present in binaryData";
            faults.invalid(&data.key(key), key, message);
        }
        size += value.len();
    }
    let binary = Path::root("binaryData");
    for (key, value) in map.binary_data.iter().flatten() {
        for message in text::config_key(key) {
            faults.invalid(&binary.key(key), key, &message);
        }
        size += value.0.len();
    }
    if size > MAX_BYTES {
        // The whole object is too large, no field of it.
        faults.too_long(&Path::root(""), MAX_BYTES);
    }
}
