//! How far transfers are, for whoever shows it.

use tokio::sync::watch;

/// So many bytes more are worth telling.
const STEP_BYTES: u64 = 256 << 10;

/// The transfers under way.
#[derive(Default)]
pub struct Progress(watch::Sender<Vec<Transfer>>);

/// An image on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Its full name.
    pub name: String,
    /// Bytes that are there.
    pub done: u64,
    /// Bytes there will be; 0 while that is not known.
    pub total: u64,
    id: u64,
}

impl Progress {
    /// Tells of every change.
    pub fn subscribe(&self) -> watch::Receiver<Vec<Transfer>> {
        self.0.subscribe()
    }

    pub(super) fn begin(&self, name: &str) -> Underway<'_> {
        let mut id = 0;
        self.0.send_modify(|all| {
            id = all.iter().map(|one| one.id + 1).max().unwrap_or(0);
            all.push(Transfer {
                name: name.to_owned(),
                done: 0,
                total: 0,
                id,
            });
        });
        Underway { progress: self, id }
    }
}

/// One transfer; it is over when this is dropped.
pub(super) struct Underway<'p> {
    progress: &'p Progress,
    id: u64,
}

impl Underway<'_> {
    pub(super) fn total(&self, bytes: u64) {
        self.change(|one| {
            one.total = bytes;
            true
        });
    }

    /// Bytes have come; a negative number of them if they were for nothing.
    pub(super) fn advance(&self, bytes: i64) {
        self.change(|one| {
            let before = one.done / STEP_BYTES;
            one.done = one.done.saturating_add_signed(bytes);
            one.done / STEP_BYTES != before || one.done == one.total
        });
    }

    fn change(&self, change: impl FnOnce(&mut Transfer) -> bool) {
        self.progress.0.send_if_modified(|all| {
            all.iter_mut()
                .find(|one| one.id == self.id)
                .is_some_and(change)
        });
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        self.progress
            .0
            .send_modify(|all| all.retain(|one| one.id != self.id));
    }
}
