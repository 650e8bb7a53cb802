//! The certificate that is shown.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::crypto::Key;

const DAY: Duration = Duration::from_secs(86_400);
/// No client takes one for longer; the proxy is not going to run so long without being started again.
const VALID: Duration = Duration::from_secs(397 * 86_400);

/// A new one, signed by itself, for the pod's name and localhost. A client has to be told not to ask who vouches for it.
pub(crate) fn self_signed() -> Result<SingleCertAndKey, String> {
    let hostname = std::env::var("HOSTNAME")
        .ok()
        .or_else(|| std::fs::read_to_string("/etc/hostname").ok())
        .map(|it| it.trim().to_owned())
        .filter(|it| !it.is_empty());
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    names.extend(hostname.clone());
    let failed = |e: rcgen::Error| format!("no certificate could be made: {e}");
    let mut wanted = CertificateParams::new(names).map_err(failed)?;
    let name = hostname.unwrap_or_else(|| "localhost".to_owned());
    wanted.distinguished_name.push(DnType::CommonName, name);
    // A day before: the client's clock may be behind.
    let now = SystemTime::now();
    wanted.not_before = (now - DAY).into();
    wanted.not_after = (now + VALID).into();
    wanted.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    wanted.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|_| "no randomness".to_owned())?;
    serial[0] &= 0x7f;
    wanted.serial_number = Some(serial.to_vec().into());
    let key = Key::new()?;
    let certificate = wanted.self_signed(&key).map_err(failed)?;
    Ok(certified(vec![certificate.der().clone()], key))
}

/// The one of two PEM files; the chain's first is its own.
pub(crate) fn from_files(cert: &str, key: &str) -> Result<SingleCertAndKey, String> {
    let read = |path: &str| {
        std::fs::read_to_string(path).map_err(|e| format!("{path}: {}", web::error_text(&e)))
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(read(cert)?.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|e| format!("{cert}: {e}"))?;
    if chain.is_empty() {
        return Err(format!("{cert}: no certificate"));
    }
    let key = Key::from_pem(&read(key)?).map_err(|e| format!("{key}: {e}"))?;
    Ok(certified(chain, key))
}

fn certified(chain: Vec<CertificateDer<'static>>, key: Key) -> SingleCertAndKey {
    CertifiedKey::new(chain, Arc::new(key)).into()
}
