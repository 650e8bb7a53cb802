//! The server's key: ECDSA over P-256.

use std::sync::Arc;

use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::Generate;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::pkcs8::DecodePrivateKey;
use rustls::crypto::KeyProvider;
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::{self, Signer};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

/// A private key.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    signing: SigningKey,
    public: Box<[u8]>,
}

impl Key {
    /// A new one.
    pub(crate) fn new() -> Result<Key, String> {
        let secret = SecretKey::try_generate().map_err(|_| "no randomness".to_owned())?;
        Ok(Key::of(secret))
    }

    /// The one of a PEM file, `PRIVATE KEY` or `EC PRIVATE KEY`.
    pub(crate) fn from_pem(pem: &str) -> Result<Key, String> {
        SecretKey::from_pkcs8_pem(pem)
            .ok()
            .or_else(|| SecretKey::from_sec1_pem(pem).ok())
            .map(Key::of)
            .ok_or_else(|| {
                "no EC private key over P-256 (prime256v1), which is the only kind there is here"
                    .to_owned()
            })
    }

    fn of(secret: SecretKey) -> Key {
        let public = secret.public_key().to_sec1_point(false).as_bytes().into();
        Key {
            signing: secret.into(),
            public,
        }
    }

    fn signature(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signature: DerSignature = self.signing.try_sign(message).ok()?;
        Some(signature.as_bytes().to_vec())
    }
}

/// For the handshake.
impl sign::SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let can = offered.contains(&SignatureScheme::ECDSA_NISTP256_SHA256);
        can.then(|| -> Box<dyn Signer> { Box::new(self.clone()) })
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.signature(message)
            .ok_or_else(|| Error::General("signing failed".to_owned()))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP256_SHA256
    }
}

/// For its own certificate.
impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.signature(message).ok_or(rcgen::Error::RemoteKeyError)
    }
}

impl rcgen::PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// Keys are given to rustls as they are, never by a file.
#[derive(Debug)]
pub(super) struct NoFiles;

impl KeyProvider for NoFiles {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn sign::SigningKey>, Error> {
        Err(Error::General("keys are not loaded here".to_owned()))
    }
}
