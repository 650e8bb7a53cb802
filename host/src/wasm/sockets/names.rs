//! `wasi:sockets/ip-name-lookup` of WASI 0.2.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::vec::IntoIter;

use futures::future::{BoxFuture, FutureExt as _};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sockets::ip_name_lookup::{
    Host, HostResolveAddressStream, ResolveAddressStream as Theirs,
};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, Pollable, SocketResult, subscribe};

use super::convert::p2;
use super::{SocketsView, ours, theirs};
use crate::network::NetError;

type Answer = Result<Vec<IpAddr>, NetError>;

/// A look-up: under way, or answered.
pub(super) enum Names {
    Asking(BoxFuture<'static, Answer>),
    Answered(Result<IntoIter<IpAddr>, NetError>),
}

impl Names {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Self::Asking(asking) = self {
            let Poll::Ready(answer) = asking.poll_unpin(cx) else {
                return Poll::Pending;
            };
            *self = Self::Answered(answer.map(Vec::into_iter));
        }
        Poll::Ready(())
    }
}

#[async_trait::async_trait]
impl Pollable for Names {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| self.poll(cx)).await;
    }
}

impl Host for SocketsView<'_> {
    fn resolve_addresses(
        &mut self,
        network: Resource<Network>,
        name: String,
    ) -> SocketResult<Resource<Theirs>> {
        self.table.get(&network)?;
        let net = Arc::clone(self.net);
        let mut names = Names::Asking(async move { net.resolve(&name).await }.boxed());
        // The pod's own names are answered here and now.
        let _asked = names.poll(&mut Context::from_waker(Waker::noop()));
        if let Names::Answered(Err(error)) = names {
            return Err(p2(error));
        }
        Ok(theirs(&self.table.push(names)?))
    }
}

impl HostResolveAddressStream for SocketsView<'_> {
    fn resolve_next_address(&mut self, this: Resource<Theirs>) -> SocketResult<Option<IpAddress>> {
        let names = self.table.get_mut(&ours::<_, Names>(&this))?;
        let _asked = names.poll(&mut Context::from_waker(Waker::noop()));
        match names {
            Names::Asking(_) => Err(ErrorCode::WouldBlock.into()),
            Names::Answered(Ok(addresses)) => Ok(addresses.next().map(IpAddress::from)),
            Names::Answered(Err(error)) => Err(p2(*error)),
        }
    }

    fn subscribe(&mut self, this: Resource<Theirs>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table, ours::<_, Names>(&this))
    }

    fn drop(&mut self, this: Resource<Theirs>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Names>::new_own(this.rep()))?;
        Ok(())
    }
}
