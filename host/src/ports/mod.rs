//! The contracts between the shells and the adapters, with their plain request and response types.
//!
//! - owns: the traits [`ImageStore`], [`Volumes`], [`MemoryVolume`], [`ContainerRuntime`], [`LogicalHosts`], [`Container`], [`Exec`], [`LogSink`], [`Logs`], [`Clock`], [`ConfigSource`], [`ServiceSource`]
//! - never does: anything; there is no logic here beyond small conversions
//! - talks to: `model`; `network` and `ipc`, whose pods a [`LogicalHost`] carries; `budget`, whose memory volumes count

mod clock;
mod config;
mod host;
mod images;
mod logs;
mod runtime;
mod volumes;

pub use clock::Clock;
pub use config::{ConfigSource, ServiceSource};
pub use futures::future::BoxFuture;
pub use host::{HostError, LogicalHost, LogicalHosts};
pub use images::{Began, Image, ImageStore, LayerFile, PullError, PullRequest, Pulled};
pub use logs::{LogLine, LogSink, LogSource, LogStream, Logs};
pub use runtime::{
    Container, ContainerRuntime, Exec, ExecError, ExecRequest, Signal, StartError, StartRequest,
    TerminalSize, Usage,
};
pub use volumes::{MemoryVolume, MountError, MountSource, PodVolumes, ReadyMount, Volumes};
