//! Passwords by registry, as Docker's files list them; which entry is meant follows a kubelet's rules.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

/// Who one is to a registry.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Auth {
    /// Nobody.
    Nobody,
    /// A name and a password.
    Password(String, String),
    /// What is shown with each request.
    Token(String),
    /// What a token is given for.
    Identity(String),
}

/// As a kubelet reads it: padded or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Entries, by what they are for.
#[derive(Clone, Default)]
pub(super) struct Keyring {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    registrytoken: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct DockerConfig {
    auths: BTreeMap<String, Entry>,
}

impl Keyring {
    /// `config.json`, also as a Secret of type `kubernetes.io/dockerconfigjson`.
    pub(super) fn of_docker_config(bytes: &[u8]) -> Self {
        let config: DockerConfig = serde_json::from_slice(bytes).unwrap_or_default();
        Self {
            entries: config.auths,
        }
    }

    /// The older file, which is the list alone.
    pub(super) fn of_docker_cfg(bytes: &[u8]) -> Self {
        Self {
            entries: serde_json::from_slice(bytes).unwrap_or_default(),
        }
    }

    /// What fits an image, the most exact first.
    pub(super) fn find(&self, registry: &str, repository: &str) -> Vec<Auth> {
        let fitting = self.entries.iter().filter_map(|(key, entry)| {
            let (host, path) = parts(key);
            let fits = host_fits(host, registry) && path_fits(path, repository);
            fits.then_some((path.len(), host.len(), entry))
        });
        let mut fitting: Vec<_> = fitting.collect();
        fitting.sort_by_key(|(path, host, _)| std::cmp::Reverse((*path, *host)));
        let auths = fitting.into_iter().filter_map(|(_, _, entry)| entry.auth());
        auths.collect()
    }
}

impl Entry {
    fn auth(&self) -> Option<Auth> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.registrytoken) {
            return Some(Auth::Token(token));
        }
        if let Some(token) = given(&self.identitytoken) {
            return Some(Auth::Identity(token));
        }
        let pair = |user: &str, password: &str| {
            (!user.is_empty()).then(|| Auth::Password(user.into(), password.into()))
        };
        let both = self.username.as_deref().zip(self.password.as_deref());
        if let Some(auth) = both.and_then(|(user, password)| pair(user, password)) {
            return Some(auth);
        }
        let bytes = BASE64.decode(self.auth.as_ref()?.trim()).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (user, password) = text.split_once(':')?;
        pair(user, password.trim_end_matches('\0'))
    }
}

/// `https://r.example:5000/v1/` is for `r.example:5000`; a path is part of the repository, unless it is that of an API.
fn parts(key: &str) -> (&str, &str) {
    let plain = key.split_once("://").map_or(key, |(_, rest)| rest);
    let (host, path) = plain.split_once('/').unwrap_or((plain, ""));
    let path = path.trim_matches('/');
    let path = if matches!(path, "v1" | "v2") {
        ""
    } else {
        path
    };
    let host = match host {
        "index.docker.io" | "registry-1.docker.io" => "docker.io",
        host => host,
    };
    (host, path)
}

/// `*.r.example` fits `a.r.example`: label by label, and the ports are the same.
fn host_fits(pattern: &str, registry: &str) -> bool {
    let split = |text: &str| match text.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => {
            (host.to_owned(), port.to_owned())
        }
        _ => (text.to_owned(), String::new()),
    };
    let ((pattern, wanted), (host, port)) = (split(pattern), split(registry));
    let (patterns, labels) = (pattern.split('.'), host.split('.'));
    wanted == port
        && patterns.clone().count() == labels.clone().count()
        && patterns
            .zip(labels)
            .all(|(pattern, label)| glob(pattern, label))
}

/// `*` is any number of characters.
fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).any(|at| text.is_char_boundary(at) && glob(rest, &text[at..]))
        }),
    }
}

fn path_fits(path: &str, repository: &str) -> bool {
    let rest = repository.strip_prefix(path);
    path.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::{Auth, Keyring};

    #[test]
    fn the_entry_that_fits_best_comes_first() {
        let text = r#"{"auths": {
            "r.example": {"username": "any", "password": "1"},
            "r.example/team": {"username": "team", "password": "2"},
            "*.r.example": {"username": "sub", "password": "3"},
            "r.example:5000": {"username": "port", "password": "4"},
            "https://index.docker.io/v1/": {"auth": "aHViOjU="},
            "broken.example": {"auth": "%%%"},
            "unpadded.example": {"auth": "aHViOjU"},
            "token.example": {"registrytoken": "t"},
            "identity.example": {"auth": "aHViOg==", "identitytoken": "i"}
        }}"#;
        let keyring = Keyring::of_docker_config(text.as_bytes());
        let users = |registry: &str, repository: &str| {
            let found = keyring.find(registry, repository);
            let users = found.into_iter().map(|auth| match auth {
                Auth::Password(user, _) => user,
                Auth::Token(token) => format!("token {token}"),
                Auth::Identity(token) => format!("identity {token}"),
                Auth::Nobody => "nobody".into(),
            });
            users.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(users("r.example", "a"), "any");
        assert_eq!(users("r.example", "team/a"), "team any");
        assert_eq!(users("r.example", "teamwork/a"), "any");
        assert_eq!(users("a.r.example", "a"), "sub");
        assert_eq!(users("a.b.r.example", "a"), "");
        assert_eq!(users("r.example:5000", "a"), "port");
        assert_eq!(users("docker.io", "library/busybox"), "hub");
        assert_eq!(users("broken.example", "a"), "");
        assert_eq!(users("unpadded.example", "a"), "hub");
        assert_eq!(users("token.example", "a"), "token t");
        assert_eq!(users("identity.example", "a"), "identity i");
        assert_eq!(users("evil-r.example", "a"), "");
    }
}
