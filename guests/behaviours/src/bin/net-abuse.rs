//! What a network has to bear, one line a result:
//!
//! - `net-abuse half-open ADDRESS COUNT`: begins so many connections to a listener of its own that never accepts, and finishes none;
//! - `net-abuse crowd ADDRESS`: connects to a listener of its own and accepts, until there is no room for more;
//! - `net-abuse unread ADDRESS`: writes to a connection whose other end never reads, until it would have to wait;
//! - `net-abuse queued ADDRESS`: closes a listener while a connection waits to be accepted;
//! - `net-abuse zero`: binds to port 0, and connects to it;
//! - `net-abuse connect ADDRESS`: what a connection to there comes to.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

const USAGE: &str = "net-abuse half-open ADDRESS COUNT | crowd ADDRESS | unread ADDRESS | queued ADDRESS | zero | connect ADDRESS";

fn main() {
    let mut args = behaviours::Args::new(USAGE);
    let what: String = args.need();
    let done = match what.as_str() {
        "half-open" => half_open(args.need(), args.need()),
        "crowd" => crowd(args.need()),
        "unread" => unread(args.need()),
        "queued" => queued(args.need()),
        "zero" => zero(),
        "connect" => connect(&args.need::<String>()),
        _ => behaviours::usage(USAGE),
    };
    if let Err(e) = done {
        println!("{what}: {:?} ({e})", e.kind());
        behaviours::exit(1)
    }
}

/// std waits for a connection to be made or refused; the sockets underneath do not.
fn half_open(address: SocketAddr, count: usize) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    let SocketAddr::V4(v4) = address else {
        behaviours::usage(USAGE)
    };
    let [a, b, c, d] = v4.ip().octets();
    let remote = IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port: v4.port(),
        address: (a, b, c, d),
    });
    let network = instance_network();
    let mut held = Vec::new();
    let mut refusals = std::collections::BTreeMap::new();
    for _ in 0..count {
        let begun = create_tcp_socket(IpAddressFamily::Ipv4)
            .and_then(|socket| socket.start_connect(&network, remote).map(|()| socket));
        match begun {
            Ok(socket) => held.push(socket),
            Err(e) => *refusals.entry(e.name()).or_insert(0) += 1,
        }
    }
    println!(
        "half-open: {} of {count} begun, refused: {refusals:?}",
        held.len()
    );
    drop(held);
    drop(listener);
    // All of it is given back: the port, and room for as many again.
    drop(TcpListener::bind(address)?);
    println!("half-open: closed");
    Ok(())
}

fn crowd(address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    let mut held = Vec::new();
    let error = loop {
        let met = TcpStream::connect(address).and_then(|client| Ok((client, listener.accept()?)));
        match met {
            Ok(both) => held.push(both),
            Err(e) => break e,
        }
    };
    println!("crowd: {} connections, then {error}", held.len());
    drop(held);
    drop(TcpStream::connect(address)?);
    println!("crowd: gone");
    Ok(())
}

fn unread(address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    let mut client = TcpStream::connect(address)?;
    let (server, _) = listener.accept()?;
    client.set_nonblocking(true)?;
    let piece = [b'x'; 64 << 10];
    let mut bytes = 0;
    loop {
        match client.write(&piece) {
            Ok(n) => bytes += n,
            Err(e) if e.kind() == ErrorKind::WouldBlock => break,
            Err(e) => return Err(e),
        }
    }
    println!("unread: waits after {bytes} bytes");
    drop(server);
    let error = client.write(&piece).map_err(|e| e.kind());
    println!("unread: then {error:?}");
    Ok(())
}

fn queued(address: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    let mut client = TcpStream::connect(address)?;
    drop(listener);
    println!("queued: {:?}", client.read(&mut [0]).map_err(|e| e.kind()));
    Ok(())
}

fn zero() -> Result<()> {
    let (one, other) = (
        TcpListener::bind("127.0.0.1:0")?,
        TcpListener::bind("127.0.0.1:0")?,
    );
    let (one, other) = (one.local_addr()?.port(), other.local_addr()?.port());
    println!("zero: two ports {}", one != 0 && other != 0 && one != other);
    let error = TcpStream::connect("127.0.0.1:0")
        .map(drop)
        .map_err(|e| e.kind());
    println!("zero: connect {error:?}");
    Ok(())
}

fn connect(address: &str) -> Result<()> {
    let error = TcpStream::connect(address).map(drop).map_err(|e| e.kind());
    println!("connect {address}: {error:?}");
    Ok(())
}
