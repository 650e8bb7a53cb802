//! Telling what a pod was refused: once a minute for each destination, however often it tries.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{PodUid, Protocol};
use crate::network::wake::lock;

/// The same destination is told again after so long.
const AGAIN: Duration = Duration::from_secs(60);
/// Destinations of one pod remembered; a guest that tries all addresses there are is told of no oftener.
const SEEN_MAX: usize = 256;
/// Refusals that nobody has read yet.
pub(super) const REFUSALS_WAITING: usize = 256;

/// A pod was refused something of the real network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who.
    pub pod: PodUid,
    /// What.
    pub what: Refused,
}

/// What a pod may not reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// An address.
    Address(SocketAddr, Protocol),
    /// The machine's answer to a name.
    Name(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address, Protocol::Tcp) => write!(f, "{address} (TCP)"),
            Self::Address(address, Protocol::Udp) => write!(f, "{address} (UDP)"),
            Self::Name(name) => write!(f, "look-up of {name}"),
        }
    }
}

/// What was told lately.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<HashMap<Refused, Instant>>);

impl Seen {
    /// Whether this is to be told.
    pub(super) fn is_new(&self, what: &Refused) -> bool {
        let now = Instant::now();
        let mut seen = lock(&self.0);
        if seen.get(what).is_some_and(|told| now - *told < AGAIN) {
            return false;
        }
        if seen.len() >= SEEN_MAX {
            seen.retain(|_, told| now - *told < AGAIN);
        }
        if seen.len() >= SEEN_MAX {
            return false;
        }
        seen.insert(what.clone(), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::{Refused, SEEN_MAX, Seen};
    use crate::model::Protocol;

    fn address(port: u16) -> Refused {
        Refused::Address(SocketAddr::from(([1, 2, 3, 4], port)), Protocol::Tcp)
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_is_told_once_a_minute() {
        let seen = Seen::default();
        assert!(seen.is_new(&address(1)));
        assert!(!seen.is_new(&address(1)));
        assert!(seen.is_new(&address(2)));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(!seen.is_new(&address(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(seen.is_new(&address(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_guest_that_tries_everything_is_told_of_so_many_a_minute() {
        let seen = Seen::default();
        let told = (1..=9999).filter(|port| seen.is_new(&address(*port)));
        assert_eq!(told.count(), SEEN_MAX);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(seen.is_new(&address(1)));
    }

    #[test]
    fn a_refusal_says_what_was_refused() {
        assert_eq!(address(80).to_string(), "1.2.3.4:80 (TCP)");
        let name = Refused::Name("example.com".into());
        assert_eq!(name.to_string(), "look-up of example.com");
    }
}
