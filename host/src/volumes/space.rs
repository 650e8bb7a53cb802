//! What a volume in memory holds and whose memory that is (rule G2).
//!
//! Whoever writes is charged for the pages that the file grew by, as a cgroup is for those of a tmpfs. What is freed is found by looking:
//! every second, and before anybody is refused something.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use cap_std::fs::Dir;

use super::usage::{self, Taken};
use crate::budget::Memory;
use crate::model::{Bytes, Time};
use crate::ports::{Clock, MemoryVolume};

const PAGE_BYTES: u64 = 4096;
/// What the kernel keeps of each file and folder: its inode and its name.
const ENTRY_BYTES: u64 = 1024;

/// A look that took longer is not taken again before it has rested this many times as long: a guest that fills a volume with a million
/// files must not have the host's threads count them at each write.
const CHEAP: Duration = Duration::from_millis(1);
const REST: u32 = 20;

/// One volume.
pub(super) struct Space {
    dir: Arc<Dir>,
    /// For the files' content, as `size=` of a tmpfs.
    limit: Bytes,
    clock: Arc<dyn Clock>,
    ledger: Mutex<Ledger>,
}

/// Who is charged for what. Locked while somebody writes: what a write added is what the file grew by meanwhile.
#[derive(Default)]
struct Ledger {
    /// Bytes of the files' content.
    content: u64,
    /// All that files ever grew by.
    grown: u64,
    owners: Vec<Owner>,
    /// Bytes that nobody is charged for: those who wrote them are gone, and their pod has no limit.
    loose: u64,
    /// Files that are open to be written.
    open: Vec<Weak<File>>,
    rests_until: Time,
}

struct Owner {
    memory: Arc<Memory>,
    bytes: u64,
    /// A container that runs, not a pod that keeps what its containers left.
    runs: bool,
}

impl Space {
    pub(super) fn new(dir: Arc<Dir>, limit: Bytes, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            dir,
            limit,
            clock,
            ledger: Mutex::default(),
        })
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks how much it holds: the files' content, or what the kernel keeps of their names where that is more.
    pub(super) fn measure(&self) -> Bytes {
        let taken = self.count();
        taken.map_or(Bytes(0), |taken| {
            taken.content.max(Bytes(entries_bytes(&taken)))
        })
    }

    /// Counts what is there; guests go on writing meanwhile.
    fn count(&self) -> Option<Taken> {
        let began = self.clock.now();
        let (grown, open) = {
            let mut ledger = self.ledger();
            ledger.open.retain(|file| file.strong_count() > 0);
            let open = ledger.open.iter().filter_map(Weak::upgrade);
            (ledger.grown, open.collect::<Vec<_>>())
        };
        let taken = usage::take_stock(&self.dir, Bytes(u64::MAX));
        let mut taken = taken
            .inspect_err(|error| tracing::debug!(%error, "a volume cannot be measured"))
            .ok()?;
        let mut removed = BTreeMap::new();
        for file in open {
            if let Ok(found) = file.metadata()
                && let Some(id) = without_name(&found)
            {
                removed.insert(id, allocated(&found));
            }
        }
        let removed = removed.into_values().fold(0, u64::saturating_add);
        taken.content.0 = taken.content.0.saturating_add(removed);
        let mut ledger = self.ledger();
        let now = self.clock.now();
        let took = now.since(began);
        if took > CHEAP {
            ledger.rests_until = now + took * REST;
        }
        // What was written meanwhile may have been seen or not: once more than once too little.
        let since = ledger.grown.wrapping_sub(grown);
        ledger.content = taken.content.0.saturating_add(since);
        // One that hides its content in depth is over its limit, and nobody's to pay for.
        if taken.content != Bytes(u64::MAX) {
            let total = ledger.content.saturating_add(entries_bytes(&taken));
            ledger.settle(total);
        }
        Some(taken)
    }
}

fn entries_bytes(taken: &Taken) -> u64 {
    taken.entries.saturating_mul(ENTRY_BYTES)
}

impl Ledger {
    fn owner(&mut self, memory: &Arc<Memory>, runs: bool) -> &mut Owner {
        let found = self
            .owners
            .iter()
            .position(|owner| Arc::ptr_eq(&owner.memory, memory));
        let at = found.unwrap_or_else(|| {
            self.owners.push(Owner {
                memory: Arc::clone(memory),
                bytes: 0,
                runs,
            });
            self.owners.len() - 1
        });
        &mut self.owners[at]
    }

