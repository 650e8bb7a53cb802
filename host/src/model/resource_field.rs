//! A request or a limit of a container, as text (rule H7).

use super::{Allocatable, Bytes, Container, Millicores};

/// `resourceFieldRef` without its container: `resource` and `divisor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceField {
    /// `limits.…`
    Limit(Divided),
    /// `requests.…`
    Request(Divided),
}

/// Which resource, and in units of how much: never of none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Divided {
    /// `cpu`
    Cpu(Millicores),
    /// `memory`
    Memory(Bytes),
    /// `ephemeral-storage`
    EphemeralStorage(Bytes),
}

impl ResourceField {
    /// The value, rounded up: of a limit that is not set what the machine has, of a request 0.
    pub fn value(self, container: &Container, machine: &Allocatable) -> u64 {
        let own = &container.resources;
        match self {
            Self::Limit(Divided::Cpu(by)) => {
                own.cpu_limit.unwrap_or(machine.cpu).0.div_ceil(by.0.max(1))
            }
            Self::Limit(Divided::Memory(by)) => {
                bytes(Some(own.memory_limit.unwrap_or(machine.memory)), by)
            }
            Self::Limit(Divided::EphemeralStorage(by)) => {
                let limit = own.ephemeral_storage_limit;
                bytes(Some(limit.unwrap_or(machine.ephemeral_storage)), by)
            }
            Self::Request(Divided::Cpu(by)) => {
                own.cpu_request.map_or(0, |cpu| cpu.0.div_ceil(by.0.max(1)))
            }
            Self::Request(Divided::Memory(by)) => bytes(own.memory_request, by),
            Self::Request(Divided::EphemeralStorage(by)) => {
                bytes(own.ephemeral_storage_request, by)
            }
        }
    }
}

fn bytes(amount: Option<Bytes>, by: Bytes) -> u64 {
    amount.map_or(0, |amount| amount.0.div_ceil(by.0.max(1)))
}

#[cfg(test)]
mod tests {
    use super::{Divided, ResourceField};
    use crate::model::{Allocatable, Bytes, Millicores, testing};

    #[test]
    fn h7_values_are_rounded_up_and_default_to_the_machines() {
        use Divided::{Cpu, EphemeralStorage, Memory};
        use ResourceField::{Limit, Request};
        let machine = Allocatable {
            cpu: Millicores(2500),
            memory: Bytes(1 << 30),
            ephemeral_storage: Bytes(5 << 30),
            pods: 1,
        };
        let mut container = testing::container("c");
        let unset = |field: ResourceField| field.value(&testing::container("c"), &machine);
        assert_eq!(unset(Limit(Cpu(Millicores(1000)))), 3);
        assert_eq!(unset(Limit(Memory(Bytes(1)))), 1 << 30);
        assert_eq!(unset(Limit(EphemeralStorage(Bytes(1 << 30)))), 5);
        assert_eq!(unset(Request(Cpu(Millicores(1)))), 0);
        assert_eq!(unset(Request(Memory(Bytes(1)))), 0);
        container.resources.cpu_limit = Some(Millicores(1250));
        container.resources.memory_request = Some(Bytes(32 << 20));
        container.resources.memory_limit = Some(Bytes((64 << 20) + 1));
        let set = |field: ResourceField| field.value(&container, &machine);
        assert_eq!(set(Limit(Cpu(Millicores(1000)))), 2, "1250m is 2 cores");
        assert_eq!(set(Limit(Cpu(Millicores(1)))), 1250);
        assert_eq!(set(Request(Memory(Bytes(1 << 20)))), 32);
        assert_eq!(set(Limit(Memory(Bytes(1 << 20)))), 65);
        assert_eq!(set(Limit(Memory(Bytes(0)))), (64 << 20) + 1, "not by zero");
    }
}
