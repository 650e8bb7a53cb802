//! Servers for probes to ask.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::network::{Family, PodNetwork, TcpListener, TcpSocket};

/// A key of nobody, for `probe.test`, signed by itself.
const KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgcrPjSPWkE8/JAhjkRRIQ2bGjvTG+QZWz4xNh/27QNJuhRANC\
    AAR1wnlj+ZtafdW9w9vmqHRRi1dUidSqjovYW+FcWci3+UPYhCfHJGrWZz3micP7s003lZzdkhXMENN2Su2D2fdt";
const CERTIFICATE: &str = "MIIBgTCCASegAwIBAgIUTtGkkTwOMXXGEKmH8H0h7CNCZMkwCgYIKoZIzj0EAwIwFTETMBEGA1UEAwwKcHJvYmUudGVzdDAg\
    Fw0yNjExMjExMjM2NTZaGA8yMTI2MTAyODEyMzY1NlowFTETMBEGA1UEAwwKcHJvYmUudGVzdDBZMBMGByqGSM49AgEGCCqG\
    SM49AwEHA0IABHXCeWP5m1p91b3D2+aodFGLV1SJ1KqOi9hb4VxZyLf5Q9iEJ8ckatZnPeaJw/uzTTeVnN2SFcwQ03ZK7YPZ\
    922jUzBRMB0GA1UdDgQWBBRrBOCmHm2c3O1/xFweUx0qJ/f09DAfBgNVHSMEGDAWgBRrBOCmHm2c3O1/xFweUx0qJ/f09DAP\
    BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCiEb8hvoqKkHn1V93V85WkKP1vYof9X1TqV1m6SnUErwIgcvib\
    5eEXOLxQMlzFfu1fAojPzVRpNu1KCP4KM7Sb4gc=";

/// What servers were asked: the first line and the headers, sorted.
#[derive(Clone, Default)]
pub(super) struct Asked(Arc<Mutex<Vec<Vec<String>>>>);

impl Asked {
    pub(super) fn requests(&self) -> Vec<Vec<String>> {
        self.0.lock().expect("unpoisoned").clone()
    }

    pub(super) fn paths(&self) -> Vec<String> {
        let first = |lines: Vec<String>| lines[0].clone();
        self.requests().into_iter().map(first).collect()
    }

    fn note(&self, request: &Request<Incoming>) {
        let headers = request.headers().iter();
        let mut headers: Vec<String> = headers
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        headers.sort();
        headers.insert(0, format!("{} {}", request.method(), request.uri()));
        self.0.lock().expect("unpoisoned").push(headers);
    }
}

pub(super) type Answer = Response<Full<Bytes>>;

/// A response.
pub(super) fn answer(status: u16, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status.try_into().expect("a status");
    response
}

/// A redirect.
pub(super) fn redirect(to: &str) -> Answer {
    let mut response = answer(302, "elsewhere");
    let to = to.parse().expect("a location");
    response.headers_mut().insert("location", to);
    response
}

pub(super) fn listen(net: &Arc<PodNetwork>, address: &str) -> TcpListener {
    let address: SocketAddr = address.parse().expect("an address");
    let mut socket = TcpSocket::new(net, Family::V4, None).expect("a socket");
    socket.bind(address).expect("a free port");
    socket.listen(128).expect("a listener")
}

/// A web server on that address.
pub(super) fn web(
    net: &Arc<PodNetwork>,
    address: &str,
    reply: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> Asked {
    serve(listen(net, address), None, reply)
}

/// The same by TLS.
pub(super) fn secure_web(
    net: &Arc<PodNetwork>,
    address: &str,
    reply: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> Asked {
    let bytes = |text: &str| {
        let engine = base64::engine::general_purpose::STANDARD;
        engine.decode(text).expect("base64")
    };
    let key = PrivateKeyDer::try_from(bytes(KEY)).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(bytes(CERTIFICATE))], key)
        .expect("a certificate");
    serve(listen(net, address), Some(Arc::new(config).into()), reply)
}

fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    reply: impl Fn(&str) -> Answer + Send + Sync + 'static,
) -> Asked {
    let asked = Asked::default();
    let log = asked.clone();
    let reply = Arc::new(reply);
    tokio::spawn(async move {
        while let Ok(stream) = listener.accept().await {
            let (log, reply, tls) = (log.clone(), Arc::clone(&reply), tls.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                log.note(&request);
                let path = request.uri().to_string();
                let reply = Arc::clone(&reply);
                async move { Ok::<_, Infallible>(reply(&path)) }
            });
            let http = hyper::server::conn::http1::Builder::new();
            tokio::spawn(async move {
                let io = stream.into_io();
                match tls {
                    None => _ = http.serve_connection(TokioIo::new(io), service).await,
                    Some(tls) => {
                        if let Ok(io) = tls.accept(io).await {
                            _ = http.serve_connection(TokioIo::new(io), service).await;
                        }
                    }
                }
            });
        }
    });
    asked
}
