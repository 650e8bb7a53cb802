//! `--capacity`: what pods may request in all, where it is not what the machine has.

use crate::model::{Allocatable, Amount, Bytes, Millicores};

const FORM: &str =
    "it looks like cpu=2,memory=4Gi; there are cpu, memory, ephemeral-storage and pods";

/// What was said; the rest is the machine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Capacity {
    cpu: Option<Millicores>,
    memory: Option<Bytes>,
    ephemeral_storage: Option<Bytes>,
    pods: Option<u32>,
}

impl Capacity {
    /// What there is for pods on that machine.
    pub(super) fn on(self, machine: Allocatable) -> Allocatable {
        Allocatable {
            cpu: self.cpu.unwrap_or(machine.cpu),
            memory: self.memory.unwrap_or(machine.memory),
            ephemeral_storage: self.ephemeral_storage.unwrap_or(machine.ephemeral_storage),
            pods: self.pods.unwrap_or(machine.pods),
        }
    }
}

/// `RESOURCE=QUANTITY`, several with commas.
pub(super) fn parse(text: &str) -> Result<Capacity, String> {
    let mut capacity = Capacity::default();
    for part in text.split(',') {
        let (name, quantity) = part.split_once('=').ok_or(FORM)?;
        let amount = Amount::parse(quantity).map_err(|error| format!("{quantity:?}: {error}"))?;
        let negative = || format!("{quantity:?}: less than nothing");
        let units = amount.units().ok_or_else(negative)?;
        match name {
            "cpu" => capacity.cpu = Some(Millicores(amount.millis().ok_or_else(negative)?)),
            "memory" => capacity.memory = Some(Bytes(units)),
            "ephemeral-storage" => capacity.ephemeral_storage = Some(Bytes(units)),
            "pods" => capacity.pods = Some(u32::try_from(units).map_err(|_| FORM)?),
            _ => return Err(FORM.into()),
        }
    }
    Ok(capacity)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::model::{Allocatable, Bytes, Millicores};

    const MACHINE: Allocatable = Allocatable {
        cpu: Millicores(8000),
        memory: Bytes(16 << 30),
        ephemeral_storage: Bytes(100 << 30),
        pods: 110,
    };

    #[test]
    fn what_is_not_said_is_the_machines() {
        let said = parse("cpu=1500m,memory=4Gi").expect("well formed");
        let expected = Allocatable {
            cpu: Millicores(1500),
            memory: Bytes(4 << 30),
            ..MACHINE
        };
        assert_eq!(said.on(MACHINE), expected);
        let said = parse("pods=2000,ephemeral-storage=1Gi").expect("well formed");
        let expected = Allocatable {
            pods: 2000,
            ephemeral_storage: Bytes(1 << 30),
            ..MACHINE
        };
        assert_eq!(said.on(MACHINE), expected);
    }

    #[test]
    fn what_is_no_capacity_is_said_to_be_none() {
        for bad in [
            "",
            "cpu",
            "cpu=",
            "cpu=-1",
            "gpu=1",
            "pods=1e12",
            "cpu=1,",
            "memory=4Gb",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
