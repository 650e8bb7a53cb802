//! What every object has.

use std::collections::BTreeMap;

use super::{Namespace, Time, Uid};

/// The part of `metadata` the host works with, of an object that is no pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// `metadata.uid`.
    pub uid: Uid,
    /// `metadata.name`.
    pub name: String,
    /// `metadata.namespace`.
    pub namespace: Namespace,
    /// `metadata.creationTimestamp`.
    pub created: Time,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
}
