//! What is left of the machine, and why a pod does not fit (rule J4).

use super::demand::Demand;
use crate::model::{Allocatable, Bytes, Millicores};

/// What the pods of a node take together.
#[derive(Clone, Debug, Default)]
pub struct Load {
    cpu: Millicores,
    memory: Bytes,
    ephemeral_storage: Bytes,
    pods: u64,
    ports: Vec<super::HostPort>,
}

/// One reason why a pod does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The node is not one that the pod chose.
    Affinity,
    /// A port of the machine is another pod's.
    Ports,
    /// The node has not the label that the pod's spread is about.
    Topology,
    /// There is not enough of something left.
    Lacks {
        /// `pods`, `cpu`, `memory`, `ephemeral-storage`.
        resource: &'static str,
        /// What the pod requests, in the resource's own unit: millicores, bytes.
        requested: u64,
        /// What others have.
        used: u64,
        /// What there is.
        capacity: u64,
    },
}

impl Load {
    /// The load of those pods.
    pub fn of<'a>(demands: impl IntoIterator<Item = &'a Demand>) -> Self {
        let mut load = Self::default();
        for demand in demands {
            load.add(demand);
        }
        load
    }

    /// One more pod.
    pub fn add(&mut self, demand: &Demand) {
        self.cpu.0 = self.cpu.0.saturating_add(demand.cpu.0);
        self.memory.0 = self.memory.0.saturating_add(demand.memory.0);
        let storage = &mut self.ephemeral_storage.0;
        *storage = storage.saturating_add(demand.ephemeral_storage.0);
        self.pods += 1;
        self.ports.extend(&demand.ports);
    }

    /// Everything that a pod lacks: number of pods first, then resources, then ports. A resource it requests nothing of is never lacking,
    /// however overcommitted.
    pub fn misfits(&self, demand: &Demand, node: &Allocatable) -> Vec<Misfit> {
        let resources = [
            ("pods", 1, self.pods, u64::from(node.pods)),
            ("cpu", demand.cpu.0, self.cpu.0, node.cpu.0),
            ("memory", demand.memory.0, self.memory.0, node.memory.0),
            (
                "ephemeral-storage",
                demand.ephemeral_storage.0,
                self.ephemeral_storage.0,
                node.ephemeral_storage.0,
            ),
        ];
        let mut misfits: Vec<Misfit> = resources
            .into_iter()
            .filter(|(_, requested, used, capacity)| {
                *requested > 0 && used.saturating_add(*requested) > *capacity
            })
            .map(|(resource, requested, used, capacity)| Misfit::Lacks {
                resource,
                requested,
                used,
                capacity,
            })
            .collect();
        let mut ports = demand.ports.iter();
        if ports.any(|port| self.ports.iter().any(|taken| port.conflicts(taken))) {
            misfits.push(Misfit::Ports);
        }
        misfits
    }
}

#[cfg(test)]
mod tests {
    use super::{Load, Misfit};
    use crate::model::{Allocatable, Bytes, Millicores};
    use crate::scheduling::Demand;

    const NODE: Allocatable = Allocatable {
        cpu: Millicores(1000),
        memory: Bytes(100),
        ephemeral_storage: Bytes(1000),
        pods: 3,
    };

    fn demand(cpu: u64, memory: u64) -> Demand {
        Demand {
            cpu: Millicores(cpu),
            memory: Bytes(memory),
            ..Demand::default()
        }
    }

    fn lacking(pods: &[Demand], wanted: &Demand) -> Vec<&'static str> {
        let misfits = Load::of(pods).misfits(wanted, &NODE);
        let names = misfits.iter().map(|misfit| match misfit {
            Misfit::Lacks { resource, .. } => *resource,
            _ => "ports",
        });
        names.collect()
    }

    #[test]
    fn j4_pods_fit_until_their_requests_exceed_what_there_is() {
        let there = [demand(600, 100)];
        for (cpu, memory, expected) in [
            (400, 0, vec![]),
            (401, 0, vec!["cpu"]),
            (401, 1, vec!["cpu", "memory"]),
            (0, 0, vec![]),
        ] {
            assert_eq!(
                lacking(&there, &demand(cpu, memory)),
                expected,
                "{cpu} {memory}"
            );
        }
    }

    #[test]
    fn j4_space_on_the_disk_is_requested_as_memory_is() {
        let wants = |bytes| Demand {
            ephemeral_storage: Bytes(bytes),
            ..demand(0, 0)
        };
        assert_eq!(lacking(&[wants(600)], &wants(400)), Vec::<&str>::new());
        assert_eq!(lacking(&[wants(600)], &wants(401)), ["ephemeral-storage"]);
    }

    #[test]
    fn j4_the_number_of_pods_is_limited_too() {
        let there = [demand(0, 0), demand(0, 0), demand(0, 0)];
        assert_eq!(lacking(&there[..2], &demand(0, 0)), Vec::<&str>::new());
        assert_eq!(lacking(&there, &demand(0, 0)), ["pods"]);
    }

    #[test]
    fn j4_what_is_overcommitted_holds_up_only_who_wants_more_of_it() {
        let there = [demand(5000, 0)];
        assert_eq!(lacking(&there, &demand(0, 100)), Vec::<&str>::new());
        assert_eq!(lacking(&there, &demand(1, 100)), ["cpu"]);
    }
}
