//! What a machine has for its pods.

use super::{Bytes, Millicores};

/// `status.allocatable` of a node: what its pods may request in all (rule J4), and what a container without a limit is told it has (rule H7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocatable {
    /// `cpu`
    pub cpu: Millicores,
    /// `memory`
    pub memory: Bytes,
    /// `ephemeral-storage`
    pub ephemeral_storage: Bytes,
    /// `pods`
    pub pods: u32,
}

/// What the machine is called as a node. Not its own name, which is no pod's business and differs from run to run of the same manifest.
pub const NODE_NAME: &str = "peapod";
