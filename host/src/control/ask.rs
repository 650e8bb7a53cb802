//! What may be asked, and the answers.

use serde::{Deserialize, Serialize};

use crate::ports::TerminalSize;

/// Raised when an older peapod would misunderstand.
pub(super) const VERSION: u32 = 1;

/// The first frame of a client. The version stands beside the question, so that a later one's question need not be understood to be refused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) version: u32,
    pub(super) ask: serde_json::Value,
}

/// What a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Ask {
    /// Whether this peapod has that pod.
    Find { namespace: String, pod: String },
    /// A command in a container.
    Exec(Target),
    /// What the containers use.
    Usage,
}

/// A command in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// The pod's UID.
    pub pod: String,
    /// The container's name.
    pub container: String,
    /// The argument vector.
    pub command: Vec<String>,
    /// Standard input is sent.
    pub stdin: bool,
    /// Input and output are a terminal.
    pub tty: bool,
    /// The terminal's size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
}

/// A terminal's size as it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// In characters.
    pub columns: u16,
    /// In characters.
    pub rows: u16,
}

impl From<Size> for TerminalSize {
    fn from(Size { columns, rows }: Size) -> Self {
        Self { columns, rows }
    }
}

impl From<TerminalSize> for Size {
    fn from(TerminalSize { columns, rows }: TerminalSize) -> Self {
        Self { columns, rows }
    }
}

/// The first frame of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Answer {
    /// The pod, if there is one.
    Found(Option<Found>),
    /// The command runs.
    Started,
    /// Of every container that runs.
    Usage(Vec<ContainerUsage>),
    /// It does not.
    Refused(Refusal),
}

/// A pod of a running peapod.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Its UID.
    pub uid: String,
    /// The process that runs it.
    pub process: u32,
    /// The container that is meant where none is named.
    pub default: String,
    /// It was said by the pod's annotation, or there is only one.
    pub default_is_plain: bool,
    /// The names of all: first the mains, then `init` ones.
    pub containers: Vec<String>,
    /// How many of them are mains.
    pub mains: usize,
}

/// What a running container uses, all its processes together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContainerUsage {
    /// Its pod's namespace.
    pub namespace: String,
    /// Its pod's name.
    pub pod: String,
    /// Its name.
    pub container: String,
    /// The processor time that its guests took since it started.
    pub cpu_nanoseconds: u64,
    /// Memory now.
    pub memory_bytes: u64,
    /// The most memory that ever was.
    pub memory_peak_bytes: u64,
}

/// Why a command does not run, by the words and codes of the API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum Refusal {
    /// 404.
    #[error("Error from server (NotFound): {0}")]
    NotFound(String),
    /// 400.
    #[error("Error from server (BadRequest): {0}")]
    BadRequest(String),
    /// What kubectl itself says.
    #[error("error: {0}")]
    Client(String),
    /// 500.
    #[error("error: Internal error occurred: {0}")]
    Internal(String),
}