    /// Makes what is charged be what there is: nobody knows whose files were removed, so all owners get back their part; what nobody was
    /// seen to write is of all that run.
    fn settle(&mut self, total: u64) {
        let charged = self.owners.iter().map(|owner| owner.bytes);
        let charged = charged.fold(self.loose, u64::saturating_add);
        if total < charged {
            let part = |bytes: u64| {
                let part = u128::from(bytes) * u128::from(total) / u128::from(charged);
                u64::try_from(part).unwrap_or(bytes)
            };
            self.loose = part(self.loose);
            for owner in &mut self.owners {
                let keeps = part(owner.bytes);
                owner.memory.give_back(owner.bytes - keeps);
                owner.bytes = keeps;
            }
            return;
        }
        let more = total - charged;
        let running = self.owners.iter().filter(|owner| owner.runs).count() as u64;
        let each = more.checked_div(running).unwrap_or(0);
        if each > 0 {
            for owner in self.owners.iter_mut().filter(|owner| owner.runs) {
                owner.memory.charge_unseen(each);
                owner.bytes += each;
            }
        }
        self.loose = self.loose.saturating_add(more - each * running);
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        for owner in &self.owners {
            owner.memory.give_back(owner.bytes);
        }
    }
}

impl MemoryVolume for Space {
    fn enter(&self, container: &Arc<Memory>) {
        self.ledger().owner(container, true);
    }

    fn leave(&self, container: &Arc<Memory>) {
        let mut ledger = self.ledger();
        let is_it = |owner: &Owner| Arc::ptr_eq(&owner.memory, container);
        let Some(at) = ledger.owners.iter().position(is_it) else {
            return;
        };
        let bytes = ledger.owners.swap_remove(at).bytes;
        match container.leave_to_pod(bytes) {
            Some(pod) => ledger.owner(&pod, false).bytes += bytes,
            None => ledger.loose = ledger.loose.saturating_add(bytes),
        }
    }

    fn write(
        &self,
        container: &Arc<Memory>,
        file: &File,
        at: Option<u64>,
        bytes: &[u8],
    ) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let mut ledger = self.ledger();
        let mut before = file.metadata()?;
        let mut bytes = bytes;
        let place = |before: &Metadata| at.unwrap_or(before.len());
        let mut needs = growth(&before, place(&before), bytes.len())?;
        let fits = |ledger: &Ledger, needs: u64| {
            let sum = ledger.content.saturating_add(needs);
            needs == 0 || sum <= self.limit.0
        };
        if !fits(&ledger, needs) || !container.take(needs) {
            // Neither while others wait for the lock, nor while it is held by who looks at all the container's volumes.
            drop(ledger);
            self.look();
            ledger = self.ledger();
            before = file.metadata()?;
            needs = growth(&before, place(&before), bytes.len())?;
            if !fits(&ledger, needs) {
                // What still fits is written; the rest finds out when it is tried.
                let at = place(&before);
                let page = usize::try_from(PAGE_BYTES - at % PAGE_BYTES).unwrap_or(bytes.len());
                bytes = &bytes[..page.min(bytes.len())];
                needs = growth(&before, at, bytes.len())?;
            }
            if !fits(&ledger, needs) {
                return Err(full());
            }
            if !container.take(needs) {
                drop(ledger);
                if !container.take_at_last(needs) {
                    container.exceed();
                    return Err(io::ErrorKind::OutOfMemory.into());
                }
                ledger = self.ledger();
            }
        }
        let written = write_at(file, bytes, place(&before));
        let after = file.metadata().map_or(needs, |after| allocated(&after));
        let grew = after.saturating_sub(allocated(&before));
        match grew.checked_sub(needs) {
            Some(more) => container.charge_unseen(more),
            None => container.give_back(needs - grew),
        }
        ledger.content = ledger.content.saturating_add(grew);
        ledger.grown = ledger.grown.wrapping_add(grew);
        ledger.owner(container, true).bytes += grew;
        written
    }

    fn opened(&self, file: &Arc<File>) {
        let open = &mut self.ledger().open;
        if open.len() == open.capacity() {
            open.retain(|file| file.strong_count() > 0);
        }
        open.push(Arc::downgrade(file));
    }

    fn look(&self) {
        let rests_until = self.ledger().rests_until;
        if self.clock.now() >= rests_until {
            self.count();
        }
    }
}

