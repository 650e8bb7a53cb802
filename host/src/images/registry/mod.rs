//! Registries: pulling and pushing by the OCI distribution API.

mod auth;
mod client;
mod error;
mod fetch;
mod http;
mod keyring;
mod progress;
mod pull;
mod push;
mod settings;
mod token;

#[cfg(test)]
pub(in crate::images) mod fake;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::content::ContentStore;
pub use auth::PullSecrets;
use client::Clients;
pub use error::RegistryError;
pub use progress::{Part, Progress, Transfer};
pub use settings::Settings;

/// Images that are pulled at the same time; more wait for their turn (rule I4 tells both times).
const PULLS_MAX: usize = 3;

/// Pulls into a content store and pushes out of it.
pub struct Registry {
    pub(super) store: Arc<ContentStore>,
    pub(super) settings: Settings,
    pace: Pace,
    clients: Clients,
    turns: Semaphore,
    progress: Progress,
}

/// How patient a client is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two reads of an answer.
    read: Duration,
    connect: Duration,
    /// For the whole of a manifest, or a token.
    document: Duration,
    /// Before the second attempt; doubles.
    retry: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(30),
            connect: Duration::from_secs(15),
            document: Duration::from_secs(60),
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
            clients: Clients::new(pace),
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
}
