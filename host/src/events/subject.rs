//! What was noticed of one object: the correlation that client-go does before it sends an event (rule M1).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::{Occurrence, Recorded};
use crate::model::{Event, EventSource, EventType, ObjectRef, Time};

/// From so many different messages of one reason on, they are combined …
const SIMILAR_MAX: usize = 10;
/// … unless none came for so long.
const SIMILAR_FOR: Duration = Duration::from_secs(600);
/// So many events of an object are let through at once …
const BURST: u32 = 25;
/// … and one more each time this has passed.
const REFILL: Duration = Duration::from_secs(300);
/// What the allocator and the maps take for a thing that is kept, about.
const OVERHEAD_BYTES: usize = 48;

/// One object.
pub(super) struct Subject {
    /// The object itself, whatever part of it something is about.
    about: ObjectRef,
    /// The tokens of each component that notices something of it.
    buckets: Vec<(&'static str, Bucket)>,
    records: Vec<Record>,
    /// The bytes of the records' texts.
    text_bytes: usize,
}

/// An event, without what all events of the object have in common.
pub(super) struct Record {
    /// `involvedObject.fieldPath`; records of one field share it.
    field: Option<Arc<str>>,
    component: &'static str,
    reason: &'static str,
    message: Box<str>,
    kind: EventType,
    /// Stands for many similar ones; its message is that of the last.
    combined: bool,
    /// Its message is one of those that make later ones similar.
    counts: bool,
    /// Somebody else was told; not if too much happened to the object lately.
    kept: bool,
    count: u32,
    /// The number in its name.
    number: u64,
    first: Time,
    pub(super) last: Time,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: u32,
    /// When the last token came that did.
    filled: Time,
}

impl Bucket {
    fn refill(&mut self, now: Time) {
        while self.left < BURST && now.since(self.filled) >= REFILL {
            self.left += 1;
            self.filled = self.filled + REFILL;
        }
        if self.left == BURST {
            self.filled = now;
        }
    }
}

impl Record {
    /// As client-go names events, and all of it.
    fn event(&self, about: &ObjectRef, host: &str) -> Event {
        Event {
            name: format!("{}.{:x}", about.name, self.number),
            about: ObjectRef {
                field_path: self.field.as_deref().map(str::to_owned),
                ..about.clone()
            },
            kind: self.kind,
            reason: self.reason,
            message: self.message.to_string(),
            source: EventSource {
                component: self.component,
                host: host.to_owned(),
            },
            first: self.first,
            last: self.last,
            count: self.count,
        }
    }

    /// Of the same reason, whatever the message and the field.
    fn is_alike(&self, what: &Occurrence) -> bool {
        self.reason == what.reason && self.component == what.component && self.kind == what.kind
    }

    fn text_bytes(&self) -> usize {
        OVERHEAD_BYTES + self.message.len()
    }
}

impl Subject {
    pub(super) fn new(about: &ObjectRef) -> Self {
        Self {
            about: ObjectRef {
                field_path: None,
                ..about.clone()
            },
            buckets: Vec::new(),
            records: Vec::new(),
            text_bytes: 0,
        }
    }

    /// The events that somebody else was told of.
    pub(super) fn kept(&self, host: &str) -> impl Iterator<Item = Event> {
        let kept = self.records.iter().filter(|record| record.kept);
        kept.map(move |record| record.event(&self.about, host))
    }

    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    /// What it takes of the memory, in bytes, about.
    pub(super) fn cost(&self) -> usize {
        let texts = self.about.name.len() + self.text_bytes + 4 * OVERHEAD_BYTES;
        let buckets = self.buckets.capacity() * size_of::<(&str, Bucket)>();
        size_of::<Self>() + texts + buckets + self.records.capacity() * size_of::<Record>()
    }

