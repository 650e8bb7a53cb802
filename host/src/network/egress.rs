//! What of the real network a pod may reach.

/// A pod's egress rules. The default denies everything.
#[derive(Clone, Debug, Default)]
pub struct EgressPolicy {}
