//! TLS, as a client: rustls over RustCrypto, which needs no C for the target.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, StreamOwned,
};

use crate::http::Stream;
use crate::tcp::Connection;

/// A failure to agree on it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The server is not who it should be.
    #[error("{0}")]
    Certificate(String),
    /// The file of authorities holds none.
    #[error("no certificate in '{0}'")]
    NoAuthority(String),
    /// The two do not understand each other.
    #[error("TLS: {0}")]
    Protocol(String),
    /// The connection failed meanwhile.
    #[error("{0}")]
    Io(io::Error),
}

/// Whom to trust.
#[derive(Clone, Debug)]
pub(crate) enum Trust {
    /// Whoever Mozilla trusts.
    Usual,
    /// The authorities in a file of PEM.
    File(String),
    /// Everybody.
    All,
}

/// Talks TLS over a connection.
pub(crate) fn client(
    mut connection: Connection,
    host: &str,
    trust: &Trust,
) -> Result<Box<dyn Stream>, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|_| Error::Protocol(format!("'{host}' is no name of a server")))?;
    let provider = Arc::new(rustls_rustcrypto::provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Protocol(e.to_string()))?;
    let config = match trust {
        Trust::All => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider))),
        Trust::Usual => builder.with_root_certificates(usual()),
        Trust::File(path) => builder.with_root_certificates(from_file(path)?),
    }
    .with_no_client_auth();
    let mut session = ClientConnection::new(Arc::new(config), name)
        .map_err(|e| Error::Protocol(e.to_string()))?;
    while session.is_handshaking() {
        session
            .complete_io(&mut connection)
            .map_err(|e| failure(e, host))?;
    }
    Ok(Box::new(StreamOwned::new(session, connection)))
}

fn usual() -> RootCertStore {
    RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    }
}

fn from_file(path: &str) -> Result<RootCertStore, Error> {
    let pem = std::fs::read(path).map_err(Error::Io)?;
    let mut roots = RootCertStore::empty();
    let found = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
    if roots.add_parsable_certificates(found).0 == 0 {
        return Err(Error::NoAuthority(path.to_owned()));
    }
    Ok(roots)
}

/// What a failed handshake comes to, in OpenSSL's words where it has some.
fn failure(e: io::Error, host: &str) -> Error {
    let Some(error) = e
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    else {
        return Error::Io(e);
    };
    Error::Certificate(match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => "unable to get local issuer certificate".to_owned(),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "certificate has expired".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "certificate is not yet valid".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("no subject name matches target host name '{host}'")
            }
            // An authority's own, where a server's is due: one made by hand, most often.
            CertificateError::Other(_) => "self-signed certificate".to_owned(),
            why => why.to_string(),
        },
        error => return Error::Protocol(error.to_string()),
    })
}

/// Takes any certificate, so long as the server has its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
