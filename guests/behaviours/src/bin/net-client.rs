//! The other end of an echo: `net-client tcp|udp ADDRESS COUNT SIZE`. Sends COUNT messages of SIZE bytes one after the other, holds each
//! answer against what it sent, and prints what the round trips took. ADDRESS may be a name.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::time::Instant;

use behaviours::Trips;

const USAGE: &str = "net-client tcp|udp ADDRESS COUNT SIZE";

fn main() {
    let mut args = behaviours::Args::new(USAGE);
    let (what, address): (String, String) = (args.need(), args.need());
    let (count, size): (u32, usize) = (args.need(), args.need());
    let done = match what.as_str() {
        "tcp" => tcp(&address, count, size),
        "udp" => udp(&address, count, size),
        _ => behaviours::usage(USAGE),
    };
    match done {
        Ok(trips) => println!("{what} {address}: {count} of {size} bytes ok, {trips}"),
        Err(e) => {
            println!("{what} {address}: {:?} ({e})", e.kind());
            behaviours::exit(1)
        }
    }
}

fn tcp(address: &str, count: u32, size: usize) -> Result<Trips> {
    let mut stream = TcpStream::connect(address)?;
    let _ = stream.set_nodelay(true);
    println!(
        "connected, {} to {}",
        stream.local_addr()?,
        stream.peer_addr()?
    );
    let mut trips = Trips::default();
    let mut answer = vec![0; size];
    for number in 0..count {
        let message = message(number, size);
        let begun = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut answer)?;
        trips.add(begun.elapsed());
        same(number, &message, &answer)?;
    }
    // The end goes round, too.
    stream.shutdown(Shutdown::Write)?;
    match stream.read(&mut [0])? {
        0 => Ok(trips),
        _ => Err(Error::new(
            ErrorKind::InvalidData,
            "more came back than was sent",
        )),
    }
}

fn udp(address: &str, count: u32, size: usize) -> Result<Trips> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(address)?;
    println!("bound, {} to {}", socket.local_addr()?, socket.peer_addr()?);
    let mut trips = Trips::default();
    let mut answer = vec![0; size + 1];
    for number in 0..count {
        let message = message(number, size);
        let begun = Instant::now();
        socket.send(&message)?;
        let n = socket.recv(&mut answer)?;
        trips.add(begun.elapsed());
        same(number, &message, &answer[..n])?;
    }
    Ok(trips)
}

/// Another one each time, so that an answer to the wrong message shows.
fn message(number: u32, size: usize) -> Vec<u8> {
    (0..size)
        .map(|i| (i as u32).wrapping_add(number.wrapping_mul(31)) as u8)
        .collect()
}

fn same(number: u32, sent: &[u8], came: &[u8]) -> Result<()> {
    if sent == came {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::InvalidData,
        format!("message {number} came back as {} other bytes", came.len()),
    ))
}
