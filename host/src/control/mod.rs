//! A running peapod, reached from outside: commands in its containers and what these use, over a unix socket in the run's folder.
//!
//! - owns: the socket and who may connect to it, the protocol, both its ends
//! - never does: change an object; anything that only the machine of a pod may decide
//! - talks to: `store` (which pods there are), `worker` (the containers that run), `ports`, `model`

mod ask;
mod client;
mod frame;
mod inbox;
mod outbox;
mod server;
mod session;
mod socket;

#[cfg(test)]
mod tests;

pub use ask::{ContainerUsage, Found, Refusal, Size, Target};
pub use client::{Client, ClientError, Command, FromCommand, Said, ToCommand, find, usage};
pub use server::Server;
