//! Measures TCP with plain blocking std::net, one line a result:
//!
//! - `bench-tcp server ADDRESS`: the other end of all the rest;
//! - `bench-tcp send ADDRESS WRITE_BYTES SECONDS`: writes for so long, and prints the bytes a second that arrived;
//! - `bench-tcp trips ADDRESS SECONDS`: round trips of 64 bytes for so long, p50 and p99;
//! - `bench-tcp many ADDRESS COUNT SECONDS`: opens so many connections, sends a byte round each, and holds them for so long.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use behaviours::Trips;

const USAGE: &str = "bench-tcp server ADDRESS | send ADDRESS WRITE_BYTES SECONDS | trips ADDRESS SECONDS | many ADDRESS COUNT SECONDS";
/// What the client begins a connection with: what the server is to do.
const SINK: u8 = b's';
const ECHO: u8 = b'e';
const HOLD: u8 = b'h';
const TRIP_BYTES: usize = 64;
/// How long the server may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let mut args = behaviours::Args::new(USAGE);
    let (what, address): (String, String) = (args.need(), args.need());
    let done = match what.as_str() {
        "server" => server(&address),
        "send" => send(&address, args.need(), Duration::from_secs_f64(args.need())),
        "trips" => trips(&address, Duration::from_secs_f64(args.need())),
        "many" => many(&address, args.need(), Duration::from_secs_f64(args.need())),
        _ => behaviours::usage(USAGE),
    };
    if let Err(e) = done {
        println!("{what} {address}: {:?} ({e})", e.kind());
        behaviours::exit(1)
    }
}

fn server(address: &str) -> Result<()> {
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let mut held = Vec::new();
    loop {
        let (mut stream, peer) = listener.accept()?;
        let _ = stream.set_nodelay(true);
        let mut order = [0];
        let served = stream.read_exact(&mut order).and_then(|()| match order[0] {
            SINK => sink(&mut stream),
            ECHO => echo(&mut stream),
            _ => stream.write_all(&order),
        });
        if let Err(e) = served {
            println!("{peer}: {:?} ({e})", e.kind());
        }
        if order[0] == HOLD {
            held.push(stream);
        } else {
            // Those of the last round are gone by now, or will find out.
            held.clear();
        }
    }
}

/// Takes all there is, and answers with how much it was.
fn sink(stream: &mut TcpStream) -> Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut bytes = 0_u64;
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            n => bytes += n as u64,
        }
    }
    stream.write_all(&bytes.to_le_bytes())
}

fn echo(stream: &mut TcpStream) -> Result<()> {
    let mut message = [0; TRIP_BYTES];
    loop {
        match stream.read_exact(&mut message) {
            Ok(()) => stream.write_all(&message)?,
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            Err(e) => return Err(e),
        }
    }
}

fn connect(address: &str, order: u8) -> Result<TcpStream> {
    let begun = Instant::now();
    // A server of the same pod may not listen yet.
    let mut stream = loop {
        match TcpStream::connect(address) {
            Err(_) if begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            connected => break connected?,
        }
    };
    let _ = stream.set_nodelay(true);
    stream.write_all(&[order])?;
    Ok(stream)
}

fn send(address: &str, write_bytes: usize, time: Duration) -> Result<()> {
    let mut stream = connect(address, SINK)?;
    let data = vec![b'x'; write_bytes];
    let begun = Instant::now();
    while begun.elapsed() < time {
        // The clock is a call of the host's: once in so many writes is enough.
        for _ in 0..64 {
            stream.write_all(&data)?;
        }
    }
    stream.shutdown(Shutdown::Write)?;
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes)?;
    // What counts is what arrived: buffers along the way take a part of it without anybody reading.
    let rate = u64::from_le_bytes(bytes) as f64 / begun.elapsed().as_secs_f64();
    println!("send {write_bytes}: {rate:.0} bytes/s");
    Ok(())
}

fn trips(address: &str, time: Duration) -> Result<()> {
    let mut stream = connect(address, ECHO)?;
    let mut message = [b'x'; TRIP_BYTES];
    let mut trips = Trips::default();
    let begun = Instant::now();
    let mut last = begun;
    while last - begun < time {
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        let now = Instant::now();
        trips.add(now - last);
        last = now;
    }
    println!("trips {TRIP_BYTES}: {trips}");
    Ok(())
}

fn many(address: &str, count: usize, time: Duration) -> Result<()> {
    let begun = Instant::now();
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = connect(address, HOLD)?;
        stream.read_exact(&mut [0])?;
        open.push(stream);
    }
    println!(
        "many {count}: open after {:.3} s",
        begun.elapsed().as_secs_f64()
    );
    std::thread::sleep(time);
    println!("many {count}: closing");
    Ok(())
}
