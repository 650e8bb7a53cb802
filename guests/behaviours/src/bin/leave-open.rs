//! Ends with everything open: a listener, a connection with unread bytes on it, a socket for datagrams, a queue with a message, a semaphore
//! and a segment. Nothing of it may outlive the pod.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};

use peapod_guest::{mq, sem, shm};

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80")?;
    let mut client = TcpStream::connect("127.0.0.1:80")?;
    let waiting = TcpStream::connect("127.0.0.1:80")?;
    let (server, _) = listener.accept()?;
    client.write_all(&[7; 10_000])?;
    let udp = UdpSocket::bind("0.0.0.0:53")?;
    udp.send_to(b"unread", "127.0.0.1:53")?;
    let queue = mq::Open::new().write().create().size(4, 64).open("/left")?;
    queue.send(b"unread", 0)?;
    std::mem::forget((listener, client, waiting, server, udp, queue));
    let semaphore = sem::Semaphore::create("/left", 1)?;
    let segment = shm::Segment::create("/left", 1 << 20)?;
    std::mem::forget((semaphore, segment));
    println!("left open");
    behaviours::exit(0)
}
