//! From HTTP to the pod's network, and nothing but the pod's network: the machine's own is not reachable from here.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use wasmtime_wasi_http::Error;

use crate::network::{Family, NetError, TcpIo, TcpListener, TcpSocket, TcpStream};
use crate::wasm::process::{ContainerShared, Process};

/// Listens in the pod of a process.
pub(super) fn listen(
    process: &Process,
    address: SocketAddr,
    backlog: usize,
) -> Result<TcpListener, NetError> {
    let mut socket = TcpSocket::new(
        &process.container.host.net,
        Family::V4,
        Some(&process.container.memory),
    )?;
    socket.bind(address)?;
    socket.listen(backlog)
}

/// Connects to the first address of a name that answers. `host` is as it stands in an authority: IPv6 in brackets.
pub(super) async fn connect(
    container: &ContainerShared,
    host: &str,
    port: u16,
) -> Result<TcpStream, Error> {
    let addresses = container
        .host
        .net
        .resolve(bare(host))
        .await
        .map_err(failure)?;
    let mut refused = NetError::NameUnresolvable;
    for ip in addresses {
        match attempt(container, SocketAddr::new(ip, port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => refused = error,
        }
    }
    Err(failure(refused))
}

async fn attempt(container: &ContainerShared, remote: SocketAddr) -> Result<TcpStream, NetError> {
    let family = match remote.ip() {
        IpAddr::V4(_) => Family::V4,
        IpAddr::V6(_) => Family::V6,
    };
    TcpSocket::new(&container.host.net, family, Some(&container.memory))?
        .connect(remote)?
        .await
}

fn bare(host: &str) -> &str {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    inner.unwrap_or(host)
}

/// TLS over a connection. The server must show a certificate of that name which a public authority signed.
pub(super) async fn secure(stream: TcpStream, host: &str) -> Result<TlsStream<TcpIo>, Error> {
    let name =
        ServerName::try_from(bare(host).to_owned()).map_err(|_| Error::HttpRequestUriInvalid)?;
    let connector = TlsConnector::from(tls()?);
    connector
        .connect(name, stream.into_io())
        .await
        .map_err(|error| tls_failure(&error))
}

fn tls() -> Result<Arc<ClientConfig>, Error> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::InternalError(Some(error.to_string())))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

/// What `wasi:http` calls a failure of the network.
pub(super) fn failure(error: NetError) -> Error {
    let dns = |rcode: &str| Error::DnsError {
        rcode: Some(rcode.to_owned()),
        info_code: None,
    };
    match error {
        NetError::ConnectionRefused => Error::ConnectionRefused,
        NetError::ConnectionReset | NetError::ConnectionAborted | NetError::BrokenPipe => {
            Error::ConnectionTerminated
        }
        NetError::TimedOut => Error::ConnectionTimeout,
        NetError::Unreachable => Error::DestinationIpUnroutable,
        NetError::AccessDenied => Error::DestinationIpProhibited,
        NetError::TooManySockets | NetError::AddressInUse => Error::ConnectionLimitReached,
        NetError::NameUnresolvable => dns("NXDOMAIN"),
        NetError::NameServerFailed => dns("SERVFAIL"),
        _ => Error::InternalError(Some(error.to_string())),
    }
}

fn tls_failure(error: &std::io::Error) -> Error {
    let inner = error.get_ref();
    if let Some(NetError::ConnectionReset) = inner.and_then(|inner| inner.downcast_ref()) {
        return Error::ConnectionTerminated;
    }
    match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented) => {
            Error::TlsCertificateError
        }
        Some(rustls::Error::AlertReceived(alert)) => Error::TlsAlertReceived {
            alert_id: Some(u8::from(*alert)),
            alert_message: Some(format!("{alert:?}")),
        },
        _ => Error::TlsProtocolError,
    }
}

#[cfg(test)]
mod tests {
    use wasmtime_wasi_http::Error;

    use super::{bare, failure};
    use crate::network::NetError;

    #[test]
    fn an_address_of_version_6_loses_its_brackets() {
        assert_eq!(bare("[::1]"), "::1");
        assert_eq!(bare("web.default.svc"), "web.default.svc");
        assert_eq!(bare("[x"), "[x");
    }

    #[test]
    fn the_networks_refusals_keep_their_meaning() {
        assert!(matches!(
            failure(NetError::ConnectionRefused),
            Error::ConnectionRefused
        ));
        assert!(matches!(
            failure(NetError::AccessDenied),
            Error::DestinationIpProhibited
        ));
        assert!(matches!(
            failure(NetError::NameUnresolvable),
            Error::DnsError { rcode: Some(rcode), .. } if rcode == "NXDOMAIN"
        ));
    }
}
