//! A manifest: refused in one line a fault, or accepted, printed and accepted again.

#![no_main]

#[allow(
    dead_code,
    unused_imports,
    missing_docs,
    reason = "a room as it stands, for one of its uses"
)]
#[path = "../../src/manifest/mod.rs"]
mod manifest;
#[allow(
    dead_code,
    unused_imports,
    missing_docs,
    reason = "a room as it stands, for one of its uses"
)]
#[path = "../../src/model/mod.rs"]
mod model;
#[path = "../../src/manifest/tests/oracle.rs"]
mod oracle;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| oracle::check(bytes));
