//! A place in a line of waiters.
//!
//! A turn is handed over, not announced: the message or the post goes to the first waiter by itself, and nobody who comes later can take
//! it. A waiter that is gone (its container was killed, its time ran out) has its place taken out of the line; one that is dropped between
//! being chosen and being woken gives back what it was handed.

use std::time::Duration;

use tokio::sync::oneshot;

use super::IpcError;
use super::budget::Waits;

/// Somebody's place in a line. `undo` runs when it is dropped before its turn came: with what it was handed and never looked at, or with
/// nothing, to be taken out of the line.
pub(super) struct Turn<T, F: FnMut(Option<T>)> {
    receiver: Option<oneshot::Receiver<T>>,
    undo: F,
    _waits: Waits,
}

impl<T, F: FnMut(Option<T>)> Turn<T, F> {
    pub(super) fn new(receiver: oneshot::Receiver<T>, waits: Waits, undo: F) -> Self {
        Self {
            receiver: Some(receiver),
            undo,
            _waits: waits,
        }
    }

    /// Waits for the turn, at most for `limit`.
    pub(super) async fn come(mut self, limit: Option<Duration>) -> Result<T, IpcError> {
        let Some(receiver) = &mut self.receiver else {
            return Err(IpcError::TimedOut);
        };
        let got = match limit {
            None => receiver.await.ok(),
            Some(limit) => match tokio::time::timeout(limit, &mut *receiver).await {
                Ok(got) => got.ok(),
                Err(_) => {
                    // It may have come since the last look: a message that is counted as sent must not be called timed out.
                    receiver.close();
                    receiver.try_recv().ok()
                }
            },
        };
        let got = got.ok_or(IpcError::TimedOut)?;
        self.receiver = None;
        Ok(got)
    }
}

impl<T, F: FnMut(Option<T>)> Drop for Turn<T, F> {
    fn drop(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            receiver.close();
            (self.undo)(receiver.try_recv().ok());
        }
    }
}
