//! Registries: pulling and pushing by the OCI distribution API.

mod auth;
mod error;
mod fetch;
mod http;
mod keyring;
mod progress;
mod pull;
mod push;
mod settings;

#[cfg(test)]
pub(in crate::images) mod fake;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};

use super::content::ContentStore;
pub use auth::PullSecrets;
pub use error::RegistryError;
pub use progress::{Progress, Transfer};
pub use settings::Settings;

/// Images that are pulled at the same time; more wait for their turn (rule I4 tells both times).
const PULLS_MAX: usize = 3;

/// Pulls into a content store and pushes out of it.
pub struct Registry {
    pub(super) store: Arc<ContentStore>,
    pub(super) settings: Settings,
    pace: Pace,
    /// Made when it is first needed: reading the machine's certificates takes longer than a small container runs.
    http: OnceCell<reqwest::Client>,
    turns: Semaphore,
    progress: Progress,
}

/// How patient a client is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two reads of an answer.
    read: Duration,
    connect: Duration,
    /// Before the second attempt; doubles.
    retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(30),
            connect: Duration::from_secs(15),
            retry: Duration::from_millis(500),
        }
    }
}

impl Registry {
    /// Registries as they are configured.
    pub fn new(store: Arc<ContentStore>, settings: Settings) -> Self {
        Self::with_pace(store, settings, Pace::default())
    }

    fn with_pace(store: Arc<ContentStore>, settings: Settings, pace: Pace) -> Self {
        Self {
            store,
            settings,
            pace,
            http: OnceCell::new(),
            turns: Semaphore::new(PULLS_MAX),
            progress: Progress::default(),
        }
    }

    /// What is being fetched or sent.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// How many bytes in the store are too many, and how many are few enough again.
    pub fn limits(&self) -> (u64, u64) {
        (self.settings.high_bytes, self.settings.low_bytes)
    }

    async fn http(&self) -> Result<&reqwest::Client, RegistryError> {
        let make = || async {
            http::choose_crypto();
            reqwest::Client::builder()
                .user_agent(http::AGENT)
                .read_timeout(self.pace.read)
                .connect_timeout(self.pace.connect)
                .build()
                .map_err(|error| RegistryError::transport(&error))
        };
        self.http.get_or_try_init(make).await
    }
}
