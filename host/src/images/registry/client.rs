//! HTTP clients: whom they trust, and how.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::{Mutex, Once, PoisonError};

use reqwest::Certificate;
use tokio_rustls::rustls::crypto::ring;

use super::settings::{Host, Tls, is_loopback};
use super::{Pace, RegistryError};

pub(super) const AGENT: &str = concat!("peapod/", env!("CARGO_PKG_VERSION"));
const AUTHORITIES_BYTES_MAX: u64 = 4 << 20;

/// Whoever builds a client without saying which cryptography it is to use gets this one. Another may be chosen already: it will do.
pub(super) fn choose_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| drop(ring::default_provider().install_default()));
}

/// One client for each kind of host. Made when it is first needed: reading the machine's certificates takes longer than a small container
/// runs.
pub(super) struct Clients {
    pace: Pace,
    made: Mutex<BTreeMap<(Option<Tls>, bool), reqwest::Client>>,
}

impl Clients {
    pub(super) fn new(pace: Pace) -> Self {
        Self {
            pace,
            made: Mutex::default(),
        }
    }

    /// The one for that host.
    pub(super) fn of(&self, host: &Host) -> Result<reqwest::Client, RegistryError> {
        let key = (host.tls.clone(), is_loopback(&host.authority));
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&key) {
            return Ok(client.clone());
        }
        let client = self.make(&key)?;
        made.insert(key, client.clone());
        Ok(client)
    }

    fn make(&self, (tls, is_here): &(Option<Tls>, bool)) -> Result<reqwest::Client, RegistryError> {
        choose_crypto();
        let mut builder = reqwest::Client::builder()
            .user_agent(AGENT)
            .read_timeout(self.pace.read)
            .connect_timeout(self.pace.connect);
        if *is_here {
            // A proxy of the environment is on another machine, where this one's loopback leads elsewhere.
            builder = builder.no_proxy();
        }
        builder = match tls {
            None | Some(Tls::System) => builder,
            Some(Tls::Authority(file)) => {
                let unusable = |detail: String| {
                    RegistryError::Unusable(format!(
                        "registries.yaml: {}: {detail}",
                        file.display()
                    ))
                };
                let bytes = read(file).map_err(|error| unusable(error.to_string()))?;
                let authorities = Certificate::from_pem_bundle(&bytes);
                let authorities = authorities.map_err(|error| unusable(error.to_string()))?;
                if authorities.is_empty() {
                    return Err(unusable("it holds no certificate in PEM".into()));
                }
                builder.tls_certs_merge(authorities)
            }
            Some(Tls::Unverified) => builder.tls_danger_accept_invalid_certs(true),
        };
        builder
            .build()
            .map_err(|error| RegistryError::transport(&error))
    }
}

/// A file of certificates.
pub(super) fn read(file: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(file)?;
    file.take(AUTHORITIES_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}
