//! Shared memory, in the manner of shm_overview(7). A guest cannot map it into its own memory, so that it reads and writes by calls; each
//! call is atomic, and those on one word are what lock-free code is made of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::budget::{Budget, BytesCharge, Kind, ObjectCharge, Opened, Waits};
use super::turn::{Line, Turn};
use super::{IpcError, IpcResult};

/// What one read gives at most: the host holds it a second time while the guest takes it over.
pub const TRANSFER_MAX_BYTES: usize = 1 << 20;

pub(super) struct Segment {
    state: Mutex<State>,
    charge: ObjectCharge,
}

struct State {
    bytes: Vec<u8>,
    charge: BytesCharge,
    /// Who waits on which word.
    lines: BTreeMap<u64, Line<()>>,
}

impl State {
    /// Zeroes at the end, or the end cut off; nothing changes where there is no room.
    fn resize(&mut self, size_bytes: u64) -> IpcResult<()> {
        let size = usize::try_from(size_bytes).map_err(|_| IpcError::NoSpace)?;
        self.charge.resize(size_bytes)?;
        let more = size.saturating_sub(self.bytes.len());
        if self.bytes.try_reserve_exact(more).is_err() {
            let before = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
            self.charge.resize(before)?;
            return Err(IpcError::NoMemory);
        }
        self.bytes.resize(size, 0);
        self.bytes.shrink_to(size);
        Ok(())
    }

    fn part(&mut self, offset: u64, len: usize) -> IpcResult<&mut [u8]> {
        let start = usize::try_from(offset).map_err(|_| IpcError::Invalid)?;
        let end = start.checked_add(len).ok_or(IpcError::Invalid)?;
        self.bytes.get_mut(start..end).ok_or(IpcError::Invalid)
    }

    /// An aligned word; little endian, as wasm's own memory is.
    fn word<const N: usize>(&mut self, offset: u64) -> IpcResult<&mut [u8; N]> {
        if !usize::try_from(offset).is_ok_and(|offset| offset.is_multiple_of(N)) {
            return Err(IpcError::Invalid);
        }
        let part = self.part(offset, N)?;
        part.try_into().map_err(|_| IpcError::Invalid)
    }

    /// Chooses up to so many who wait on the word.
    fn choose(&mut self, offset: u64, most: u32) -> (u32, Vec<Waker>) {
        let mut chosen = 0;
        let mut wakers = Vec::new();
        if let Some(line) = self.lines.get_mut(&offset) {
            while chosen < most
                && let Ok((_, waker)) = line.hand(())
            {
                chosen += 1;
                wakers.extend(waker);
            }
        }
        (chosen, wakers)
    }

    /// A line is kept as long as somebody is in it, chosen or not.
    fn tidy(&mut self, offset: u64) {
        if self.lines.get(&offset).is_some_and(Line::is_empty) {
            self.lines.remove(&offset);
        }
    }
}

