//! The name server of the pods: what `dns_ip` answers on port 53 to guests that speak DNS themselves.

mod answer;
mod server;
#[cfg(test)]
mod tests;

pub(super) use server::{DNS_PORT, connect, datagram};
