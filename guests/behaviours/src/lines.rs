//! What the guests that send lines back and forth agree on, in whatever language they are: `python-net` in ../python does the same.

use std::time::Duration;

/// How long the server may take to be there.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The line of a number.
pub fn line(number: u32) -> String {
    format!("line {number}\n")
}
