//! A map that forgets what was not used for longest.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use crate::model::Time;

/// Holds at most so many entries.
pub(super) struct Recent<K, V> {
    entries: HashMap<K, (V, Time)>,
    max: usize,
}

impl<K: Eq + Hash + Clone, V> Recent<K, V> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            entries: HashMap::new(),
            max,
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key).map(|(value, _)| value)
    }

    /// The entry, made if there is none, and now the one used last.
    pub(super) fn touch(&mut self, now: Time, key: K, make: impl FnOnce() -> V) -> &mut V {
        if self.entries.len() >= self.max && !self.entries.contains_key(&key) {
            self.forget_a_quarter();
        }
        let entry = self.entries.entry(key).or_insert_with(|| (make(), now));
        entry.1 = now;
        &mut entry.0
    }

    /// All together that often, instead of one each time: finding the oldest costs a walk over all.
    fn forget_a_quarter(&mut self) {
        let mut used: Vec<Time> = self.entries.values().map(|(_, used)| *used).collect();
        let quarter = used.len() / 4;
        let (_, limit, _) = used.select_nth_unstable(quarter);
        let limit = *limit;
        self.entries.retain(|_, (_, used)| *used > limit);
    }

    /// Forgets what was not used for so long.
    pub(super) fn expire(&mut self, now: Time, after: Duration) {
        self.entries
            .retain(|_, (_, used)| now.since(*used) <= after);
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.entries.values().map(|(value, _)| value)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
