//! Probes and lifecycle hooks of a container (sections D and E).

use super::Seconds;

/// The probes of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probes {
    /// `startupProbe`: the container counts as started only once it succeeded (rules A8, B14).
    pub startup: Option<Probe>,
    /// `livenessProbe`.
    pub liveness: Option<Probe>,
    /// `readinessProbe` (rule D12).
    pub readiness: Option<Probe>,
}

/// One probe, defaulted (rule D1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is done.
    pub handler: ProbeHandler,
    /// `initialDelaySeconds`, counted from the start of the instance (rule D3).
    pub initial_delay: Seconds,
    /// `timeoutSeconds`; at least 1.
    pub timeout: Seconds,
    /// `periodSeconds`; at least 1.
    pub period: Seconds,
    /// `successThreshold`; at least 1 (rule D5).
    pub success_threshold: u32,
    /// `failureThreshold`; at least 1 (rule D5).
    pub failure_threshold: u32,
    /// `terminationGracePeriodSeconds`: replaces the pod's when this probe has the container killed (rule D13).
    pub termination_grace: Option<Seconds>,
}

/// What a probe does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeHandler {
    /// `exec.command` (rule D8); never empty.
    Exec(Vec<String>),
    /// `httpGet` (rules D9, D10).
    HttpGet(HttpGet),
    /// `tcpSocket` (rule D11).
    TcpSocket {
        /// `host`; the pod's address when absent.
        host: Option<String>,
        /// `port`
        port: PortRef,
    },
    /// `grpc` (rule D11).
    Grpc {
        /// `port`
        port: u16,
        /// `service`; empty for the server as a whole.
        service: String,
    },
}

/// A request that tells by its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpGet {
    /// `host`; the pod's address when absent.
    pub host: Option<String>,
    /// `port`
    pub port: PortRef,
    /// `path`, as the manifest spells it.
    pub path: String,
    /// `scheme: HTTPS`. Nobody verifies the certificate.
    pub https: bool,
    /// `httpHeaders`: names and values; a name may come more than once.
    pub headers: Vec<(String, String)>,
}

/// A port by its number or by the name that the container gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortRef {
    /// Its number.
    Number(u16),
    /// A name of `ports`, or failing that a number in quotes.
    Name(String),
}

/// The hooks of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hooks {
    /// `lifecycle.postStart`: the start is reported only when it returned (rule E1).
    pub post_start: Option<HookHandler>,
    /// `lifecycle.preStop`: runs before TERM and consumes the grace period (rule E2).
    pub pre_stop: Option<HookHandler>,
}

/// What a hook does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookHandler {
    /// `exec.command` (rule E4); never empty.
    Exec(Vec<String>),
    /// `httpGet` (rule E5).
    HttpGet(HttpGet),
    /// `sleep.seconds` (rule E6).
    Sleep(Seconds),
    /// `tcpSocket`: valid, and fails whenever it is run (rule E7).
    TcpSocket,
}
