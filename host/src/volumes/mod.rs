//! Volumes: directories and files of the machine that containers of a pod share.
//!
//! - owns: emptyDir, hostPath, configMap, secret, downwardAPI, projected and image volumes; `subPath`; the folders a pod has on this machine,
//!   on disk and in memory
//! - never does: follow a link out of a volume; touch a hostPath's content when the pod goes; watch anything by itself
//! - talks to: `ports` (implements [`Volumes`](crate::ports::Volumes)), `model`; `budget`, where what is in memory counts

mod atomic;
mod downward;
mod file;
mod host_path;
mod local;
mod mounts;
mod payload;
mod set_up;
mod space;
mod sub_path;
mod usage;

#[cfg(test)]
#[cfg(unix)]
mod tests;

pub use local::{LocalVolumes, VolumeSettings};
