//! Moves bytes between a connection of the virtual network and one of the machine's, in both directions, ends and resets included.

use std::future::poll_fn;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::oneshot;

use super::{Shutdown, TcpStream};

/// The most that one read takes.
const READ_BYTES_MAX: usize = 64 * 1024;
/// What the first read takes: most connections never say more at once.
const READ_BYTES_MIN: usize = 4 * 1024;
/// How often a connection that a guest ended is looked at, whether the guest is gone altogether. The kernel gives it 60 seconds.
const LINGER: Duration = Duration::from_secs(10);

/// One of the sides ended without manners; so does the other.
struct Broken;

/// Runs until both directions have ended or one side is gone. Dropping the future ends both connections.
pub(super) async fn pump(inner: TcpStream, mut outer: tokio::net::TcpStream) {
    // A failure means that the connection is gone; reading tells.
    let _ = outer.set_nodelay(true);
    let (read, write) = outer.split();
    let (ended, outbound_ended) = oneshot::channel();
    let both = async { tokio::try_join!(inbound(&inner, read), outbound(&inner, write, ended)) };
    let result = tokio::select! {
        result = both => result.map(drop),
        // Dropped without a reset: what the guest said last may still be on its way out of the kernel.
        () = abandoned(&inner, outbound_ended) => Ok(()),
    };
    if result.is_err() {
        inner.reset();
        // What follows is a drop, which then sends RST instead of FIN.
        let _ = outer.set_zero_linger();
    }
}

/// From the machine to the pod.
async fn inbound(inner: &TcpStream, mut outer: ReadHalf<'_>) -> Result<(), Broken> {
    let mut buffer = BytesMut::new();
    let mut size = READ_BYTES_MIN;
    loop {
        // Room first: what is not read stays in the kernel and slows the sender down.
        let Ok(room) = poll_fn(|cx| inner.poll_writable(cx)).await else {
            // The guest takes no more. What it has said still has to go out; `outbound` sees the end of that.
            return Ok(());
        };
        // No buffer while there is nothing to read: 10,000 idle connections would hold 40 MiB and more.
        outer.readable().await.map_err(|_| Broken)?;
        buffer.reserve(size);
        let count = outer
            .read_buf(&mut (&mut buffer).limit(room.min(size)))
            .await
            .map_err(|_| Broken)?;
        if count == 0 {
            return inner.shutdown(Shutdown::Write).map_err(|_| Broken);
        }
        // Handed over as they are, few bytes would keep the whole buffer alive while they wait to be read.
        let bytes = if count < size / 4 {
            let bytes = Bytes::copy_from_slice(&buffer);
            buffer.clear();
            bytes
        } else {
            buffer.split().freeze()
        };
        if inner.write(bytes).is_err() {
            return Ok(());
        }
        if count == size {
            size = (size * 2).min(READ_BYTES_MAX);
        } else {
            buffer = BytesMut::new();
        }
    }
}

/// From the pod to the machine.
async fn outbound(
    inner: &TcpStream,
    mut outer: WriteHalf<'_>,
    ended: oneshot::Sender<()>,
) -> Result<(), Broken> {
    loop {
        let bytes = poll_fn(|cx| inner.poll_read(cx, READ_BYTES_MAX))
            .await
            .map_err(|_| Broken)?;
        if bytes.is_empty() {
            break;
        }
        outer.write_all(&bytes).await.map_err(|_| Broken)?;
    }
    outer.shutdown().await.map_err(|_| Broken)?;
    let _ = ended.send(());
    Ok(())
}

/// Waits for a guest that ended its direction to be gone. Without this, a client that never hangs up keeps a connection for ever which
/// nobody in the pod can read.
async fn abandoned(inner: &TcpStream, outbound_ended: oneshot::Receiver<()>) {
    if outbound_ended.await.is_err() {
        std::future::pending::<()>().await;
    }
    while inner.writable_now().is_ok() {
        tokio::time::sleep(LINGER).await;
    }
}
