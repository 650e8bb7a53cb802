//! End to end: the real program, real components, real manifests.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "tests end by panics and wait for a real program"
)]

mod bad_input;
mod command;
mod environment;
mod exec;
mod harness;
mod hooks;
mod host;
mod http;
mod images;
mod ipc;
mod lifecycle;
mod live;
mod logs;
mod network;
mod pods;
mod probes;
mod probes_of_sidecars;
mod processes;
mod registry;
mod registry_tls;
mod resources;
mod running;
mod samples;
mod sandbox;
mod scale;
mod services;
mod shell;
mod validate;
mod volume_config_map;
mod volume_downward;
mod volume_empty_dir;
mod volume_keys;
mod volume_projected;
mod volume_secret;
mod volume_sub_path;
mod volumes;
