//! What a machine has for its pods.

use super::{Bytes, Millicores, PodSpec};

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

impl Allocatable {
    /// What is left to a container of that pod without a limit: what the pod as a whole may have, where it has a limit (rule H7).
    pub fn within(self, pod: &PodSpec) -> Self {
        Self {
            cpu: pod.resources.cpu_limit.unwrap_or(self.cpu),
            memory: pod.resources.memory_limit.unwrap_or(self.memory),
            ..self
        }
    }
}

/// What the machine is called as a node. Not its own name, which is no pod's business and differs from run to run of the same manifest.
pub const NODE_NAME: &str = "peapod";
