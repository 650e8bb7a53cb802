//! How much of the machine pods may use.

use std::time::Duration;

/// Connections of one pod to the real network.
pub(super) const CONNECTIONS_PER_POD: usize = 1024;
/// Sockets of one pod that send UDP to the real network.
pub(super) const FLOWS_PER_POD: usize = 256;
/// Peers of one such socket whose answers come in.
pub(super) const PEERS_PER_FLOW: usize = 1024;
/// Answers come in for so long after the last datagram.
pub(super) const FLOW_IDLE: Duration = Duration::from_secs(60);
/// Look-ups of one pod that wait to be under way or are.
pub(super) const LOOKUPS_PENDING_PER_POD: usize = 256;
/// Look-ups of one pod under way.
pub(super) const LOOKUPS_PER_POD: usize = 8;
/// Look-ups of all pods: each holds a thread for as long as the machine's resolver takes.
pub(super) const LOOKUPS: usize = 32;
/// DNS queries of one pod that wait for one of those.
pub(super) const QUERIES_PER_POD: usize = 64;
/// Connections of one pod to the name server.
pub(super) const DNS_CONNECTIONS_PER_POD: usize = 16;
/// How long a pod waits for the machine's resolver, which by itself gives up after 5 s twice for each name server.
pub(super) const LOOKUP_TIME: Duration = Duration::from_secs(30);
/// The kernel gives up after as long (tcp(7), `tcp_syn_retries`).
pub(super) const CONNECT_TIME: Duration = Duration::from_secs(127);

/// Half of the files this process may have open: pods' sockets must not keep it from opening anything else.
pub(super) fn sockets_of_the_machine() -> usize {
    const LEAST: usize = 64;
    const MOST: usize = 16_384;
    let files = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    files
        .and_then(|files| usize::try_from(files / 2).ok())
        .unwrap_or(MOST)
        .clamp(LEAST, MOST)
}
