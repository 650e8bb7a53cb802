//! Asks for sockets and a name, and prints what came of each.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

fn main() {
    report(
        "tcp bind 127.0.0.1:0",
        TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()),
    );
    report(
        "tcp connect 127.0.0.1:80",
        TcpStream::connect("127.0.0.1:80").and_then(|it| it.peer_addr()),
    );
    report(
        "udp bind 127.0.0.1:0",
        UdpSocket::bind("127.0.0.1:0").and_then(|it| it.local_addr()),
    );
    report(
        "look up localhost",
        "localhost:80"
            .to_socket_addrs()
            .map(|mut found| found.next()),
    );
}

fn report<T: std::fmt::Debug>(what: &str, outcome: std::io::Result<T>) {
    match outcome {
        Ok(it) => println!("{what}: ok {it:?}"),
        Err(e) => println!("{what}: {:?} ({e})", e.kind()),
    }
}
