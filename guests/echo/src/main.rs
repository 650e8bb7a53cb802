//! Sends back what it is sent: `echo [[ADDRESS:]PORT…]`, by TCP and UDP on each; without arguments on port 7.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use web::Listener;

/// Connections on one port at a time; further ones wait in the listener's queue.
const CONNECTIONS_MAX: usize = 1024;
/// No UDP datagram is longer.
const DATAGRAM_MAX: usize = 65_535;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut ports: Vec<String> = std::env::args().skip(1).collect();
    if ports.is_empty() {
        ports.push("7".to_owned());
    }
    let mut tasks = JoinSet::new();
    for port in ports {
        let given = if port.contains(':') {
            port.parse()
        } else {
            format!("0.0.0.0:{port}").parse()
        };
        let Ok(address) = given else {
            eprintln!("usage: echo [[ADDRESS:]PORT…]");
            return ExitCode::from(2);
        };
        match (Listener::bind(address), UdpSocket::bind(address).await) {
            (Ok(tcp), Ok(udp)) => {
                println!("echo: listening on {address}, TCP and UDP");
                tasks.spawn(streams(tcp));
                tasks.spawn(datagrams(udp));
            }
            (Err(e), _) => return failed("TCP", address, &e),
            (_, Err(e)) => return failed("UDP", address, &e),
        }
    }
    while tasks.join_next().await.is_some() {}
    ExitCode::FAILURE
}

fn failed(what: &str, address: SocketAddr, e: &std::io::Error) -> ExitCode {
    eprintln!("echo: {what} {address}: {}", web::error_text(e));
    ExitCode::FAILURE
}

async fn streams(listener: Listener) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(async move {
                    // A connection that breaks is the client's doing, and concerns no other.
                    let _ = stream_back(stream).await;
                    drop(place);
                });
            }
            Err(e) => eprintln!("echo: accept: {}", web::error_text(&e)),
        }
    }
}

/// Until the client has sent its last; then ends, too, after the last byte is back.
async fn stream_back(mut stream: TcpStream) -> std::io::Result<()> {
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.split();
    tokio::io::copy(&mut reader, &mut writer).await?;
    writer.shutdown().await
}

async fn datagrams(socket: UdpSocket) {
    let mut datagram = vec![0; DATAGRAM_MAX];
    loop {
        // Neither fault is the socket's end: on some systems an error stands for an earlier answer that nobody took.
        match socket.recv_from(&mut datagram).await {
            Ok((len, from)) => {
                let _ = socket.send_to(&datagram[..len], from).await;
            }
            Err(e) => {
                eprintln!("echo: UDP: {}", web::error_text(&e));
                tokio::task::yield_now().await;
            }
        }
    }
}
