//! The virtual network by its behaviour, without wasm.

mod limits;
mod model;
mod options;
mod ports;
mod services;
mod shaping;
mod switch;
mod tcp;
mod udp;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::{
    EgressPolicy, Family, NetError, NetworkSettings, PodIdentity, PodNetwork, ResolvConf, Switch,
    TcpListener, TcpSocket, TcpStream, UdpSocket,
};

fn network() -> Arc<Switch> {
    Switch::new(NetworkSettings::default()).unwrap()
}

fn identity(name: &str) -> PodIdentity {
    PodIdentity {
        uid: format!("uid-{name}").as_str().into(),
        name: name.into(),
        namespace: "default".into(),
        hostname: name.into(),
        fqdn: None,
        aliases: Vec::new(),
        ingress_bits_per_second: None,
        egress_bits_per_second: None,
        egress: EgressPolicy::default(),
        resolv: ResolvConf::default(),
    }
}

fn pod(switch: &Arc<Switch>, name: &str) -> Arc<PodNetwork> {
    switch.attach(identity(name)).unwrap()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A pod's own address with a port.
fn at(net: &PodNetwork, port: u16) -> SocketAddr {
    SocketAddr::from((net.ip(), port))
}

fn family(address: SocketAddr) -> Family {
    if address.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    }
}

fn bind(net: &Arc<PodNetwork>, local: SocketAddr) -> Result<TcpSocket, NetError> {
    let mut socket = TcpSocket::new(net, family(local), None)?;
    socket.bind(local)?;
    Ok(socket)
}

fn listen(net: &Arc<PodNetwork>, local: &str) -> TcpListener {
    bind(net, address(local)).unwrap().listen(128).unwrap()
}

async fn connect(net: &Arc<PodNetwork>, remote: SocketAddr) -> Result<TcpStream, NetError> {
    TcpSocket::new(net, family(remote), None)?
        .connect(remote)?
        .await
}

/// A connection within a pod: the side that connected, the side that accepted.
async fn connected(net: &Arc<PodNetwork>) -> (TcpStream, TcpStream) {
    let listener = listen(net, "127.0.0.1:0");
    let client = connect(net, listener.local_address()).await.unwrap();
    (client, listener.accept().await.unwrap())
}

fn udp(net: &Arc<PodNetwork>, local: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::new(net, family(local), None).unwrap();
    socket.bind(local).unwrap();
    socket
}

async fn read(stream: &TcpStream) -> Result<Bytes, NetError> {
    poll_fn(|cx| stream.poll_read(cx, usize::MAX)).await
}

async fn read_exactly(stream: &TcpStream, bytes: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < bytes {
        let some = poll_fn(|cx| stream.poll_read(cx, bytes - all.len())).await;
        let some = some.unwrap();
        assert!(!some.is_empty(), "the end after {} bytes", all.len());
        all.extend_from_slice(&some);
    }
    all
}

/// Everything up to the end or the error.
async fn read_all(stream: &TcpStream) -> (Vec<u8>, Option<NetError>) {
    let mut all = Vec::new();
    loop {
        match read(stream).await {
            Ok(some) if some.is_empty() => return (all, None),
            Ok(some) => all.extend_from_slice(&some),
            Err(error) => return (all, Some(error)),
        }
    }
}

async fn write_all(stream: &TcpStream, mut bytes: Bytes) -> Result<(), NetError> {
    while !bytes.is_empty() {
        let permit = poll_fn(|cx| stream.poll_writable(cx)).await?;
        stream.write(bytes.split_to(permit.min(bytes.len())))?;
    }
    Ok(())
}

/// Writes as long as there is a permit.
fn fill(stream: &TcpStream) -> usize {
    let mut written = 0;
    loop {
        match stream.writable_now().unwrap() {
            0 => return written,
            permit => {
                stream.write(Bytes::from(vec![7; permit])).unwrap();
                written += permit;
            }
        }
    }
}

fn poll_once<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    poll(&mut Context::from_waker(Waker::noop()))
}
