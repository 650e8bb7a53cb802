//! The events of a node: what happened in the last hour, by the object it happened to (rule M1).

use std::collections::HashMap;
use std::time::Duration;

use super::subject::Subject;
use crate::model::{Event, EventType, ObjectRef, Time, Uid};

/// The most that is kept, in bytes as [`Subject::cost`] counts them: the events of about 1,500 pods. Past it the oldest quarter goes.
const BYTES_MAX: usize = 2 << 20;
/// An event is kept for so long after it happened last.
const TTL: Duration = Duration::from_secs(3600);
/// How often what is too old is looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// Something that was noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What it is about.
    pub about: ObjectRef,
    /// `type`.
    pub kind: EventType,
    /// `reason`.
    pub reason: &'static str,
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

/// The events of a node.
pub struct EventBook {
    host: String,
    subjects: HashMap<(&'static str, Uid), Subject>,
    /// What the subjects cost together.
    bytes: usize,
    swept: Time,
}

impl EventBook {
    /// An empty one. `host` is the node's name.
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            subjects: HashMap::new(),
            bytes: 0,
            swept: Time::EPOCH,
        }
    }

    /// Takes note of something.
    pub fn record(&mut self, now: Time, what: Occurrence) -> Recorded {
        if now.since(self.swept) >= SWEEP {
            self.expire(now);
        }
        let key = (what.about.kind, what.about.uid.clone());
        let mut before = 0;
        let subject = self
            .subjects
            .entry(key)
            .and_modify(|subject| before = subject.cost())
            .or_insert_with(|| Subject::new(&what.about));
        let recorded = subject.record(now, what, &self.host);
        self.bytes = self.bytes + subject.cost() - before;
        if self.bytes > BYTES_MAX {
            self.forget_a_quarter();
        }
        recorded
    }

    /// Every event of the last hour, oldest first.
    pub fn list(&mut self, now: Time) -> Vec<Event> {
        self.expire(now);
        let mut events: Vec<_> = self
            .subjects
            .values()
            .flat_map(|subject| subject.kept(&self.host))
            .collect();
        events.sort_by(|a, b| (a.last, &a.name).cmp(&(b.last, &b.name)));
        events
    }

    fn expire(&mut self, now: Time) {
        self.swept = now;
        self.retain(|subject| {
            subject.forget(|last| now.since(last) > TTL);
            // What an object has used up of what it may say counts for longer than an hour.
            !subject.records().is_empty() || subject.owes(now)
        });
    }

    /// All together that often, instead of one each time: finding the oldest costs a walk over all.
    fn forget_a_quarter(&mut self) {
        let all = self.subjects.values().flat_map(Subject::records);
        let mut used: Vec<Time> = all.map(|record| record.last).collect();
        let quarter = used.len() / 4;
        let limit = if used.is_empty() {
            Time::EPOCH
        } else {
            *used.select_nth_unstable(quarter).1
        };
        self.retain(|subject| {
            subject.forget(|last| last <= limit);
            !subject.records().is_empty()
        });
    }

    fn retain(&mut self, mut keep: impl FnMut(&mut Subject) -> bool) {
        self.subjects.retain(|_, subject| keep(subject));
        self.subjects.shrink_to(self.subjects.len() * 2);
        self.bytes = self.subjects.values().map(Subject::cost).sum();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::notice;
    use super::{BYTES_MAX, EventBook, Occurrence, Recorded};
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
            reason: "BackOff",
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
                reason: "Failed",
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
                    about: about(&format!("c{n}")),
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
    fn m1_an_old_message_of_a_combined_reason_counts_for_itself() {
        let mut book = EventBook::new("node");
        for n in 0..12 {
            book.record(at(n), back_off(&format!("try {n}")));
        }
        let again = book.record(at(12), back_off("try 0")).event;
        assert_eq!((again.count, &*again.message), (2, "try 0"));
        let other = book.record(at(13), back_off("try 12")).event;
        assert_eq!(other.count, 4, "{}", other.message);
    }

    #[test]
    fn m1_what_an_object_used_up_is_not_given_back_when_its_events_are_forgotten() {
        let mut book = EventBook::new("node");
        for n in 0..25 {
            let what = Occurrence {
                about: about(&format!("c{n}")),
                ..back_off("m")
            };
            assert!(book.record(at(0), what).kept);
        }
        // An hour later nothing is left of them, and twelve tokens came.
        assert!(book.list(at(3601)).is_empty());
        for n in 0..13 {
            let what = Occurrence {
                about: about(&format!("d{n}")),
                ..back_off("m")
            };
            assert_eq!(book.record(at(3601), what).kept, n < 12, "{n}");
        }
        assert!(book.list(at(20_000)).is_empty());
        assert!(book.subjects.is_empty());
    }

    #[test]
    fn however_much_happens_the_book_stays_small() {
        let mut book = EventBook::new("node");
        let long = "x".repeat(1000);
        for n in 0..20_000 {
            let mut what = back_off("m");
            if n % 7 == 0 {
                what.message = format!("{n} {long}");
            }
            // One every second object, the others about another each time.
            if n % 2 == 0 {
                what.about.uid = format!("uid{n}").as_str().into();
            }
            book.record(START + Duration::from_millis(n), what);
            assert!(book.bytes <= BYTES_MAX);
        }
        let counted: usize = book.subjects.values().map(super::Subject::cost).sum();
        assert_eq!(counted, book.bytes);
        let events = book.list(at(20));
        assert!(events.len() > 1000, "{}", events.len());
        let newest = events.last().expect("the newest");
        assert_eq!(
            newest.last,
            START + Duration::from_millis(19_998),
            "the other says too much"
        );
    }

    #[test]
    fn what_is_too_old_goes_without_anybody_asking() {
        let mut book = EventBook::new("node");
        for n in 0..100 {
            let mut what = back_off("m");
            what.about.uid = format!("uid{n}").as_str().into();
            book.record(at(n), what);
        }
        book.record(at(4000), back_off("m"));
        assert_eq!(book.subjects.len(), 1);
    }
}
