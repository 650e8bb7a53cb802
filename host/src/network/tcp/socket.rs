//! A socket before it listens or is connected.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use super::backlog::{Backlog, Request};
use super::connecting::Connecting;
use super::stream::Party;
use super::{TcpListener, start};
use crate::budget::Memory;
use crate::model::Protocol;
use crate::network::meter::{Lease, Ticket};
use crate::network::route::{Route, check_remote, route};
use crate::network::wake::lock;
use crate::network::{Family, NetError, PodNetwork, outside};

/// A socket that neither listens nor is connected. Dropping it frees its port.
#[derive(Debug)]
pub struct TcpSocket {
    net: Arc<PodNetwork>,
    family: Family,
    lease: Option<Lease>,
    /// None once it listens or connects: the listener or connection has it.
    ticket: Option<Ticket>,
}

impl TcpSocket {
    /// An unbound socket. Of a container's, what waits at it, and at what it accepts, counts as that
    /// container's memory; what the node itself opens has no owner.
    pub fn new(
        net: &Arc<PodNetwork>,
        family: Family,
        owner: Option<&Arc<Memory>>,
    ) -> Result<Self, NetError> {
        Ok(Self {
            ticket: Some(net.ticket(owner)?),
            net: Arc::clone(net),
            family,
            lease: None,
        })
    }

    /// The socket's family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The pod's network.
    pub fn network(&self) -> &Arc<PodNetwork> {
        &self.net
    }

    /// Binds; port 0 is an ephemeral one.
    pub fn bind(&mut self, local: SocketAddr) -> Result<(), NetError> {
        self.check_unspent()?;
        if self.lease.is_some() {
            return Err(NetError::InvalidState);
        }
        self.net.check_bindable(self.family, local.ip())?;
        self.lease = Some(Lease::tcp(&self.net, local.ip(), local.port())?);
        Ok(())
    }

    /// Listens, on an ephemeral port of all addresses if it is not bound. The socket is spent: its port is the listener's.
    pub fn listen(&mut self, backlog: usize) -> Result<TcpListener, NetError> {
        self.check_unspent()?;
        let lease = match self.lease.take() {
            Some(lease) => lease,
            None => Lease::tcp(&self.net, self.family.unspecified(), 0)?,
        };
        let ticket = self.ticket.take().ok_or(NetError::InvalidState)?;
        let backlog = Backlog::new(backlog, ticket.owner());
        {
            let mut table = lock(&self.net.tcp);
            if let Some(entry) = table.get_mut(lease.address(), lease.port()) {
                *entry = Some(Arc::clone(&backlog));
            }
        }
        if !self.net.is_attached() {
            // The pod went away meanwhile and did not see this listener: nobody will connect.
            backlog.close();
        }
        Ok(TcpListener::new(backlog, lease, ticket))
    }

    /// Connects. An error here is the caller's mistake and leaves the socket as it was; what the network says comes from
    /// [`Connecting`], and then the socket is spent.
    pub fn connect(&mut self, remote: SocketAddr) -> Result<Connecting, NetError> {
        self.check_unspent()?;
        check_remote(self.family, remote)?;
        let source = self.source(remote.ip())?;
        let lease = match self.lease.take() {
            Some(lease) => lease,
            None => Lease::tcp(&self.net, source, 0)?,
        };
        let ticket = self.ticket.take().ok_or(NetError::InvalidState)?;
        let local = SocketAddr::new(source, lease.port());
        let connecting = match route(&self.net, Protocol::Tcp, remote, |_, _| None) {
            Route::Nowhere(error) => Connecting::over(local, Err(error)),
            Route::Pod { net, address, .. } => {
                let crossing = !Arc::ptr_eq(&net, &self.net);
                let client = Party {
                    ticket: Some(ticket),
                    lease: Some(lease),
                    local,
                    peer: remote,
                };
                start(Request {
                    client,
                    server_net: net,
                    address,
                    crossing,
                })
            }
            Route::Outside => match outside::connect(&self.net, remote) {
                Ok(receiver) => Connecting::outside(local, (lease, ticket), receiver),
                Err(error) => Connecting::over(local, Err(error)),
            },
        };
        Ok(connecting)
    }

    /// Where it is bound.
    pub fn local_address(&self) -> Option<SocketAddr> {
        let lease = self.lease.as_ref()?;
        Some(SocketAddr::new(lease.address(), lease.port()))
    }

    fn check_unspent(&self) -> Result<(), NetError> {
        match self.ticket {
            Some(_) if self.net.is_attached() => Ok(()),
            Some(_) => Err(NetError::Unreachable),
            None => Err(NetError::InvalidState),
        }
    }

    /// The address that a connection to there comes from.
    fn source(&self, remote: IpAddr) -> Result<IpAddr, NetError> {
        let bound = self.lease.as_ref().map(Lease::address);
        match bound.filter(|address| !address.is_unspecified()) {
            // As the kernel: nothing leaves with a loopback address as its source.
            Some(bound) if bound.is_loopback() && !self.net.owns(remote) => {
                Err(NetError::InvalidArgument)
            }
            Some(bound) => Ok(bound),
            None => Ok(source_for(&self.net, remote)),
        }
    }
}

/// The address that a pod sends from to there, when it does not say.
pub(in crate::network) fn source_for(net: &PodNetwork, remote: IpAddr) -> IpAddr {
    match remote {
        IpAddr::V4(ip) if ip.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V4(_) => net.ip().into(),
        IpAddr::V6(ip) if ip.is_loopback() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
