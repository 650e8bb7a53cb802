//! Who one is to a registry: pull secrets of a pod, then Docker's configuration of this user, then nobody.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::keyring::{Auth, Keyring};
use crate::model::Secret;
use crate::ports::ConfigSource;

const CONFIG_BYTES_MAX: u64 = 1 << 20;
const HELPER_BYTES_MAX: u64 = 64 << 10;
const HELPER_TIME_MAX: Duration = Duration::from_secs(30);

/// Where Docker keeps what it knows of this user.
#[derive(Clone, Debug, Default)]
pub(super) struct Credentials {
    file: Option<PathBuf>,
}

/// A pod's `imagePullSecrets`.
#[derive(Clone, Default)]
pub struct PullSecrets {
    /// Where Secrets are.
    pub source: Option<Arc<dyn ConfigSource>>,
    /// The pod's namespace.
    pub namespace: String,
    /// Their names.
    pub names: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Helpers {
    cred_helpers: std::collections::BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

impl Credentials {
    /// `$DOCKER_CONFIG/config.json`, or the one in the home directory.
    pub(super) fn of_this_user() -> Self {
        let dir = match std::env::var_os("DOCKER_CONFIG") {
            Some(dir) => Some(PathBuf::from(dir)),
            None => std::env::home_dir().map(|home| home.join(".docker")),
        };
        Self::in_dir(dir.as_deref())
    }

    pub(super) fn in_dir(dir: Option<&Path>) -> Self {
        Self {
            file: dir.map(|dir| dir.join("config.json")),
        }
    }

    /// What may be tried for a repository of a registry, in order; as nobody at the end. Waits for helpers: not for a runtime's thread.
    pub(super) fn candidates(
        &self,
        registry: &str,
        repository: &str,
        secrets: &PullSecrets,
    ) -> Vec<Auth> {
        let mut found = Vec::new();
        for name in &secrets.names {
            let source = secrets.source.as_ref();
            match source.and_then(|source| source.secret(&secrets.namespace, name)) {
                Some(secret) => found.extend(of_secret(&secret).find(registry, repository)),
                // As a kubelet does, which goes on without.
                None => tracing::warn!("pull secret {}/{name} is not there", secrets.namespace),
            }
        }
        found.extend(self.of_docker(registry, repository));
        found.push(Auth::Nobody);
        let mut seen: Vec<Auth> = Vec::new();
        for auth in found {
            if !seen.contains(&auth) {
                seen.push(auth);
            }
        }
        seen
    }

    fn of_docker(&self, registry: &str, repository: &str) -> Vec<Auth> {
        let mut bytes = Vec::new();
        let read = self.file.as_ref().and_then(|file| {
            let file = std::fs::File::open(file).ok()?;
            file.take(CONFIG_BYTES_MAX).read_to_end(&mut bytes).ok()
        });
        if read.is_none() {
            return Vec::new();
        }
        let helpers: Helpers = match serde_json::from_slice(&bytes) {
            Ok(helpers) => helpers,
            Err(error) => {
                tracing::warn!(%error, "Docker's config.json cannot be read");
                return Vec::new();
            }
        };
        let server = if registry == "docker.io" {
            "https://index.docker.io/v1/"
        } else {
            registry
        };
        let own = helpers
            .cred_helpers
            .get(registry)
            .or_else(|| helpers.cred_helpers.get(server));
        let helper = own.or(helpers.creds_store.as_ref());
        let helped = helper.and_then(|helper| ask(helper, server));
        let listed = Keyring::of_docker_config(&bytes).find(registry, repository);
        helped.into_iter().chain(listed).collect()
    }
}

fn of_secret(secret: &Secret) -> Keyring {
    let data = |key| secret.data.get(key).map(Vec::as_slice).unwrap_or_default();
    match secret.kind.as_str() {
        "kubernetes.io/dockerconfigjson" => Keyring::of_docker_config(data(".dockerconfigjson")),
        "kubernetes.io/dockercfg" => Keyring::of_docker_cfg(data(".dockercfg")),
        other => {
            tracing::warn!(
                "secret {} of type {other} is no pull secret",
                secret.meta.name
            );
            Keyring::default()
        }
    }
}

/// Runs `docker-credential-HELPER get`. One that knows nothing of the server says so by its exit status.
#[expect(
    clippy::disallowed_methods,
    reason = "a helper may ask its user; no runtime's thread waits for it"
)]
fn ask(helper: &str, server: &str) -> Option<Auth> {
    // The name comes from a file that other programs write; it is the end of a program's name, not a path.
    if helper.is_empty() || helper.contains(['/', '\\']) {
        return None;
    }
    let program = format!("docker-credential-{helper}");
    let answered = || -> std::io::Result<Option<Vec<u8>>> {
        let mut child = Command::new(&program)
            .arg("get")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that reads nothing has ended already.
            let _ignored = stdin.write_all(server.as_bytes());
        }
        let stdout = child.stdout.take();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let read = stdout.map(|out| out.take(HELPER_BYTES_MAX).read_to_end(&mut bytes));
            read.and_then(Result::ok).map(|_| bytes)
        });
        let step = Duration::from_millis(10);
        for _ in 0..HELPER_TIME_MAX.as_millis() / step.as_millis() {
            if let Some(status) = child.try_wait()? {
                let bytes = reader.join().ok().flatten();
                return Ok(bytes.filter(|_| status.success()));
            }
            std::thread::sleep(step);
        }
        child.kill()?;
        child.wait()?;
        Err(std::io::ErrorKind::TimedOut.into())
    };
    match answered() {
        Ok(bytes) => {
            let answer: Answer = serde_json::from_slice(&bytes?).ok()?;
            Some(match answer.username.as_str() {
                "<token>" => Auth::Identity(answer.secret),
                _ => Auth::Password(answer.username, answer.secret),
            })
        }
        Err(error) => {
            tracing::warn!(%error, "{program}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Auth, Credentials, PullSecrets};

    #[test]
    fn the_file_and_no_one_are_tried() {
        let dir = tempfile::tempdir().expect("a folder");
        let docker = Credentials::in_dir(Some(dir.path()));
        let secrets = PullSecrets::default();
        let nobody = [Auth::Nobody];
        assert_eq!(
            docker.candidates("r.example", "a", &secrets),
            nobody,
            "no file"
        );
        // "me:pass"
        let text = r#"{"auths": {"r.example": {"auth": "bWU6cGFzcw=="}}, "credsStore": "peapod-test-none"}"#;
        std::fs::write(dir.path().join("config.json"), text).expect("written");
        let me = Auth::Password("me".into(), "pass".into());
        assert_eq!(
            docker.candidates("r.example", "a", &secrets),
            [me, Auth::Nobody],
            "a helper that is not installed is no harm"
        );
        assert_eq!(docker.candidates("other.example", "a", &secrets), nobody);
        std::fs::write(dir.path().join("config.json"), "{").expect("written");
        assert_eq!(docker.candidates("r.example", "a", &secrets), nobody);
    }
}
