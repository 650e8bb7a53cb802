//! What the small commands of an image share: their options and their complaints.

pub mod options;

use std::fmt::Display;
use std::io::Write as _;

/// A line on standard error.
pub fn complain(name: &str, text: impl Display) {
    // Nobody is left to tell where standard error itself fails.
    let _ = writeln!(std::io::stderr(), "{name}: {text}");
}