    /// Takes note of something. What is held back is counted all the same, and shows in the event once it is let through.
    pub(super) fn record(&mut self, now: Time, what: Occurrence, host: &str) -> Recorded {
        let combined = self.is_one_too_many(now, &what);
        let kept = self.may_pass(now, what.component);
        let field = what.about.field_path.as_deref();
        let known = self.records.iter().position(|record| {
            let same = || record.field.as_deref() == field && *record.message == what.message;
            record.is_alike(&what) && record.combined == combined && (combined || same())
        });
        let at = known.unwrap_or_else(|| self.add(now, &what, combined));
        if combined {
            let message = format!("(combined from similar events): {}", what.message);
            let field = self.field(field);
            let record = &mut self.records[at];
            self.text_bytes = self.text_bytes + message.len() - record.message.len();
            (record.message, record.field) = (message.into(), field);
        }
        let record = &mut self.records[at];
        record.counts = !combined;
        record.kept |= kept;
        record.count = record.count.saturating_add(1);
        record.last = now;
        Recorded {
            event: record.event(&self.about, host),
            kept,
        }
    }

    /// Forgets the records whose last time is such a one.
    pub(super) fn forget(&mut self, is_over: impl Fn(Time) -> bool) {
        self.records.retain(|record| !is_over(record.last));
        self.records.shrink_to_fit();
        self.text_bytes = self.records.iter().map(Record::text_bytes).sum();
    }

    /// Some of what it may say at once is used up and did not come back yet.
    pub(super) fn owes(&self, now: Time) -> bool {
        self.buckets.iter().any(|(_, bucket)| {
            let mut bucket = *bucket;
            bucket.refill(now);
            bucket.left < BURST
        })
    }

    fn add(&mut self, now: Time, what: &Occurrence, combined: bool) -> usize {
        // Two of one moment must not share a name.
        let mut number = now.unix_nanos();
        while self.records.iter().any(|record| record.number == number) {
            number = number.wrapping_add(1);
        }
        let record = Record {
            field: self.field(what.about.field_path.as_deref()),
            component: what.component,
            reason: what.reason,
            message: what.message.as_str().into(),
            kind: what.kind,
            combined,
            counts: false,
            kept: false,
            count: 0,
            number,
            first: now,
            last: now,
        };
        self.text_bytes += record.text_bytes();
        // A pod has five events or six: doubling would waste more than it saves.
        if self.records.len() == self.records.capacity() {
            self.records.reserve_exact(4);
        }
        self.records.push(record);
        self.records.len() - 1
    }

    /// The field as its records have it.
    fn field(&self, path: Option<&str>) -> Option<Arc<str>> {
        let path = path?;
        let known = self
            .records
            .iter()
            .filter_map(|record| record.field.as_ref());
        let known = known.into_iter().find(|known| ***known == *path);
        Some(known.map_or_else(|| path.into(), Arc::clone))
    }

    /// It is the tenth message of its reason that was not seen before.
    fn is_one_too_many(&mut self, now: Time, what: &Occurrence) -> bool {
        let alike = || self.records.iter().filter(|record| record.is_alike(what));
        let newest = alike().map(|record| record.last).max();
        if newest.is_some_and(|newest| now.since(newest) > SIMILAR_FOR) {
            for record in self
                .records
                .iter_mut()
                .filter(|record| record.is_alike(what))
            {
                record.counts = false;
            }
            return false;
        }
        let counting = alike().filter(|record| record.counts);
        // Those of several containers may have the same message.
        let messages: BTreeSet<&str> = counting.map(|record| &*record.message).collect();
        !messages.contains(&*what.message) && messages.len() + 1 >= SIMILAR_MAX
    }

    /// Whether the object has not used up what it may say.
    fn may_pass(&mut self, now: Time, component: &'static str) -> bool {
        let known = self.buckets.iter().position(|(of, _)| *of == component);
        let at = known.unwrap_or_else(|| {
            let full = Bucket {
                left: BURST,
                filled: now,
            };
            self.buckets.reserve_exact(1);
            self.buckets.push((component, full));
            self.buckets.len() - 1
        });
        let (_, bucket) = &mut self.buckets[at];
        bucket.refill(now);
        let may = bucket.left > 0;
        bucket.left = bucket.left.saturating_sub(1);
        may
    }
}
