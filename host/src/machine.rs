//! What the machine has for pods, and what it is called by.
//!
//! - owns: counting the machine's cores, memory and disk; its labels as a node
//! - never does: watch them; a machine is counted once, when the host starts
//! - talks to: `model`

use std::collections::BTreeMap;
use std::path::Path;
use std::thread::available_parallelism;

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

use crate::model::{Allocatable, Bytes, Millicores, NODE_NAME};

/// What a kubelet takes where it is not told (`maxPods`).
const PODS_MAX: u32 = 110;

/// What pods may request of this machine in all (rule J4), with their data in `data_dir`, which need not be there yet.
pub fn allocatable(data_dir: &Path) -> Allocatable {
    // Knows of the process's affinity and of the quota of its own cgroup.
    let cores = available_parallelism().map_or(1, |cores| cores.get() as u64);
    Allocatable {
        cpu: Millicores(cores * 1000),
        memory: memory(),
        ephemeral_storage: storage(data_dir),
        pods: PODS_MAX,
    }
}

/// The labels that a kubelet gives its node. The operating system is what pods see, not what this runs on: their manifests are written for
/// linux nodes, as those are that run components in a cluster. The architecture is the machine's, by Go's name for it.
pub fn labels() -> BTreeMap<String, String> {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    let labels = [
        ("kubernetes.io/hostname", NODE_NAME),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", arch),
        ("beta.kubernetes.io/os", "linux"),
        ("beta.kubernetes.io/arch", arch),
    ];
    labels
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// All of it, or what the cgroup that the host runs in may have.
fn memory() -> Bytes {
    let memory = MemoryRefreshKind::nothing().with_ram();
    let Ok(system) = System::new_with_specifics(RefreshKind::nothing().with_memory(memory)) else {
        // A system that does not say. What pods take of it shows when it is gone.
        return Bytes(u64::MAX);
    };
    let all = system.total_memory();
    let own = system.cgroup_limits().map(|limits| limits.total_memory);
    Bytes(own.filter(|own| *own > 0).map_or(all, |own| own.min(all)))
}

/// The size of the file system that the folder is on, or will be on.
#[cfg(unix)]
fn storage(data_dir: &Path) -> Bytes {
    let there = data_dir.ancestors().find(|folder| folder.exists());
    let size = there.and_then(|folder| rustix::fs::statvfs(folder).ok());
    Bytes(size.map_or(0, |size| size.f_blocks.saturating_mul(size.f_frsize)))
}

#[cfg(not(unix))]
fn storage(_: &Path) -> Bytes {
    Bytes(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{allocatable, labels};

    #[test]
    fn j5_the_node_has_the_labels_that_manifests_choose_by() {
        let labels = labels();
        assert_eq!(labels["kubernetes.io/os"], "linux");
        assert_eq!(labels["kubernetes.io/hostname"], "peapod");
        assert_ne!(labels["kubernetes.io/arch"], "x86_64", "Go's names");
    }

    #[test]
    fn a_machine_has_something_of_everything_wherever_its_data_goes() {
        for dir in ["/", "/not/there/yet"] {
            let machine = allocatable(Path::new(dir));
            assert!(machine.cpu.0 >= 1000);
            assert!(machine.memory.0 > 1 << 20);
            assert!(machine.ephemeral_storage.0 > 0);
            assert_eq!(machine.pods, 110);
        }
    }
}
