//! Run Kubernetes Pods on one machine, without root, a daemon or a cluster. Each container is a WebAssembly (WASI) component; all
//! containers of a pod share one logical host.
//!
//! `ARCHITECTURE.md` has the map; a room may use what stands above its group and never a sibling's inside:
//!
//! - pure: [`model`], [`manifest`], [`engine`], [`scheduling`], [`events`] (and `sim`, its simulator, in tests)
//! - the logical host: [`budget`], [`network`], [`ipc`]
//! - contracts: [`ports`]
//! - adapters: [`images`], [`sandbox`], [`volumes`], [`wasm`], [`logs`], [`clock`], [`machine`], [`layers`], [`tree`]
//! - shells: [`prober`], [`worker`], [`store`], [`node`], [`controllers`], [`control`]
//! - composition and commands: [`app`], [`cli`]

pub mod app;
pub mod budget;
pub mod cli;
pub mod clock;
#[cfg(unix)]
pub mod control;
pub mod controllers;
pub mod engine;
pub mod events;
pub mod images;
pub mod ipc;
pub mod layers;
pub mod logs;
pub mod machine;
pub mod manifest;
pub mod model;
pub mod network;
pub mod node;
pub mod ports;
pub mod prober;
pub mod sandbox;
pub mod scheduling;
#[cfg(any(test, feature = "sim"))]
pub mod sim;
pub mod store;
pub mod tree;
pub mod volumes;
pub mod wasm;
pub mod worker;
