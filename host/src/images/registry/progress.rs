//! How far transfers are, for whoever shows it.

use std::sync::Arc;

use tokio::sync::watch;

use crate::images::Digest;

/// So many bytes more are worth telling.
const STEP_BYTES: u64 = 256 << 10;

/// The transfers under way.
#[derive(Clone, Default)]
pub struct Progress(Arc<watch::Sender<Vec<Transfer>>>);

/// An image on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// Its full name.
    pub name: String,
    /// What it is made of; nothing while that is not known.
    pub parts: Vec<Part>,
    id: u64,
}

/// A blob of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub digest: Digest,
    /// Bytes that are there.
    pub done: u64,
    /// Bytes there will be.
    pub total: u64,
}

impl Transfer {
    /// Bytes that are there, and that will be.
    pub fn bytes(&self) -> (u64, u64) {
        let sum = |all: (u64, u64), part: &Part| {
            (
                all.0.saturating_add(part.done),
                all.1.saturating_add(part.total),
            )
        };
        self.parts.iter().fold((0, 0), sum)
    }
}

impl Progress {
    /// Tells of every change.
    pub fn subscribe(&self) -> watch::Receiver<Vec<Transfer>> {
        self.0.subscribe()
    }

    pub(super) fn begin(&self, name: &str) -> Underway {
        let mut id = 0;
        self.0.send_modify(|all| {
            id = all.iter().map(|one| one.id + 1).max().unwrap_or(0);
            all.push(Transfer {
                name: name.to_owned(),
                parts: Vec::new(),
                id,
            });
        });
        let progress = self.clone();
        Underway { progress, id }
    }
}

/// One transfer; it is over when this is dropped.
pub(super) struct Underway {
    progress: Progress,
    id: u64,
}

impl Underway {
    /// One more blob of so many bytes.
    pub(super) fn part(&self, digest: &Digest, total: u64) -> PartUnderway {
        let (digest, done) = (digest.clone(), 0);
        let mut place = 0;
        self.progress.0.send_modify(|all| {
            if let Some(one) = all.iter_mut().find(|one| one.id == self.id) {
                place = one.parts.len();
                one.parts.push(Part {
                    digest,
                    done,
                    total,
                });
            }
        });
        PartUnderway {
            progress: self.progress.clone(),
            id: self.id,
            place,
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.progress
            .0
            .send_modify(|all| all.retain(|one| one.id != self.id));
    }
}

/// One blob of a transfer.
#[derive(Clone)]
pub(super) struct PartUnderway {
    progress: Progress,
    id: u64,
    place: usize,
}

impl PartUnderway {
    /// More bytes have come.
    pub(super) fn advance(&self, bytes: u64) {
        self.change(|part| part.done = part.done.saturating_add(bytes).min(part.total));
    }

    /// So many bytes are there.
    pub(super) fn is_at(&self, bytes: u64) {
        self.change(|part| part.done = bytes.min(part.total));
    }

    fn change(&self, change: impl FnOnce(&mut Part)) {
        self.progress.0.send_if_modified(|all| {
            let transfer = all.iter_mut().find(|one| one.id == self.id);
            let Some(part) = transfer.and_then(|one| one.parts.get_mut(self.place)) else {
                return false;
            };
            let before = part.done;
            change(part);
            before / STEP_BYTES != part.done / STEP_BYTES || part.done == part.total || before == 0
        });
    }
}
