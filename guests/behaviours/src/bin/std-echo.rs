//! Sends back what it is sent, with plain blocking std::net: `std-echo tcp|udp ADDRESS [COUNT]`. By TCP one connection after the other;
//! COUNT connections, or datagrams, then it ends.

use std::io::{Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};

const USAGE: &str = "std-echo tcp|udp ADDRESS [COUNT]";

fn main() {
    let mut args = behaviours::Args::new(USAGE);
    let (what, address): (String, String) = (args.need(), args.need());
    let count = args.or(u64::MAX);
    let ended = match what.as_str() {
        "tcp" => tcp(&address, count),
        "udp" => udp(&address, count),
        _ => behaviours::usage(USAGE),
    };
    if let Err(e) = ended {
        println!("{what} {address}: {:?} ({e})", e.kind());
        behaviours::exit(1)
    }
}

fn tcp(address: &str, count: u64) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    for _ in 0..count {
        let (stream, peer) = listener.accept()?;
        match stream_back(stream) {
            Ok(bytes) => println!("{peer}: {bytes} bytes"),
            Err(e) => println!("{peer}: {:?} ({e})", e.kind()),
        }
    }
    Ok(())
}

fn stream_back(mut stream: TcpStream) -> Result<u64> {
    let _ = stream.set_nodelay(true);
    let mut buffer = vec![0; 64 << 10];
    let mut bytes = 0;
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            stream.shutdown(Shutdown::Write)?;
            return Ok(bytes);
        }
        stream.write_all(&buffer[..n])?;
        bytes += n as u64;
    }
}

fn udp(address: &str, count: u64) -> Result<()> {
    let socket = UdpSocket::bind(address)?;
    println!("listening on {}", socket.local_addr()?);
    let mut datagram = vec![0; 65_535];
    for _ in 0..count {
        let (n, from) = socket.recv_from(&mut datagram)?;
        socket.send_to(&datagram[..n], from)?;
    }
    Ok(())
}