/// By how much the file may grow when that many bytes are written there.
fn growth(before: &Metadata, at: u64, len: usize) -> io::Result<u64> {
    let too_far = || io::Error::from(io::ErrorKind::InvalidInput);
    let end = at.checked_add(len as u64);
    let end = end.and_then(|end| end.checked_next_multiple_of(PAGE_BYTES));
    let (start, end) = (at - at % PAGE_BYTES, end.ok_or_else(too_far)?);
    let size = before.len().next_multiple_of(PAGE_BYTES);
    // Any page may lie in a hole, if there are some.
    let is_there = if allocated(before) < size { 0 } else { size };
    Ok(end.saturating_sub(start.max(is_there)))
}

#[cfg(unix)]
fn full() -> io::Error {
    // A code, for guests are told it by its number.
    rustix::io::Errno::NOSPC.into()
}

#[cfg(not(unix))]
fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

#[cfg(unix)]
fn allocated(found: &Metadata) -> u64 {
    // Blocks are always of 512 bytes here.
    std::os::unix::fs::MetadataExt::blocks(found).saturating_mul(512)
}

#[cfg(not(unix))]
fn allocated(found: &Metadata) -> u64 {
    found.len()
}

/// Which file it is, if it was removed.
#[cfg(unix)]
fn without_name(found: &Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    (found.nlink() == 0).then(|| found.ino())
}

