//! Real time.
//!
//! - owns: the only calls of the machine's clocks outside tests
//! - never does: anything but tell the time and wait
//! - talks to: `ports`

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::model::Time;
use crate::ports::{BoxFuture, Clock};

/// Wall-clock time that never goes backwards: read once, then counted on by the monotonic clock. A machine whose clock is set
/// back while a pod is in back-off would otherwise keep it waiting for hours.
pub struct RealClock {
    started: Instant,
    started_at: Time,
}

impl RealClock {
    /// Starts from the machine's wall clock.
    #[expect(clippy::disallowed_methods, reason = "this is the room of the clocks")]
    pub fn new() -> Self {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Self {
            started: Instant::now(),
            started_at: Time::EPOCH + since_epoch,
        }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Time {
        self.started_at + self.started.elapsed()
    }

    fn sleep_until(&self, time: Time) -> BoxFuture<'static, ()> {
        let wait = time.since(self.now());
        Box::pin(tokio::time::sleep(wait))
    }
}
