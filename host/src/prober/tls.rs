//! TLS towards a container: encrypted, and verified by nobody (rule D9). A probe asks whether the server answers, not who it is.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use crate::network::{TcpIo, TcpStream};

/// What a server that knows no TLS begins with, whatever it is sent.
const HTTP: [u8; 5] = *b"HTTP/";

/// What Go says of such a server.
pub(super) const PLAIN: &str = "http: server gave HTTP response to HTTPS client";

/// Why there is no TLS over a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The server answered in plain HTTP.
    Plain,
    /// Anything else.
    Other(String),
}

/// TLS over a connection.
pub(super) async fn secure(
    stream: TcpStream,
    host: &str,
) -> Result<TlsStream<Remembering>, Broken> {
    let other = |error: &dyn std::fmt::Display| Broken::Other(error.to_string());
    let name = ServerName::try_from(host.to_owned()).map_err(|error| other(&error))?;
    let connector = TlsConnector::from(config().map_err(|error| other(&error))?);
    let stream = Remembering {
        io: stream.into_io(),
        first: [0; 5],
        seen: 0,
    };
    match connector.connect(name, stream).into_fallible().await {
        Ok(stream) => Ok(stream),
        Err((_, stream)) if stream.first == HTTP => Err(Broken::Plain),
        Err((error, _)) => Err(other(&error)),
    }
}

/// Made once: it is the expensive part of a client.
fn config() -> Result<Arc<ClientConfig>, Error> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(Arc::clone(config));
    }
    let provider = Arc::new(ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody(provider)))
        .with_no_client_auth();
    // Each probe shows that the server can still shake hands.
    config.resumption = Resumption::disabled();
    Ok(Arc::clone(CONFIG.get_or_init(|| Arc::new(config))))
}

/// Believes every certificate.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A connection whose first bytes are kept, to tell a plain server from a broken one.
pub(super) struct Remembering {
    io: TcpIo,
    first: [u8; 5],
    seen: usize,
}

impl AsyncRead for Remembering {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let result = Pin::new(&mut this.io).poll_read(cx, buffer);
        let read = buffer.filled().get(before..).unwrap_or_default();
        for (byte, place) in read.iter().zip(this.first.iter_mut().skip(this.seen)) {
            *place = *byte;
            this.seen += 1;
        }
        result
    }
}

impl AsyncWrite for Remembering {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
