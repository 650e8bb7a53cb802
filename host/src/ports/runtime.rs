//! What runs containers.

use std::path::PathBuf;
use std::sync::Arc;

use super::{BoxFuture, Image, LogSink, LogicalHost, ReadyMount};
use crate::model::{Attempt, Exit, Pod, Resources};

/// Starts containers.
pub trait ContainerRuntime: Send + Sync {
    /// Creates and starts one instance.
    fn start(&self, request: StartRequest)
    -> BoxFuture<'_, Result<Arc<dyn Container>, StartError>>;
}

/// One running instance.
pub trait Container: Send + Sync {
    /// `<runtime>://<id>`.
    fn id(&self) -> &str;
    /// How it ended; may be asked many times and by many.
    fn wait(&self) -> BoxFuture<'static, Exit>;
    /// Delivers a signal; harmless after the exit.
    fn signal(&self, signal: Signal);
}

/// The signals a host sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGTERM, 15: please end.
    Term,
    /// SIGKILL, 9: ends whatever the container does.
    Kill,
}

/// Everything an instance needs.
#[derive(Clone)]
pub struct StartRequest {
    /// The pod it belongs to.
    pub pod: Pod,
    /// Which container, which instance.
    pub attempt: Attempt,
    /// What to run.
    pub image: Arc<Image>,
    /// The argument vector, resolved (rule H1) and expanded (rule H2); never empty.
    pub args: Vec<String>,
    /// The environment, resolved (rule H3).
    pub env: Vec<(String, String)>,
    /// Where it starts; absolute.
    pub working_dir: String,
    /// The pod's logical host.
    pub host: Arc<LogicalHost>,
    /// Its volumes, outer mount paths before inner ones (rule G13).
    pub mounts: Vec<ReadyMount>,
    /// A folder of this instance's own, for its root directory.
    pub scratch: PathBuf,
    /// `securityContext.readOnlyRootFilesystem`.
    pub read_only_root: bool,
    /// `terminationMessagePath` (rule B15).
    pub termination_message_path: String,
    /// Standard input stays open; otherwise it is at its end from the start.
    pub stdin: bool,
    /// Limits.
    pub resources: Resources,
    /// Where its output goes.
    pub log: Arc<dyn LogSink>,
}

/// Why an instance could not be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot be resolved (a mount's subPath, an expansion).
    #[error("{0}")]
    Config(String),
    /// It could not be created: not a component, an import this host lacks, no root directory.
    #[error("{0}")]
    Create(String),
    /// It was created but could not be run.
    #[error("{0}")]
    Run(String),
}

impl StartError {
    /// The waiting reason of rule B6.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Config(_) => "CreateContainerConfigError",
            Self::Create(_) => "CreateContainerError",
            Self::Run(_) => "RunContainerError",
        }
    }
}
