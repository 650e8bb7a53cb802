//! Volumes: directories and files of the machine that containers of a pod share.
//!
//! - owns: emptyDir, hostPath and configMap volumes, `subPath`, the folder a pod has on this machine
//! - never does: follow a link out of a volume; touch a hostPath's content when the pod goes
//! - talks to: `ports` (implements [`Volumes`](crate::ports::Volumes)) and `model`

mod atomic;
mod config_map;
mod file;
mod host_path;
mod local;
mod sub_path;

pub use local::LocalVolumes;
