//! The network by plain blocking std::net.
//!
//! `std-net` asks for sockets and a name, and prints what came of each. `std-net serve PORT` sends every line back that it is sent, one
//! connection after the other; `std-net connect HOST PORT COUNT` sends COUNT lines to such a one and prints `ok COUNT` when each came back.

use std::io::{BufRead, BufReader, Error, Result, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

use behaviours::lines;

const USAGE: &str = "std-net [serve PORT | connect HOST PORT COUNT]";

fn main() {
    let mut args = behaviours::Args::new(USAGE);
    let done = match args.next().as_deref() {
        None => return ask(),
        Some("serve") => serve(args.need()),
        Some("connect") => connect(&args.need::<String>(), args.need(), args.need()),
        Some(_) => behaviours::usage(USAGE),
    };
    if let Err(e) = done {
        println!("{:?} ({e})", e.kind());
        behaviours::exit(1)
    }
}

fn serve(port: u16) -> Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    println!("serving on {port}");
    loop {
        let (stream, peer) = listener.accept()?;
        if let Err(e) = send_back(&stream) {
            println!("{peer}: {:?} ({e})", e.kind());
        }
    }
}

fn send_back(mut stream: &TcpStream) -> Result<()> {
    for line in BufReader::new(stream).split(b'\n') {
        let mut line = line?;
        line.push(b'\n');
        stream.write_all(&line)?;
    }
    Ok(())
}

fn connect(host: &str, port: u16, count: u32) -> Result<()> {
    let begun = Instant::now();
    let stream = loop {
        match TcpStream::connect((host, port)) {
            Err(_) if begun.elapsed() < lines::PATIENCE => {
                std::thread::sleep(Duration::from_millis(100));
            }
            done => break done?,
        }
    };
    let mut answers = BufReader::new(&stream);
    for number in 0..count {
        let line = lines::line(number);
        (&stream).write_all(line.as_bytes())?;
        let mut answer = String::new();
        answers.read_line(&mut answer)?;
        if answer != line {
            return Err(Error::other(format!("{line:?} came back as {answer:?}")));
        }
    }
    println!("ok {count}");
    Ok(())
}

fn ask() {
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

fn report<T: std::fmt::Debug>(what: &str, outcome: Result<T>) {
    match outcome {
        Ok(it) => println!("{what}: ok {it:?}"),
        Err(e) => println!("{what}: {:?} ({e})", e.kind()),
    }
}
