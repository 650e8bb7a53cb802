//! Fills what the host buffers and reads nothing of it: `eat-buffers pipes|tcp|udp`. Says how far it got; ends by itself only when the host
//! gives no more.

use std::io::{ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};

use peapod_guest::process;

/// One pipe takes 64 KiB; what it takes without waiting.
const PIPE_BYTES: usize = 60 * 1024;

fn main() {
    let mut args = behaviours::Args::new("eat-buffers pipes|tcp|udp");
    let what: String = args.need();
    let fill = match what.as_str() {
        "pipes" => pipe,
        "tcp" => tcp,
        "udp" => udp,
        _ => behaviours::usage("eat-buffers pipes|tcp|udp"),
    };
    let mut refused = 0;
    for number in 1.. {
        if let Err(error) = fill() {
            refused += 1;
            if refused > 1000 {
                println!("no more after {number}: {error}");
                behaviours::exit(1);
            }
        }
        if number % 32 == 0 && refused == 0 {
            println!("filled {number}");
        }
    }
}

fn pipe() -> std::io::Result<()> {
    let (reader, mut writer) = process::pipe()?;
    writer.write_all(&vec![1; PIPE_BYTES])?;
    std::mem::forget((reader, writer));
    Ok(())
}

fn tcp() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _) = listener.accept()?;
    client.set_nonblocking(true)?;
    let bytes = [1; 4096];
    loop {
        match client.write(&bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    std::mem::forget((listener, client, server));
    Ok(())
}

fn udp() -> std::io::Result<()> {
    let receiver = UdpSocket::bind("127.0.0.1:0")?;
    let sender = UdpSocket::bind("127.0.0.1:0")?;
    // What finds no room is lost, as it is anywhere.
    for _ in 0..300 {
        sender.send_to(&[1; 1024], receiver.local_addr()?)?;
    }
    std::mem::forget((receiver, sender));
    Ok(())
}
