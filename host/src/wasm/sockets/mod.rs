//! `wasi:sockets` over the pod's virtual network. wasmtime-wasi has no trait to plug another network in, so these are host functions of
//! our own for its bindings. Its resource types stay as tags in the signatures; what the table really holds is ours: [`ours`] re-tags.

mod convert;
mod names;
mod network;
mod p3;
mod p3_streams;
mod socket;
mod tcp;
mod tcp_streams;
mod udp;

use std::sync::Arc;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::sockets;

use super::guest::Guest;
use crate::budget::Memory;
use crate::network::PodNetwork;

/// The part of a guest that sockets need.
pub(super) struct SocketsView<'a> {
    net: &'a Arc<PodNetwork>,
    memory: &'a Arc<Memory>,
    table: &'a mut ResourceTable,
}

struct Sockets;

impl HasData for Sockets {
    type Data<'a> = SocketsView<'a>;
}

fn view(guest: &mut Guest) -> SocketsView<'_> {
    SocketsView {
        net: &guest.process.container.host.net,
        memory: &guest.process.container.memory,
        table: &mut guest.table,
    }
}

/// The same handle, by what the table holds under it.
fn ours<Theirs: 'static, Ours: 'static>(handle: &Resource<Theirs>) -> Resource<Ours> {
    Resource::new_borrow(handle.rep())
}

/// A handle of ours, by what the bindings call it.
fn theirs<Ours: 'static, Theirs: 'static>(handle: &Resource<Ours>) -> Resource<Theirs> {
    Resource::new_own(handle.rep())
}

/// Replaces the sockets of WASI 0.2 that wasmtime-wasi registered.
pub(super) fn add_p2(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<Guest, Sockets>(linker, &options, view)?;
    sockets::tcp::add_to_linker::<Guest, Sockets>(linker, view)?;
    sockets::tcp_create_socket::add_to_linker::<Guest, Sockets>(linker, view)?;
    sockets::udp::add_to_linker::<Guest, Sockets>(linker, view)?;
    sockets::udp_create_socket::add_to_linker::<Guest, Sockets>(linker, view)?;
    sockets::ip_name_lookup::add_to_linker::<Guest, Sockets>(linker, view)
}

/// Replaces the sockets of WASI 0.3 that wasmtime-wasi registered.
pub(super) fn add_p3(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    use wasmtime_wasi::p3::bindings::sockets;
    sockets::types::add_to_linker::<Guest, Sockets>(linker, view)?;
    sockets::ip_name_lookup::add_to_linker::<Guest, Sockets>(linker, view)
}
