//! `registries.yaml` in the data directory: mirrors, whom to trust, registries without TLS, how much images may take.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::images::ImageError;

const FILE_BYTES_MAX: u64 = 1 << 20;

/// Which registries there are and how they are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to look before the registry itself, by its name.
    pub mirrors: BTreeMap<String, Vec<Host>>,
    /// Registries that are reached by plain http, beside those on this machine.
    pub insecure: Vec<String>,
    /// Whom to believe that he is a registry or a mirror, by its name.
    pub tls: BTreeMap<String, Tls>,
    /// No registry is asked for anything.
    pub offline: bool,
    /// Above so many bytes in the store, images that were pulled and not used for long are removed, ...
    pub high_bytes: u64,
    /// ... until so many are left.
    pub low_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mirrors: BTreeMap::new(),
            insecure: Vec::new(),
            tls: BTreeMap::new(),
            offline: false,
            high_bytes: 20 << 30,
            low_bytes: 16 << 30,
        }
    }
}

/// A server that speaks the distribution API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// How TLS is spoken, if it is.
    pub tls: Option<Tls>,
    /// Name or address, with its port if it has an unusual one.
    pub authority: String,
    /// What stands before every repository there, if something does.
    pub prefix: Option<String>,
    /// What passwords for it are listed under. A mirror's is its own name: what is for the registry is not shown to who only mirrors it.
    pub known_as: String,
}

