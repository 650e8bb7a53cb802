//! The algorithms of TLS, of RustCrypto's crates, as rustls wants them: it brings none that builds for WASI without a C compiler that
//! knows wasm. Only what a server needs that asks for no client certificates: two ciphers for TLS 1.3 and for 1.2, two groups, one kind of key.

mod exchange;
mod hash;
mod key;
mod records;

use aes_gcm::Aes128Gcm;
use chacha20poly1305::ChaCha20Poly1305;
use rustls::crypto::tls12::PrfUsingHmac;
use rustls::crypto::tls13::HkdfUsingHmac;
use rustls::crypto::{
    CryptoProvider, GetRandomFailed, KeyExchangeAlgorithm, SecureRandom, WebPkiSupportedAlgorithms,
};
use rustls::{
    CipherSuite, CipherSuiteCommon, SignatureScheme, SupportedCipherSuite, Tls12CipherSuite,
    Tls13CipherSuite,
};

pub(crate) use key::Key;

use hash::{HMAC_SHA256, SHA256};
use records::Cipher;

/// How much may be encrypted with one key: for AES-GCM 2^24 records, for ChaCha20 more than there can be (RFC 8446 §5.5, RFC 9325 §4.4).
const AES_RECORDS: u64 = 1 << 24;

const CHACHA: Cipher<ChaCha20Poly1305> = Cipher::new(0);
const AES: Cipher<Aes128Gcm> = Cipher::new(8);

const fn common(suite: CipherSuite, records: u64) -> CipherSuiteCommon {
    CipherSuiteCommon {
        suite,
        hash_provider: &SHA256,
        confidentiality_limit: records,
    }
}

static TLS13_CHACHA: Tls13CipherSuite = Tls13CipherSuite {
    common: common(CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, u64::MAX),
    hkdf_provider: &HkdfUsingHmac(&HMAC_SHA256),
    aead_alg: &CHACHA,
    quic: None,
};

static TLS13_AES: Tls13CipherSuite = Tls13CipherSuite {
    common: common(CipherSuite::TLS13_AES_128_GCM_SHA256, AES_RECORDS),
    hkdf_provider: &HkdfUsingHmac(&HMAC_SHA256),
    aead_alg: &AES,
    quic: None,
};

static TLS12_CHACHA: Tls12CipherSuite = Tls12CipherSuite {
    common: common(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        u64::MAX,
    ),
    prf_provider: &PrfUsingHmac(&HMAC_SHA256),
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: &[SignatureScheme::ECDSA_NISTP256_SHA256],
    aead_alg: &CHACHA,
};

static TLS12_AES: Tls12CipherSuite = Tls12CipherSuite {
    common: common(
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        AES_RECORDS,
    ),
    prf_provider: &PrfUsingHmac(&HMAC_SHA256),
    kx: KeyExchangeAlgorithm::ECDHE,
    sign: &[SignatureScheme::ECDSA_NISTP256_SHA256],
    aead_alg: &AES,
};

/// All of it. ChaCha20 comes first: wasm has no instructions for AES.
pub(crate) fn provider() -> CryptoProvider {
    CryptoProvider {
        cipher_suites: vec![
            SupportedCipherSuite::Tls13(&TLS13_CHACHA),
            SupportedCipherSuite::Tls13(&TLS13_AES),
            SupportedCipherSuite::Tls12(&TLS12_CHACHA),
            SupportedCipherSuite::Tls12(&TLS12_AES),
        ],
        kx_groups: vec![&exchange::X25519, &exchange::P256],
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            all: &[],
            mapping: &[],
        },
        secure_random: &Random,
        key_provider: &key::NoFiles,
    }
}

#[derive(Debug)]
struct Random;

impl SecureRandom for Random {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), GetRandomFailed> {
        getrandom::fill(bytes).map_err(|_| GetRandomFailed)
    }
}
