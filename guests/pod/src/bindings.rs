//! The generated bindings of `guests/wit`. They stay inside this crate: its callers see `io::Error` and owned types.

// Generated code keeps to its generator's style.
#![allow(
    clippy::all,
    clippy::pedantic,
    unreachable_pub,
    reason = "generated code"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "guest",
    generate_all,
});
