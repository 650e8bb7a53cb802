//! The correlation that client-go does before it sends an event, and the events it leaves (rule M1).

use std::collections::BTreeSet;
use std::time::Duration;

use super::recent::Recent;
use crate::model::{Event, EventSource, EventType, ObjectRef, Time};

/// How many objects, groups and events are remembered.
const REMEMBERED_MAX: usize = 4096;
/// How many events are kept.
const EVENTS_MAX: usize = 10_000;
/// From so many different messages of one reason on, they are combined …
const SIMILAR_MAX: usize = 10;
/// … unless none came for so long.
const SIMILAR_FOR: Duration = Duration::from_secs(600);
/// So many events of an object are let through at once …
const BURST: u32 = 25;
/// … and one more each time this has passed.
const REFILL: Duration = Duration::from_secs(300);
/// An event is kept for so long after it happened last.
const TTL: Duration = Duration::from_secs(3600);

/// Something that was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What it is about.
    pub about: ObjectRef,
    /// `type`.
    pub kind: EventType,
    /// `reason`.
    pub reason: String,
    /// `message`.
    pub message: String,
    /// Who noticed.
    pub component: &'static str,
}

/// What became of an occurrence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The event as it is now.
    pub event: Event,
    /// It is among the events that are kept; not if too much happened to its object lately.
    pub kept: bool,
}

/// Who noticed what about which object; with the field where it is the very same event, without where it is a similar one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    about: ObjectRef,
    component: &'static str,
    kind: EventType,
    reason: String,
    /// None for what was combined.
    message: Option<String>,
}

/// Messages of one reason.
#[derive(Default)]
struct Group {
    messages: BTreeSet<String>,
    last: Time,
}

/// Of whom and what somebody else was told how often.
struct Seen {
    name: String,
    first: Time,
    count: u32,
}

/// The tokens of one object.
struct Bucket {
    left: u32,
    /// When the last token came that did.
    filled: Time,
}

/// The events of a node.
pub struct EventBook {
    host: String,
    groups: Recent<Key, Group>,
    seen: Recent<Key, Seen>,
    buckets: Recent<(ObjectRef, &'static str), Bucket>,
    events: Recent<String, Event>,
}

impl EventBook {
    /// An empty one. `host` is the node's name.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            groups: Recent::new(REMEMBERED_MAX),
            seen: Recent::new(REMEMBERED_MAX),
            buckets: Recent::new(REMEMBERED_MAX),
            events: Recent::new(EVENTS_MAX),
        }
    }

    /// Takes note of something.
    pub fn record(&mut self, now: Time, what: Occurrence) -> Recorded {
        let (key, message) = self.combine(now, &what);
        let name = self.free_name(now, &what.about.name);
        let seen = self.seen.touch(now, key, || Seen {
            name,
            first: now,
            count: 0,
        });
        seen.count = seen.count.saturating_add(1);
        let event = Event {
            name: seen.name.clone(),
            kind: what.kind,
            reason: what.reason,
            message,
            source: EventSource {
                component: what.component,
                host: self.host.clone(),
            },
            first: seen.first,
            last: now,
            count: seen.count,
            about: what.about,
        };
        let kept = self.may_pass(now, &event);
        if kept {
            let name = event.name.clone();
            *self.events.touch(now, name, || event.clone()) = event.clone();
        }
        Recorded { event, kept }
    }

    /// Every event of the last hour, oldest first.
    pub fn list(&mut self, now: Time) -> Vec<Event> {
        self.events.expire(now, TTL);
        let mut events: Vec<_> = self.events.values().cloned().collect();
        events.sort_by(|a, b| (a.last, &a.name).cmp(&(b.last, &b.name)));
        events
    }

    /// Which event it is, and with what message: its own, or that of many similar ones.
    fn combine(&mut self, now: Time, what: &Occurrence) -> (Key, String) {
        let own = Key {
            about: what.about.clone(),
            component: what.component,
            kind: what.kind,
            reason: what.reason.clone(),
            message: Some(what.message.clone()),
        };
        let alike = Key {
            about: whole(&what.about),
            message: None,
            ..own.clone()
        };
        let group = self.groups.touch(now, alike.clone(), Group::default);
        if now.since(group.last) > SIMILAR_FOR {
            group.messages.clear();
        }
        group.last = now;
        group.messages.insert(what.message.clone());
        if group.messages.len() < SIMILAR_MAX {
            return (own, what.message.clone());
        }
        group.messages.pop_first();
        let message = format!("(combined from similar events): {}", what.message);
        (alike, message)
    }

    /// Whether the object has not used up what it may say.
    fn may_pass(&mut self, now: Time, event: &Event) -> bool {
        let key = (whole(&event.about), event.source.component);
        let bucket = self.buckets.touch(now, key, || Bucket {
            left: BURST,
            filled: now,
        });
        while bucket.left < BURST && now.since(bucket.filled) >= REFILL {
            bucket.left += 1;
            bucket.filled = bucket.filled + REFILL;
        }
        if bucket.left == BURST {
            bucket.filled = now;
        }
        let may = bucket.left > 0;
        bucket.left = bucket.left.saturating_sub(1);
        may
    }

    /// As client-go names events; two of one moment must not share a name.
    fn free_name(&self, now: Time, object: &str) -> String {
        let mut nanos = now.unix_nanos();
        loop {
            let name = format!("{object}.{nanos:x}");
            if self.events.get(&name).is_none() {
                return name;
            }
            nanos = nanos.wrapping_add(1);
        }
    }
}