#[cfg(not(unix))]
fn without_name(_: &Metadata) -> Option<u64> {
    None
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::write_at(file, bytes, at)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], at: u64) -> io::Result<usize> {
    io::Seek::seek(&mut file, io::SeekFrom::Start(at))?;
    io::Write::write(&mut file, bytes)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::File;
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    use super::Space;
    use crate::budget::Memory;
    use crate::model::{Bytes, Time};
    use crate::ports::{BoxFuture, Clock, MemoryVolume};

    const KI: u64 = 1024;

    /// Each look at it is that many milliseconds later.
    struct Slow(AtomicU64, u64);

    impl Clock for Slow {
        fn now(&self) -> Time {
            Time::EPOCH + Duration::from_millis(self.0.fetch_add(self.1, Ordering::Relaxed))
        }
        fn sleep_until(&self, _: Time) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }

    struct Place {
        folder: tempfile::TempDir,
        space: Arc<Space>,
    }

    impl Place {
        /// In memory where the machine has such a place: elsewhere a file system may round as it likes.
        fn new(limit: u64) -> Option<Self> {
            Self::slow(limit, 0)
        }

        /// The same where time passes whenever it is looked at.
        fn slow(limit: u64, step: u64) -> Option<Self> {
            let folder = tempfile::tempdir_in("/dev/shm").ok()?;
            let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).expect("opened");
            let clock = Arc::new(Slow(AtomicU64::new(0), step));
            let space = Space::new(Arc::new(dir), Bytes(limit), clock);
            Some(Self { folder, space })
        }

        fn file(&self, name: &str) -> Arc<File> {
            let file = Arc::new(File::create(self.folder.path().join(name)).expect("made"));
            self.space.opened(&file);
            file
        }

        fn remove(&self, name: &str) {
            std::fs::remove_file(self.folder.path().join(name)).expect("removed");
        }

        /// Writes all of it, as guests do.
        fn append(&self, who: &Arc<Memory>, file: &File, bytes: u64) -> io::Result<()> {
            let bytes = vec![1; usize::try_from(bytes).expect("small")];
            let mut rest = bytes.as_slice();
            while !rest.is_empty() {
                let wrote = self.space.write(who, file, None, rest)?;
                rest = &rest[wrote..];
            }
            Ok(())
        }
    }

    #[test]
    fn g2_what_is_written_is_the_writers_memory_until_it_is_removed() {
        let Some(place) = Place::new(1024 * KI) else {
            return;
        };
        let (one, other) = (Memory::new(None), Memory::new(None));
        place.space.enter(&one);
        place.space.enter(&other);
        let file = place.file("a");
        place.append(&one, &file, 100 * KI).expect("written");
        place
            .append(&other, &place.file("b"), 200 * KI)
            .expect("written");
        assert_eq!(
            (one.used(), other.used()),
            (Bytes(100 * KI), Bytes(200 * KI))
        );
        // The same pages again, and a part of one.
        place
            .space
            .write(&other, &file, Some(0), &[2; 5000])
            .expect("written");
        assert_eq!(other.used(), Bytes(200 * KI));
        drop(file);
        place.remove("a");
        place.remove("b");
        place.space.look();
        assert_eq!((one.used(), other.used()), (Bytes(0), Bytes(0)));
    }

    #[test]
    fn g2_past_the_limit_nothing_fits_and_what_was_removed_makes_room() {
        let Some(place) = Place::new(64 * KI) else {
            return;
        };
        let memory = Memory::new(None);
        let file = place.file("a");
        let refused = place.append(&memory, &file, 100 * KI).expect_err("full");
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        assert_eq!(
            file.metadata().expect("there").len(),
            64 * KI,
            "to the last page"
        );
        assert!(!memory.exceeded(), "no reason to end");
        place.remove("a");
        let refused = place
            .append(&memory, &place.file("b"), KI)
            .expect_err("full");
        assert_eq!(
            refused.kind(),
            io::ErrorKind::StorageFull,
            "it is still open"
        );
        drop(file);
        place
            .append(&memory, &place.file("c"), 64 * KI)
            .expect("room");
    }

    #[test]
    fn j8_a_writer_past_its_memory_limit_is_to_end() {
        let Some(place) = Place::new(1024 * KI) else {
            return;
        };
        let memory = Memory::new(Some(Bytes(100 * KI)));
        let space = Arc::clone(&place.space);
        memory.before_refusal(move || space.look());
        for round in 0..3 {
            let name = format!("{round}");
            place
                .append(&memory, &place.file(&name), 80 * KI)
                .expect("what was removed is free");
            place.remove(&name);
        }
        let file = place.file("last");
        let refused = place.append(&memory, &file, 200 * KI).expect_err("refused");
        assert_eq!(refused.kind(), io::ErrorKind::OutOfMemory);
        assert!(memory.exceeded());
        assert!(memory.used() <= Bytes(100 * KI));
    }

    #[test]
    fn g2_what_a_container_leaves_counts_for_its_pod() {
        let Some(place) = Place::new(1024 * KI) else {
            return;
        };
        let pod = Memory::new(Some(Bytes(300 * KI)));
        let container = || Memory::within(Some(Bytes(200 * KI)), Some(Arc::clone(&pod)));
        let first = container();
        place.space.enter(&first);
        place
            .append(&first, &place.file("a"), 160 * KI)
            .expect("written");
        place.space.leave(&first);
        assert_eq!((first.used(), pod.used()), (Bytes(0), Bytes(160 * KI)));
        let next = container();
        place.space.enter(&next);
        let file = place.file("b");
        assert!(place.append(&next, &file, 160 * KI).is_err());
        assert!(next.exceeded(), "the pod has no more");
        place.space.leave(&next);
        drop(place);
        assert_eq!(pod.used(), Bytes(0), "with the volume all of it goes");
    }

    #[test]
    fn g2_files_without_content_are_memory_of_those_who_run() {
        let Some(place) = Place::new(1024 * KI) else {
            return;
        };
        let (one, other) = (Memory::new(None), Memory::new(None));
        place.space.enter(&one);
        place.space.enter(&other);
        for at in 0..100 {
            place.file(&format!("{at}"));
        }
        place.space.look();
        assert_eq!((one.used(), other.used()), (Bytes(50 * KI), Bytes(50 * KI)));
        assert_eq!(place.space.measure(), Bytes(100 * KI));
    }

    #[test]
    fn a_look_that_takes_long_is_not_taken_again_at_once() {
        let Some(place) = Place::slow(8 * KI, 100) else {
            return;
        };
        let memory = Memory::new(None);
        place
            .append(&memory, &place.file("a"), 8 * KI)
            .expect("room");
        let file = place.file("b");
        place.append(&memory, &file, KI).expect_err("full");
        place.remove("a");
        place
            .append(&memory, &file, KI)
            .expect_err("as far as was seen");
        let tries = (0..100).take_while(|_| place.append(&memory, &file, KI).is_err());
        let tries = tries.count();
        assert!(
            (5..50).contains(&tries),
            "after twenty times as long: {tries}"
        );
    }

    #[test]
    fn holes_take_nothing_until_they_are_filled() {
        let Some(place) = Place::new(1024 * KI) else {
            return;
        };
        let memory = Memory::new(None);
        let file = place.file("a");
        file.set_len(1 << 30).expect("sparse");
        place
            .space
            .write(&memory, &file, Some(512 << 20), b"x")
            .expect("written");
        assert_eq!(memory.used(), Bytes(4 * KI));
        place
            .space
            .write(&memory, &file, Some(512 << 20), b"y")
            .expect("written");
        assert_eq!(memory.used(), Bytes(4 * KI));
        let refused = place
            .space
            .write(&memory, &file, Some(u64::MAX - 1), b"xyz");
        assert_eq!(
            refused.expect_err("no place").kind(),
            io::ErrorKind::InvalidInput
        );
    }
}
