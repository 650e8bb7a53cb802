//! What runs containers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{BoxFuture, Image, LogSink, LogicalHost, ReadyMount};
use crate::model::{self, Attempt, Exit, Pod, Resources};

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
    /// What it has used so far; after the exit, what it used.
    fn usage(&self) -> Usage;
    /// Delivers a signal; harmless after the exit.
    fn signal(&self, signal: Signal);
    /// Runs a command in the container beside its own program, with its mounts, environment, logical host and limits: for exec probes, exec
    /// hooks and whoever asks from outside.
    fn exec(&self, request: ExecRequest) -> BoxFuture<'static, Result<Arc<dyn Exec>, ExecError>>;
}

/// What an instance uses, all its processes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The time that its guests ran on a processor. What the host does for them (compiling, reading files) is not in it.
    pub cpu: Duration,
    /// Its memories and tables, what the host buffers for it (pipes, sockets, requests), and what it wrote to volumes in memory.
    pub memory: model::Bytes,
    /// The most that ever was.
    pub memory_peak: model::Bytes,
}

/// What to run in a container.
#[derive(Clone)]
pub struct ExecRequest {
    /// The argument vector; never empty.
    pub command: Vec<String>,
    /// Standard input stays open for [`Exec::write_stdin`]; otherwise it is at its end from the start.
    pub stdin: bool,
    /// Its input and output are a terminal, so there is no standard error of its own.
    pub tty: bool,
    /// The size that the terminal has now, where it is known.
    pub size: Option<TerminalSize>,
    /// Where its output goes. It is slowed down when that is full. Closed when the command has ended; what it left running in the background
    /// may write even then.
    pub output: Arc<dyn LogSink>,
}

/// A command that runs in a container.
pub trait Exec: Send + Sync {
    /// How it ended; may be asked many times and by many. Its output is complete then.
    fn wait(&self) -> BoxFuture<'static, Exit>;
    /// Ends it with all it started: who asked for it went away, or its time is over.
    fn kill(&self);
    /// Gives it bytes to read, waiting while it does not; false once nobody will read them.
    fn write_stdin(&self, bytes: Bytes) -> BoxFuture<'_, bool>;
    /// Its standard input ends here.
    fn close_stdin(&self);
    /// Its terminal has that size now; nothing to a command without one.
    fn resize(&self, _size: TerminalSize) {}
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalSize {
    /// Its width.
    pub columns: u16,
    /// Its height.
    pub rows: u16,
}

/// Why a command could not be run in a container.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The container has ended.
    #[error("container not found (\"{0}\")")]
    NotRunning(String),
    /// Nothing answers to the command's first word.
    #[error("exec: \"{0}\": executable file not found in $PATH")]
    NotFound(String),
    /// The same, and the image in which it would be looked for next is not there.
    #[error(
        "exec: \"{command}\": executable file not found in $PATH, and the toolbox image \"{toolbox}\" is not in the local store (load it with: peapod image load {toolbox} FILE.wasm)"
    )]
    NoToolbox {
        /// The command's first word.
        command: String,
        /// The image.
        toolbox: String,
    },
    /// It was found but could not be started.
    #[error("{0}")]
    Start(String),
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
