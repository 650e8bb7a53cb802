//! The virtual network: every pod's loopback and address, the switch between pods, names, Services, doors to the real network.
//!
//! - owns: pod and service addresses, TCP and UDP endpoints and their buffers, port tables, name look-up, egress rules, bandwidth, real listeners
//! - never does: anything with wasm; read an object of the store; let a guest reach the machine's own network unless its pod may
//! - talks to: `model` only; `wasm` gives its sockets to guests, `sandbox` attaches pods, `controllers` keeps its table of Services

mod addresses;
mod balance;
mod bandwidth;
mod dns;
mod doors;
mod egress;
mod error;
mod identity;
mod meter;
mod names;
mod options;
mod outside;
mod pod;
mod ports;
mod pump;
mod resolv;
mod route;
mod services;
mod shape;
mod switch;
pub mod tcp;
mod udp;
mod wake;
mod zone;

pub use bandwidth::{Bandwidth, BandwidthError, EGRESS_BANDWIDTH, INGRESS_BANDWIDTH};
pub use doors::{Door, NodePortFault, NodePorts, Target};
pub use egress::{EgressError, EgressPolicy};
pub use error::NetError;
pub use meter::SOCKETS_MAX;
pub use names::{Lookup, lookup};
pub use options::TcpOptions;
pub use outside::{Refusal, Refused};
pub use pod::{Family, PodIdentity, PodNetwork};
pub use resolv::ResolvConf;
pub use services::{Endpoint, Service, ServicePort};
pub use switch::{AttachError, NetworkSettings, NetworkStats, SettingsError, Switch};
pub use tcp::{Connecting, Shutdown, TcpIo, TcpListener, TcpSocket, TcpStream};
pub use udp::{Datagram, UdpSocket};
pub use zone::{HOST_NAME, Zone};

#[cfg(test)]
mod tests;
