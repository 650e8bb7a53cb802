//! The network by tokio: `tokio-net serve PORT` sends every line back that it is sent, all connections at once; `tokio-net connect HOST PORT
//! COUNT` sends COUNT lines to such a one and prints `ok COUNT` when each came back.

use std::io::{Error, ErrorKind, Result};
use std::net::{self, SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use behaviours::lines;
use socket2::SockRef;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Interest};
use tokio::net::TcpStream;

const USAGE: &str = "tokio-net serve PORT | connect HOST PORT COUNT";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = behaviours::Args::new(USAGE);
    let done = match args.need::<String>().as_str() {
        "serve" => serve(args.need()).await,
        "connect" => connect(&args.need::<String>(), args.need(), args.need()).await,
        _ => behaviours::usage(USAGE),
    };
    if let Err(e) = done {
        println!("{:?} ({e})", e.kind());
        behaviours::exit(1)
    }
}

async fn serve(port: u16) -> Result<()> {
    let listener = net::TcpListener::bind(("0.0.0.0", port))?;
    listener.set_nonblocking(true)?;
    // tokio's own listener makes what it accepts non-blocking by fcntl, and the wasi-libc of Rust 1.95's wasm32-wasip2 target has none for
    // sockets: every accept would be EINVAL. So std accepts, and tokio watches.
    let watched = TcpStream::from_std(net::TcpStream::from(OwnedFd::from(listener)))?;
    println!("serving on {port}");
    loop {
        let listening = SockRef::from(&watched);
        let (socket, _) = watched
            .async_io(Interest::READABLE, || listening.accept_raw())
            .await?;
        let stream = net::TcpStream::from(socket);
        stream.set_nonblocking(true)?;
        let stream = TcpStream::from_std(stream)?;
        tokio::spawn(async move {
            if let Err(e) = send_back(stream).await {
                println!("{:?} ({e})", e.kind());
            }
        });
    }
}

async fn send_back(mut stream: TcpStream) -> Result<()> {
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).await? > 0 {
        writer.write_all(&line).await?;
        line.clear();
    }
    Ok(())
}

async fn connect(host: &str, port: u16, count: u32) -> Result<()> {
    let begun = Instant::now();
    let mut stream = loop {
        match reach(host, port).await {
            Err(_) if begun.elapsed() < lines::PATIENCE => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            done => break done?,
        }
    };
    let (reader, mut writer) = stream.split();
    let mut reader = BufReader::new(reader);
    for number in 0..count {
        let line = lines::line(number);
        writer.write_all(line.as_bytes()).await?;
        let mut answer = String::new();
        reader.read_line(&mut answer).await?;
        if answer != line {
            return Err(Error::other(format!("{line:?} came back as {answer:?}")));
        }
    }
    println!("ok {count}");
    Ok(())
}

/// Connects to the first address that lets it. std looks the name up: tokio would do so on a thread of its own, and there are none.
async fn reach(host: &str, port: u16) -> Result<TcpStream> {
    let addresses: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    let mut failure = Error::from(ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(e) => failure = e,
        }
    }
    Err(failure)
}
