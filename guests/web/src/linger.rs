//! Closing without cutting the answer off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_io_timeout::TimeoutStream;

/// A client that has its answer and neither closes nor stops sending is dropped after this.
const LINGER: Duration = Duration::from_secs(2);

/// A connection that, once its own side is closed, takes what the client still sends and throws it away. Closing on unread bytes is a
/// reset, and a reset overtakes the answer: an upload that is refused half-way would never learn why.
pub(crate) struct Lingering {
    stream: Pin<Box<TimeoutStream<TcpStream>>>,
    /// Set when its own side is closed.
    until: Option<Pin<Box<Sleep>>>,
}

impl Lingering {
    /// `stalled` is how long the client may take nothing of what it is sent.
    pub(crate) fn new(stream: TcpStream, stalled: Duration) -> Lingering {
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(stalled));
        Lingering {
            stream: Box::pin(stream),
            until: None,
        }
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_read(context, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream.as_mut().poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let until = match &mut this.until {
            Some(until) => until,
            None => {
                ready!(this.stream.as_mut().poll_shutdown(context))?;
                this.until.insert(Box::pin(sleep(LINGER)))
            }
        };
        let mut scratch = [0; 4096];
        while until.as_mut().poll(context).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            ready!(this.stream.as_mut().poll_read(context, &mut buffer))?;
            if buffer.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}
