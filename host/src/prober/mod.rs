//! Probes and hooks: what a container is asked from outside, when, and what its answers mean.
//!
//! - owns: a worker per container and probe, thresholds, the clients for HTTP, TCP, gRPC and commands, runs of hooks
//! - never does: decide what becomes of a container (that is `engine`); reach anything but the pods' network
//! - talks to: `engine` for its words, `ports`, `network`, `model`

mod dial;
mod exec;
mod grpc;
mod hook;
mod http;
mod judge;
mod port;
mod request;
mod tls;
mod workers;

#[cfg(test)]
mod tests;

pub use hook::{HookFailed, run_hook};
pub use workers::{Instance, PodProbes, Report, Sight};

/// `User-Agent` of requests, as a kubelet of the version whose behaviour this is sends it: `kube-probe/1.36`.
const VERSION: &str = "1.36";

/// The most of an answer or of a command's output that is kept (rules D8, D9).
const OUTPUT_BYTES_MAX: usize = 10 * 1024;

/// What one run of a probe said, before any threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// Healthy.
    Success,
    /// Healthy, with something to be told (rule D10).
    Warning(String),
    /// Not healthy, and why (rule D16).
    Failure(String),
    /// Nothing was learnt: the probe itself could not be run (rule D7).
    Errored(String),
}
