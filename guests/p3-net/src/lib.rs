//! Sockets by WASI 0.3: `p3-net serve PORT` echoes one TCP connection and one datagram on that port; `p3-net connect PORT` sends both and holds
//! the answers against what it sent, after a look-up of `localhost`, and prints `ok`;
//! `p3-net deaf PORT` sends to a socket of its own whose stream nobody wants to read, and connects a UDP socket on which it waits already.

use wasip3::cli::{environment, stdout};
use wasip3::clocks::monotonic_clock;
use wasip3::sockets::ip_name_lookup::resolve_addresses;
use wasip3::sockets::types::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, TcpSocket, UdpSocket,
};

struct Net;

wasip3::cli::command::export!(Net);

const MESSAGE: usize = 300_000;

impl wasip3::exports::cli::run::Guest for Net {
    async fn run() -> Result<(), ()> {
        let args = environment::get_arguments();
        let port = args.get(2).and_then(|port| port.parse().ok()).ok_or(())?;
        let done = match args.get(1).map(String::as_str) {
            Some("serve") => serve(port).await,
            Some("connect") => connect(port).await,
            Some("deaf") => deaf(port).await,
            _ => return Err(()),
        };
        let text = match &done {
            Ok(text) => format!("{text}\n"),
            Err(code) => format!("{code:?}\n"),
        };
        let (mut writer, reader) = wasip3::wit_stream::new();
        let written = stdout::write_via_stream(reader);
        writer.write_all(text.into_bytes()).await;
        drop(writer);
        let _ = written.await;
        done.map(drop).map_err(drop)
    }
}

fn loopback(port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port,
        address: (127, 0, 0, 1),
    })
}

async fn serve(port: u16) -> Result<String, ErrorCode> {
    let udp = UdpSocket::create(IpAddressFamily::Ipv4)?;
    udp.bind(loopback(port))?;
    let tcp = TcpSocket::create(IpAddressFamily::Ipv4)?;
    tcp.bind(loopback(port))?;
    let mut accepted = tcp.listen()?;
    let stream = accepted.next().await.ok_or(ErrorCode::ConnectionAborted)?;
    let (bytes, received) = stream.receive();
    // What comes in goes out again, to the end of it.
    let sent = stream.send(bytes);
    sent.await?;
    received.await?;
    let (data, from) = udp.receive().await?;
    udp.send(data, Some(from)).await?;
    Ok("served".into())
}

async fn connect(port: u16) -> Result<String, ErrorCode> {
    let found = resolve_addresses("localhost".into()).await;
    let found = found.map_err(|_| ErrorCode::Other(Some("localhost".into())))?;
    if !found
        .iter()
        .any(|ip| matches!(ip, IpAddress::Ipv4((127, 0, 0, 1))))
    {
        return Err(ErrorCode::Other(Some("not 127.0.0.1".into())));
    }
    let tcp = loop {
        let tcp = TcpSocket::create(IpAddressFamily::Ipv4)?;
        match tcp.connect(loopback(port)).await {
            // The server of the same pod may not listen yet.
            Err(ErrorCode::ConnectionRefused) => monotonic_clock::wait_for(10_000_000).await,
            done => {
                done?;
                break tcp;
            }
        }
    };
    let (mut writer, reader) = wasip3::wit_stream::new();
    let sent = tcp.send(reader);
    let (bytes, received) = tcp.receive();
    let message: Vec<u8> = (0..MESSAGE).map(|at| (at % 251) as u8).collect();
    let wanted = message.clone();
    let (_, answer) = both(
        async move {
            writer.write_all(message).await;
            drop(writer);
        },
        bytes.collect(),
    )
    .await;
    sent.await?;
    received.await?;
    if answer != wanted {
        return Err(ErrorCode::Other(Some(format!("{} bytes", answer.len()))));
    }
    let udp = UdpSocket::create(IpAddressFamily::Ipv4)?;
    udp.connect(loopback(port))?;
    udp.send(b"datagram".to_vec(), None).await?;
    let (data, from) = udp.receive().await?;
    if data != b"datagram" {
        return Err(ErrorCode::Other(Some(format!("{from:?}"))));
    }
    Ok("ok".into())
}

async fn deaf(port: u16) -> Result<String, ErrorCode> {
    let listener = TcpSocket::create(IpAddressFamily::Ipv4)?;
    listener.bind(loopback(port))?;
    let mut accepted = listener.listen()?;
    let client = TcpSocket::create(IpAddressFamily::Ipv4)?;
    client.connect(loopback(port)).await?;
    let server = accepted.next().await.ok_or(ErrorCode::ConnectionAborted)?;
    let (bytes, received) = server.receive();
    drop(bytes);
    received.await?;
    let (mut writer, reader) = wasip3::wit_stream::new();
    let sent = client.send(reader);
    // Far more than waits anywhere.
    for _ in 0..100 {
        let left = writer.write_all(vec![7; MESSAGE]).await;
        if !left.is_empty() {
            return Err(ErrorCode::Other(Some(format!("{} bytes left", left.len()))));
        }
    }
    drop(writer);
    sent.await?;

    let (waiting, peer) = (
        UdpSocket::create(IpAddressFamily::Ipv4)?,
        UdpSocket::create(IpAddressFamily::Ipv4)?,
    );
    waiting.bind(loopback(port))?;
    peer.bind(loopback(port + 1))?;
    let (heard, told) = both(waiting.receive(), async {
        waiting.connect(loopback(port + 1))?;
        peer.send(b"datagram".to_vec(), Some(loopback(port))).await
    })
    .await;
    told?;
    Ok(String::from_utf8_lossy(&heard?.0).into_owned())
}

/// At once: a stream that nobody reads from holds up whoever writes.
async fn both<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut left, mut right) = (None, None);
    std::future::poll_fn(|cx| {
        use std::task::Poll;
        if left.is_none()
            && let Poll::Ready(value) = a.as_mut().poll(cx)
        {
            left = Some(value);
        }
        if right.is_none()
            && let Poll::Ready(value) = b.as_mut().poll(cx)
        {
            right = Some(value);
        }
        match (left.take(), right.take()) {
            (Some(left), Some(right)) => Poll::Ready((left, right)),
            (l, r) => {
                (left, right) = (l, r);
                Poll::Pending
            }
        }
    })
    .await
}
