//! Time, as the shells see it.

use super::BoxFuture;
use crate::model::Time;

/// The only source of time outside the pure rooms.
pub trait Clock: Send + Sync {
    /// Now. Never goes backwards within one process.
    fn now(&self) -> Time;
    /// Ends at that time, or at once if it is past.
    fn sleep_until(&self, time: Time) -> BoxFuture<'static, ()>;
}
