//! Memory of one container, within that of its pod.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::model::Bytes;

/// What one container (or one pod as a whole) holds of memory: guests' memories and tables, and what the host buffers for them.
#[derive(Default)]
pub struct Memory {
    limit: Option<Bytes>,
    used: AtomicU64,
    peak: AtomicU64,
    exceeded: AtomicBool,
    /// What is held here is held there, too.
    pod: Option<Arc<Memory>>,
    alarm: OnceLock<Alarm>,
    look: OnceLock<Alarm>,
}

/// Tells whoever runs the container that it is to end.
type Alarm = Box<dyn Fn() + Send + Sync>;

impl Memory {
    /// Memory with that limit, or only counted.
    pub fn new(limit: Option<Bytes>) -> Arc<Self> {
        Self::within(limit, None)
    }

    /// Memory of a container of a pod that has a limit as a whole.
    pub fn within(limit: Option<Bytes>, pod: Option<Arc<Memory>>) -> Arc<Self> {
        Arc::new(Self {
            limit,
            pod,
            ..Self::default()
        })
    }

    /// Has it called when more was charged than there may be: once, maybe while locks are held, so it must not look back here.
    pub fn on_exceeded(&self, alarm: impl Fn() + Send + Sync + 'static) {
        let _only_the_first_counts = self.alarm.set(Box::new(alarm));
    }

    /// Takes memory that can be refused; false is a refusal, and nothing is taken.
    #[must_use]
    pub fn take(&self, bytes: u64) -> bool {
        let limit = self.limit.map_or(u64::MAX, |limit| limit.0);
        let taken = self
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |used| {
                used.checked_add(bytes).filter(|sum| *sum <= limit)
            });
        let Ok(before) = taken else {
            return false;
        };
        if !self.pod.as_ref().is_none_or(|pod| pod.take(bytes)) {
            self.used.fetch_sub(bytes, Ordering::AcqRel);
            return false;
        }
        self.note_peak(before + bytes);
        true
    }

    /// Has it called before memory is refused for good: some that counts may be free by now, unseen. May take and give back.
    pub fn before_refusal(&self, look: impl Fn() + Send + Sync + 'static) {
        let _only_the_first_counts = self.look.set(Box::new(look));
    }

    /// Takes memory whose refusal would be the end of the container.
    #[must_use]
    pub fn take_at_last(&self, bytes: u64) -> bool {
        if self.take(bytes) {
            return true;
        }
        self.look.get().is_some_and(|look| {
            look();
            self.take(bytes)
        })
    }

    /// What its container leaves behind stays counted in the pod, if that has a limit: there it is to be given back.
    pub fn leave_to_pod(&self, bytes: u64) -> Option<Arc<Self>> {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
        self.pod.clone()
    }

    /// Counts memory that is in use already; past the limit, the alarm is raised.
    pub fn charge(&self, bytes: u64) {
        if self.count_all(bytes) || self.exceeded() {
            return;
        }
        if let Some(look) = self.look.get() {
            look();
        }
        if self.is_over() {
            self.exceed();
        }
    }

    /// The same for who looks itself, and would wait for itself.
    pub fn charge_unseen(&self, bytes: u64) {
        if !self.count_all(bytes) {
            self.exceed();
        }
    }

    fn count_all(&self, bytes: u64) -> bool {
        let fits = self.count(bytes);
        let pod_fits = self.pod.as_ref().is_none_or(|pod| pod.count(bytes));
        fits && pod_fits
    }

    fn is_over(&self) -> bool {
        let here = self.limit.is_some_and(|limit| self.used() > limit);
        here || self.pod.as_ref().is_some_and(|pod| pod.is_over())
    }

    /// Counts; whether it is within the limit.
    fn count(&self, bytes: u64) -> bool {
        let sum = self
            .used
            .fetch_add(bytes, Ordering::AcqRel)
            .saturating_add(bytes);
        self.note_peak(sum);
        self.limit.is_none_or(|limit| sum <= limit.0)
    }

    fn note_peak(&self, sum: u64) {
        // Read first: a peak is rare, and a write would take the line from every other core each time.
        if sum > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(sum, Ordering::Relaxed);
        }
    }

    /// Gives back what was taken or charged.
    pub fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
        if let Some(pod) = &self.pod {
            pod.used.fetch_sub(bytes, Ordering::AcqRel);
        }
    }

    /// The container is out of memory: it is to end as OOMKilled (rule B7).
    pub fn exceed(&self) {
        if !self.exceeded.swap(true, Ordering::AcqRel)
            && let Some(alarm) = self.alarm.get()
        {
            alarm();
        }
    }

    /// Whether it was out of memory once.
    pub fn exceeded(&self) -> bool {
        self.exceeded.load(Ordering::Acquire)
    }

    /// Whether more than half of what there may be is in use, here or in the pod as a whole.
    pub fn is_scarce(&self) -> bool {
        self.is_above(1, 2)
    }

    /// Whether so little is left that buffers are to stay small: what a peer sends must not be what ends the container.
    pub fn is_tight(&self) -> bool {
        self.is_above(7, 8)
    }

    fn is_above(&self, part: u64, of: u64) -> bool {
        let here = self
            .limit
            .is_some_and(|limit| self.used().0 > limit.0 / of * part);
        here || self.pod.as_ref().is_some_and(|pod| pod.is_above(part, of))
    }

    /// What is in use now.
    pub fn used(&self) -> Bytes {
        Bytes(self.used.load(Ordering::Acquire))
    }

    /// The most that ever was.
    pub fn peak(&self) -> Bytes {
        Bytes(self.peak.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} of {:?})", self.used().0, self.limit)
    }
}