/// The object itself, whatever part of it something is about.
fn whole(about: &ObjectRef) -> ObjectRef {
    ObjectRef {
        field_path: None,
        ..about.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::notice;
    use super::{EVENTS_MAX, EventBook, Occurrence, Recorded};
    use crate::model::{EventType, ObjectRef, Time, testing};

    const START: Time = Time::from_unix_secs(1_000_000);

    fn about(container: &str) -> ObjectRef {
        ObjectRef {
            field_path: Some(format!("spec.containers{{{container}}}")),
            ..notice::pod(&testing::pod())
        }
    }

    fn back_off(message: &str) -> Occurrence {
        Occurrence {
            about: about("c"),
            kind: EventType::Warning,
            reason: "BackOff".into(),
            message: message.into(),
            component: "peapod",
        }
    }

    fn at(seconds: u64) -> Time {
        START + Duration::from_secs(seconds)
    }

    #[test]
    fn m1_identical_events_are_one_with_a_count_and_two_times() {
        let mut book = EventBook::new("node");
        for second in 0..3 {
            book.record(at(second), back_off("again"));
        }
        let [event] = &book.list(at(3))[..] else {
            panic!("one event");
        };
        assert_eq!((event.count, event.first, event.last), (3, at(0), at(2)));
        assert_eq!(event.source.host, "node");
        assert_eq!(event.name, format!("pod.{:x}", at(0).unix_nanos()));
        assert_eq!(
            event.about.field_path.as_deref(),
            Some("spec.containers{c}")
        );
    }

    #[test]
    fn m1_what_differs_in_anything_but_the_time_is_another_event() {
        let base = back_off("m");
        let others = [
            Occurrence {
                about: about("d"),
                ..base.clone()
            },
            Occurrence {
                kind: EventType::Normal,
                ..base.clone()
            },
            Occurrence {
                reason: "Failed".into(),
                ..base.clone()
            },
            back_off("n"),
            Occurrence {
                component: "default-scheduler",
                ..base.clone()
            },
        ];
        let mut book = EventBook::new("node");
        for what in others.into_iter().chain([base]) {
            // All of one moment: the names differ all the same.
            assert_eq!(book.record(START, what).event.count, 1);
        }
        assert_eq!(book.list(START).len(), 6);
    }

    #[test]
    fn m1_many_similar_events_of_ten_minutes_become_one() {
        let mut book = EventBook::new("node");
        let mut record = |second, n: u32| book.record(at(second), back_off(&format!("try {n}")));
        for n in 0..9 {
            assert_eq!(record(0, n).event.message, format!("try {n}"));
        }
        let combined = record(1, 9).event;
        assert_eq!(combined.message, "(combined from similar events): try 9");
        let next = record(2, 10).event;
        assert_eq!((next.count, &next.name), (2, &combined.name));
        // Ten minutes without any: each for itself again.
        assert_eq!(record(603, 11).event.message, "try 11");
        assert_eq!(book.list(at(603)).len(), 11);
    }

    #[test]
    fn m1_an_object_may_say_25_things_at_once_and_one_more_every_five_minutes() {
        let mut book = EventBook::new("node");
        let mut kept = |second, n: u32| {
            let Recorded { event, kept } = book.record(
                at(second),
                Occurrence {
                    reason: format!("R{n}"),
                    ..back_off("m")
                },
            );
            assert_eq!(event.count, 1);
            kept
        };
        for n in 0..25 {
            assert!(kept(0, n), "{n}");
        }
        assert!(!kept(0, 25) && !kept(299, 26));
        assert!(kept(300, 27) && !kept(301, 28));
        // What was not used is not lost, but never more than a burst.
        assert!(kept(1000, 29) && kept(1000, 30) && !kept(1000, 31));
        for n in 32..57 {
            assert!(kept(100_000, n), "{n}");
        }
        assert!(!kept(100_000, 57));
        // Another object has its own.
        let mut other = back_off("m");
        other.about.uid = "other".into();
        assert!(book.record(at(100_000), other).kept);
    }

    #[test]
    fn m1_an_event_is_kept_for_an_hour_after_it_happened_last() {
        let mut book = EventBook::new("node");
        book.record(at(0), back_off("old"));
        book.record(at(0), back_off("again"));
        book.record(at(3000), back_off("again"));
        let left: Vec<_> = book.list(at(3601)).into_iter().map(|e| e.message).collect();
        assert_eq!(left, ["again"]);
        assert!(book.list(at(6601)).is_empty());
    }

    #[test]
    fn however_much_happens_the_book_stays_small() {
        let mut book = EventBook::new("node");
        for n in 0..20_000 {
            let mut what = back_off("m");
            what.about.uid = format!("uid{n}").as_str().into();
            book.record(at(n), what);
        }
        assert!(book.events.len() <= EVENTS_MAX);
        let remembered = book.groups.len() + book.seen.len() + book.buckets.len();
        assert!(remembered <= 3 * super::REMEMBERED_MAX, "{remembered}");
        let newest = book.record(at(20_000), back_off("m")).event;
        assert_eq!(newest.count, 1);
    }
}
