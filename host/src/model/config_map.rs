//! A ConfigMap.

use std::collections::{BTreeMap, BTreeSet};

use super::ObjectMeta;

/// Named pieces of configuration; at most 1 MiB in all (rule G14).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigMap {
    /// Identity, labels, annotations.
    pub meta: ObjectMeta,
    /// `data` and `binaryData` as bytes; no key is in both.
    pub data: BTreeMap<String, Vec<u8>>,
    /// The keys that came from `data`: only these may become environment variables (rule H3).
    pub text: BTreeSet<String>,
    /// `immutable` (rule G8).
    pub immutable: bool,
}