/// An amount of memory that is in use until this is dropped.
#[derive(Debug)]
pub struct Held {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Held {
    /// Takes it, unless it is refused.
    pub fn take(memory: &Arc<Memory>, bytes: u64) -> Option<Self> {
        memory.take(bytes).then(|| Self {
            memory: Arc::clone(memory),
            bytes,
        })
    }

    /// Charges it.
    pub fn charge(memory: &Arc<Memory>, bytes: u64) -> Self {
        memory.charge(bytes);
        Self {
            memory: Arc::clone(memory),
            bytes,
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{Held, Memory};
    use crate::model::Bytes;

    fn alarms(memory: &Memory) -> Arc<AtomicU32> {
        let rung = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&rung);
        memory.on_exceeded(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        rung
    }

    #[test]
    fn what_is_past_the_limit_is_refused_and_not_counted() {
        let memory = Memory::new(Some(Bytes(100)));
        assert!(memory.take(60));
        assert!(!memory.take(41));
        assert!(memory.take(40));
        memory.give_back(100);
        assert_eq!(memory.used(), Bytes(0));
        assert_eq!(memory.peak(), Bytes(100));
        assert!(!memory.exceeded());
    }

    #[test]
    fn j8_what_is_in_use_past_the_limit_raises_the_alarm_once() {
        let memory = Memory::new(Some(Bytes(100)));
        let rung = alarms(&memory);
        memory.charge(100);
        assert!(!memory.exceeded());
        memory.charge(1);
        memory.charge(1);
        assert!(memory.exceeded());
        assert_eq!(rung.load(Ordering::Relaxed), 1);
        assert_eq!(memory.peak(), Bytes(102));
    }

    #[test]
    fn containers_of_a_pod_share_what_the_pod_may_have() {
        let pod = Memory::new(Some(Bytes(100)));
        let [one, other] =
            [(); 2].map(|()| Memory::within(Some(Bytes(80)), Some(Arc::clone(&pod))));
        let rung = alarms(&other);
        assert!(one.take(80));
        assert!(!other.take(21), "of the pod only 20 are left");
        assert_eq!(other.used(), Bytes(0));
        let held = Held::charge(&other, 21);
        assert!(other.exceeded() && !one.exceeded());
        assert_eq!(rung.load(Ordering::Relaxed), 1);
        drop(held);
        one.give_back(80);
        assert_eq!(pod.used(), Bytes(0));
        assert_eq!(pod.peak(), Bytes(101));
    }

    #[test]
    fn what_would_end_the_container_is_refused_only_after_a_look_at_what_is_free_by_now() {
        let memory = Memory::new(Some(Bytes(100)));
        assert!(memory.take(80));
        let unseen = Arc::downgrade(&memory);
        let looks = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&looks);
        memory.before_refusal(move || {
            if counter.fetch_add(1, Ordering::Relaxed) == 0 {
                unseen.upgrade().expect("there").give_back(30);
            }
        });
        assert!(memory.take_at_last(20) && looks.load(Ordering::Relaxed) == 0);
        assert!(!memory.take(10), "others are refused at once");
        assert!(memory.take_at_last(30));
        assert!(!memory.take_at_last(1), "nothing was free");
        assert_eq!(memory.used(), Bytes(100));
        assert!(!memory.exceeded());
        memory.charge(1);
        assert!(memory.exceeded());
    }

    #[test]
    fn what_is_in_use_past_the_limit_raises_no_alarm_if_as_much_is_free_by_now() {
        let memory = Memory::new(Some(Bytes(100)));
        memory.charge(100);
        let unseen = Arc::downgrade(&memory);
        memory.before_refusal(move || unseen.upgrade().expect("there").give_back(50));
        memory.charge(40);
        assert!(!memory.exceeded());
        assert_eq!(memory.used(), Bytes(90));
        memory.charge_unseen(20);
        assert!(memory.exceeded(), "who looks itself has looked");
    }

    #[test]
    fn what_a_container_leaves_behind_stays_with_its_pod() {
        let pod = Memory::new(Some(Bytes(100)));
        let first = Memory::within(Some(Bytes(80)), Some(Arc::clone(&pod)));
        assert!(first.take(70));
        let heir = first.leave_to_pod(50).expect("the pod's");
        first.give_back(20);
        assert_eq!((first.used(), pod.used()), (Bytes(0), Bytes(50)));
        let next = Memory::within(Some(Bytes(80)), Some(Arc::clone(&pod)));
        assert!(!next.take(51) && next.take(50));
        heir.give_back(50);
        assert!(next.take(30));
        assert!(Memory::new(None).leave_to_pod(0).is_none());
    }

    #[test]
    fn memory_is_scarce_from_the_half_and_tight_near_the_end_here_or_in_the_pod() {
        let pod = Memory::new(Some(Bytes(1000)));
        let memory = Memory::within(None, Some(Arc::clone(&pod)));
        for (bytes, scarce, tight) in [(500, false, false), (1, true, false), (375, true, true)] {
            memory.charge(bytes);
            assert_eq!((memory.is_scarce(), memory.is_tight()), (scarce, tight));
        }
    }
}
