//! A Secret.

use std::collections::BTreeMap;
use std::fmt;

use super::ObjectMeta;

/// Named pieces of confidential data; at most 1 MiB in all (rule G14).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// Identity, labels, annotations.
    pub meta: ObjectMeta,
    /// `data` with `stringData` merged into it, decoded.
    pub data: BTreeMap<String, Vec<u8>>,
    /// `type`, e.g. `Opaque`.
    pub kind: String,
    /// `immutable` (rule G8).
    pub immutable: bool,
}

/// Without the data: it would end up in a log.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.data.keys();
        f.debug_struct("Secret")
            .field("meta", &self.meta)
            .field("keys", &keys.collect::<Vec<_>>())
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