impl Segment {
    pub(super) fn new(size_bytes: u64, budget: &Arc<Budget>) -> IpcResult<Self> {
        let charge = ObjectCharge::new(budget, Kind::Segment)?;
        let mut state = State {
            bytes: Vec::new(),
            charge: BytesCharge::new(budget, Kind::Segment, 0)?,
            lines: BTreeMap::new(),
        };
        state.resize(size_bytes)?;
        Ok(Self {
            state: Mutex::new(state),
            charge,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll(&self, offset: u64, number: u64, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        let Some(line) = state.lines.get_mut(&offset) else {
            return Poll::Pending;
        };
        let turn = line.poll(number, context);
        if turn.is_ready() {
            state.tidy(offset);
        }
        turn
    }

    /// A waiter is gone; a turn that had come to it goes on to the next on that word.
    fn leave(&self, offset: u64, number: u64) {
        let mut state = self.lock();
        let line = state.lines.get_mut(&offset);
        let handed = line.and_then(|line| line.leave(number));
        let wakers = match handed {
            Some(()) => state.choose(offset, 1).1,
            None => Vec::new(),
        };
        state.tidy(offset);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// An open segment. Dropping it closes it.
pub struct SegmentHandle {
    segment: Arc<Segment>,
    writable: bool,
    _opened: Opened,
}

impl SegmentHandle {
    pub(super) fn new(segment: Arc<Segment>, writable: bool, opened: Opened) -> Self {
        Self {
            segment,
            writable,
            _opened: opened,
        }
    }

    fn writing(&self) -> IpcResult<MutexGuard<'_, State>> {
        if self.writable {
            Ok(self.segment.lock())
        } else {
            Err(IpcError::Access)
        }
    }

    /// Its size.
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.segment.lock().bytes.len()).unwrap_or(u64::MAX)
    }

    /// `ftruncate`: it grows by zeroes or loses its end.
    pub fn resize(&self, size_bytes: u64) -> IpcResult<()> {
        self.writing()?.resize(size_bytes)
    }

    /// The bytes there, at most [`TRANSFER_MAX_BYTES`] of them; all that was asked for has to be inside.
    pub fn read(&self, offset: u64, len: u64) -> IpcResult<Vec<u8>> {
        let len = usize::try_from(len).map_err(|_| IpcError::Invalid)?;
        let mut state = self.segment.lock();
        let part = state.part(offset, len)?;
        let some = part.get(..len.min(TRANSFER_MAX_BYTES)).unwrap_or(part);
        Ok(some.to_vec())
    }

    /// Writes all the bytes, which have to fit.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> IpcResult<()> {
        let mut state = self.writing()?;
        state.part(offset, bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Puts `new` where `expected` is; the value that was there.
    pub fn compare_exchange_u32(&self, offset: u64, expected: u32, new: u32) -> IpcResult<u32> {
        let mut state = self.writing()?;
        let word = state.word::<4>(offset)?;
        let before = u32::from_le_bytes(*word);
        if before == expected {
            *word = new.to_le_bytes();
        }
        Ok(before)
    }

    /// Puts `new` where `expected` is; the value that was there.
    pub fn compare_exchange_u64(&self, offset: u64, expected: u64, new: u64) -> IpcResult<u64> {
        let mut state = self.writing()?;
        let word = state.word::<8>(offset)?;
        let before = u64::from_le_bytes(*word);
        if before == expected {
            *word = new.to_le_bytes();
        }
        Ok(before)
    }

    /// Adds, wrapping around; the value that was there.
    pub fn fetch_add_u32(&self, offset: u64, by: u32) -> IpcResult<u32> {
        let mut state = self.writing()?;
        let word = state.word::<4>(offset)?;
        let before = u32::from_le_bytes(*word);
        *word = before.wrapping_add(by).to_le_bytes();
        Ok(before)
    }

    /// Adds, wrapping around; the value that was there.
    pub fn fetch_add_u64(&self, offset: u64, by: u64) -> IpcResult<u64> {
        let mut state = self.writing()?;
        let word = state.word::<8>(offset)?;
        let before = u64::from_le_bytes(*word);
        *word = before.wrapping_add(by).to_le_bytes();
        Ok(before)
    }

    /// Waits on the word for a `notify`, provided that it is `expected` now; else [`IpcError::WouldBlock`], as futex(2) has it.
    pub async fn wait(&self, offset: u64, expected: u32, limit: Option<Duration>) -> IpcResult<()> {
        let turn = {
            let mut state = self.segment.lock();
            if u32::from_le_bytes(*state.word::<4>(offset)?) != expected {
                return Err(IpcError::WouldBlock);
            }
            if limit == Some(Duration::ZERO) {
                return Err(IpcError::TimedOut);
            }
            let number = state.lines.entry(offset).or_default().join(());
            Turn::new(
                Waits::new(self.segment.charge.budget()),
                move |context: &mut Context<'_>| self.segment.poll(offset, number, context),
                move || self.segment.leave(offset, number),
            )
        };
        turn.come(limit).await
    }

    /// Wakes up to `most` of those who wait on the word, the longest waiting first; how many there were.
    pub fn notify(&self, offset: u64, most: u32) -> IpcResult<u32> {
        let mut state = self.segment.lock();
        state.word::<4>(offset)?;
        let (chosen, wakers) = state.choose(offset, most);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
        Ok(chosen)
    }
}
