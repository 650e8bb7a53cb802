//! Connections as a kubelet makes them: from the node, to the pod's address. What listens on a pod's loopback alone is not reached.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::network::{Family, NetError, PodNetwork, TcpSocket, TcpStream};

/// Connects to a port of a host, as the text of an authority has it: the pod, another pod, a name, or an address beyond, which the pod
/// must be allowed to reach: a manifest does not get further through its probes than through its containers. A failure reads as Go's does.
pub(super) async fn dial(
    net: &Arc<PodNetwork>,
    host: &str,
    port: u16,
) -> Result<TcpStream, String> {
    let ip = match host.parse::<IpAddr>() {
        Ok(ip) => ip,
        Err(_) => first_address(net, host)
            .await
            .map_err(|why| format!("dial tcp: lookup {host}: {why}"))?,
    };
    let remote = SocketAddr::new(ip, port);
    let stream = connect(net, remote).await;
    stream.map_err(|error| format!("dial tcp {remote}: {}", text(error)))
}

async fn first_address(net: &Arc<PodNetwork>, name: &str) -> Result<IpAddr, String> {
    match net.resolve(name).await {
        Ok(addresses) => addresses
            .first()
            .copied()
            .ok_or_else(|| "no such host".to_owned()),
        Err(NetError::NameUnresolvable) => Err("no such host".into()),
        Err(error) => Err(error.to_string()),
    }
}

async fn connect(net: &Arc<PodNetwork>, remote: SocketAddr) -> Result<TcpStream, NetError> {
    // It would be the node's, where nothing of a pod listens; that of the pod is the pod's own affair.
    if remote.ip().is_loopback() {
        return Err(NetError::ConnectionRefused);
    }
    let switch = net.switch();
    let pod = match remote.ip() {
        IpAddr::V4(ip) if ip == net.ip() => Some(Arc::clone(net)),
        IpAddr::V4(ip) => switch.pod(ip),
        IpAddr::V6(_) => None,
    };
    if let Some(pod) = pod {
        return pod.dial(remote, switch.node_source()).await;
    }
    let family = match remote {
        SocketAddr::V4(_) => Family::V4,
        SocketAddr::V6(_) => Family::V6,
    };
    TcpSocket::new(net, family, None)?.connect(remote)?.await
}

fn text(error: NetError) -> String {
    match error {
        NetError::ConnectionRefused => "connect: connection refused".into(),
        NetError::Unreachable => "connect: no route to host".into(),
        NetError::TimedOut => "i/o timeout".into(),
        other => format!("connect: {other}"),
    }
}