/// Which certificates are good.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tls {
    /// Those that the machine trusts.
    #[default]
    System,
    /// Also those that the authorities of a file have signed.
    Authority(PathBuf),
    /// Any: whoever is on the way can be the registry.
    Unverified,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Trust {
    ca: Option<PathBuf>,
    skip_verify: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct File {
    mirrors: BTreeMap<String, Vec<String>>,
    insecure: Vec<String>,
    tls: BTreeMap<String, Trust>,
    offline: bool,
    store: Store,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Store {
    high_mib: u64,
    low_mib: u64,
}

impl Default for Store {
    fn default() -> Self {
        let settings = Settings::default();
        Self {
            high_mib: settings.high_bytes >> 20,
            low_mib: settings.low_bytes >> 20,
        }
    }
}

impl Settings {
    /// Reads the file, if there is one.
    pub fn read(path: &Path) -> Result<Self, ImageError> {
        use std::io::Read as _;
        let mut text = String::new();
        match std::fs::File::open(path) {
            Ok(file) => file
                .take(FILE_BYTES_MAX)
                .read_to_string(&mut text)
                .map_err(ImageError::io(path))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(error) => return Err(ImageError::io(path)(error)),
        };
        Self::parse(&text, path.parent().unwrap_or(path)).map_err(|detail| ImageError::Config {
            path: path.to_owned(),
            detail,
        })
    }

    /// `dir` is what paths are relative to.
    fn parse(text: &str, dir: &Path) -> Result<Self, String> {
        let file: Option<File> = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        let file = file.unwrap_or_default();
        let mut tls = BTreeMap::new();
        for (name, trust) in file.tls {
            if file.insecure.contains(&name) {
                return Err(format!("tls.{name}: it is listed under insecure, too"));
            }
            let trust = match trust {
                Trust {
                    ca: Some(_),
                    skip_verify: true,
                } => {
                    return Err(format!("tls.{name}: either ca or skipVerify"));
                }
                Trust { ca: Some(ca), .. } => Tls::Authority(dir.join(ca)),
                Trust {
                    skip_verify: true, ..
                } => Tls::Unverified,
                Trust { .. } => Tls::System,
            };
            tls.insert(name, trust);
        }
        let mut mirrors = BTreeMap::new();
        for (registry, urls) in file.mirrors {
            let hosts = urls.iter().map(|url| {
                host(url, &tls).ok_or_else(|| {
                    format!(
                        "mirrors.{registry}: {url:?} does not look like https://HOST[:PORT][/PATH]"
                    )
                })
            });
            mirrors.insert(registry.clone(), hosts.collect::<Result<_, _>>()?);
        }
        let (high_bytes, low_bytes) = (file.store.high_mib << 20, file.store.low_mib << 20);
        if low_bytes > high_bytes {
            return Err("store: lowMib is more than highMib".into());
        }
        Ok(Self {
            mirrors,
            insecure: file.insecure,
            tls,
            offline: file.offline,
            high_bytes,
            low_bytes,
        })
    }

    /// Where a registry's images may be had, in the order to try.
    pub(super) fn hosts(&self, registry: &str) -> Vec<Host> {
        let mirrors = self.mirrors.get(registry).cloned().unwrap_or_default();
        let authority = match registry {
            "docker.io" => "registry-1.docker.io",
            other => other,
        };
        let listed = self.insecure.iter().any(|one| one == registry);
        let tls = match self.tls.get(registry) {
            Some(tls) => Some(tls.clone()),
            None if listed || is_loopback(registry) => None,
            None => Some(Tls::System),
        };
        let own = Host {
            tls,
            authority: authority.to_owned(),
            prefix: None,
            known_as: registry.to_owned(),
        };
        mirrors.into_iter().chain([own]).collect()
    }
}

fn host(url: &str, known: &BTreeMap<String, Tls>) -> Option<Host> {
    let (by_tls, rest) = match url.split_once("://")? {
        ("https", rest) => (true, rest),
        ("http", rest) => (false, rest),
        _ => return None,
    };
    let (authority, prefix) = match rest.split_once('/') {
        Some((authority, path)) => (authority, path.trim_matches('/')),
        None => (rest, ""),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    (!authority.is_empty() && authority.chars().all(plain)).then(|| Host {
        tls: by_tls.then(|| known.get(authority).cloned().unwrap_or_default()),
        authority: authority.to_owned(),
        prefix: Some(prefix.to_owned()).filter(|prefix| !prefix.is_empty()),
        known_as: authority.to_owned(),
    })
}

/// On this machine nobody listens in, and nobody has certificates.
pub(super) fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host,
        _ => registry,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Settings, Tls, is_loopback};

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(text, Path::new("/data"))
    }

    #[test]
    fn mirrors_come_before_the_registry() {
        let text = "mirrors: {docker.io: ['http://127.0.0.1:5000', 'https://m.example/hub/']}\ninsecure: ['lan:80']\nstore: {highMib: 2, lowMib: 1}";
        let settings = parse(text).expect("parsed");
        let hosts = settings.hosts("docker.io");
        let shown = hosts.iter().map(|host| {
            let prefix = host.prefix.as_deref().unwrap_or("-");
            format!("{} {} {prefix}", host.tls.is_some(), host.authority)
        });
        assert_eq!(
            shown.collect::<Vec<_>>(),
            [
                "false 127.0.0.1:5000 -",
                "true m.example hub",
                "true registry-1.docker.io -"
            ]
        );
        let tls = |name| settings.hosts(name).remove(0).tls;
        assert_eq!((tls("lan:80"), tls("lan:81")), (None, Some(Tls::System)));
        assert_eq!(
            (settings.high_bytes, settings.low_bytes),
            (2 << 20, 1 << 20)
        );
        assert_eq!(
            parse("").expect("nothing is the default"),
            Settings::default()
        );
    }

    #[test]
    fn whom_to_trust_is_told_by_registry_and_mirror() {
        let text = "mirrors: {docker.io: ['https://m.example:5000/hub']}\n\
            tls: {m.example:5000: {ca: m.pem}, 'localhost:1': {}, old.example: {skipVerify: true}, abs.example: {ca: /etc/ca.pem}}";
        let settings = parse(text).expect("parsed");
        let tls = |name| settings.hosts(name).remove(0).tls;
        assert_eq!(tls("docker.io"), Some(Tls::Authority("/data/m.pem".into())));
        assert_eq!(
            tls("abs.example"),
            Some(Tls::Authority("/etc/ca.pem".into()))
        );
        assert_eq!(tls("old.example"), Some(Tls::Unverified));
        assert_eq!(tls("localhost:1"), Some(Tls::System), "it is listed");
        assert_eq!(tls("localhost:2"), None);
        assert_eq!(settings.hosts("docker.io")[1].tls, Some(Tls::System));
    }

    #[test]
    fn what_is_misspelt_is_refused() {
        for text in [
            "mirror: {}",
            "mirrors: {a: ['ftp://b']}",
            "mirrors: {a: ['b']}",
            "store: {lowMib: 5, highMib: 4}",
            "tls: {a: {ca: x, skipVerify: true}}",
            "tls: {a: {}}\ninsecure: [a]",
            "tls: {a: {skipVerfy: true}}",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn registries_of_this_machine_need_no_tls() {
        for yes in ["localhost", "localhost:5000", "127.0.0.1:1", "[::1]:5000"] {
            assert!(is_loopback(yes), "{yes}");
        }
        for no in [
            "docker.io",
            "localhost.example:5000",
            "10.0.0.1:5000",
            "[fe80::1]:1",
        ] {
            assert!(!is_loopback(no), "{no}");
        }
    }
}
