//! Whether a pod fits on this machine: what pods request against what there is, and what is said of one that does not fit.
//!
//! - owns: effective requests, the scheduler's filters for the one node there is, the host's own admission, their texts and statuses
//! - never does: start, stop or evict anything; remember who runs (that is `node`)
//! - talks to: `model` only

mod affinity;
mod demand;
mod fit;
mod status;

pub use affinity::{Labels, mismatches};
pub use demand::{Demand, HostPort};
pub use fit::{Load, Misfit};
pub use status::{FAILED_SCHEDULING, Rejection, rejected, unschedulable, unschedulable_message};
