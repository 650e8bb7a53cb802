//! `curl`, as far as it is used to look at a server: its options, its statuses and its words for what goes wrong. There is no progress
//! meter, which would be noise in a container's log.

mod failure;
mod options;
mod transfer;

use std::time::{Duration, Instant};

use crate::complain;
use crate::output;
use failure::Failure;
use options::Settings;
use transfer::Transfer;

/// `curl`.
pub fn curl(args: &[String]) -> i32 {
    let settings = match Settings::read(args) {
        Ok(settings) => settings,
        Err(failure) => {
            complain("curl", &failure.text);
            complain("curl", "try 'curl --help' for more information");
            return failure.status;
        }
    };
    if let Some(text) = settings.about {
        return output::write(text.as_bytes()).map_or_else(|e| output::failed("curl", &e), |()| 0);
    }
    let mut status = 0;
    for (index, url) in settings.urls.iter().enumerate() {
        match with_tries(&settings, url, index) {
            Ok(()) => {}
            Err(failure) if failure.is_broken_pipe() => return failure.status,
            Err(failure) => {
                status = failure.status;
                if !settings.silent {
                    complain("curl", format_args!("({status}) {}", failure.text));
                }
            }
        }
    }
    status
}

/// Waits are doubled up to this.
const MAX_PAUSE: Duration = Duration::from_secs(600);

fn with_tries(settings: &Settings, url: &str, index: usize) -> Result<(), Failure> {
    let mut pause = Duration::from_secs(1);
    let mut left = settings.retries;
    loop {
        let mut transfer = Transfer::new(settings, Instant::now());
        let done = transfer.run(url, index);
        let again = match &done {
            Ok(()) => matches!(transfer.status, 408 | 429 | 500 | 502 | 503 | 504),
            Err(failure) => failure.is_passing(transfer.status, settings.retry_refused),
        };
        if left == 0 || !again {
            return done.and_then(|()| transfer.write_out());
        }
        left -= 1;
        std::thread::sleep(settings.pause.unwrap_or(pause));
        pause = (pause * 2).min(MAX_PAUSE);
    }
}
