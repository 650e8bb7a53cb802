//! Tests of the whole room, most of them against recorded answers of a real API server.

mod documents;
mod fuzz;
mod golden_defaulting;
mod golden_tables;
mod golden_validation;
mod loading;
mod oracle;
mod probes;
mod rules;
mod secrets;
mod services;
mod status;
mod volumes;

use super::Fault;
use crate::model::{PodUid, Time};

/// A fault without the line: what tests of the wording write has few.
fn said(fault: &Fault) -> String {
    Fault {
        line: None,
        ..fault.clone()
    }
    .to_string()
}

/// A file of the recorded answers.
fn golden(path: &str) -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/");
    std::fs::read_to_string(format!("{root}{path}"))
        .unwrap_or_else(|error| panic!("{root}{path}: {error}"))
}

/// The names of the recorded files in a folder that end so.
fn golden_names(folder: &str, end: &str) -> Vec<String> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/");
    let mut names: Vec<String> = std::fs::read_dir(format!("{root}{folder}"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(end))
        .collect();
    names.sort();
    names
}

fn now() -> Time {
    Time::from_unix_secs(1_790_000_000)
}

/// UIDs that count up.
fn ids() -> impl FnMut() -> PodUid {
    let mut next = 0;
    move || {
        next += 1;
        PodUid::new(format!("00000000-0000-4000-8000-{next:012}"))
    }
}
