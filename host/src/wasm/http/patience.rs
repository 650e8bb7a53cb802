//! Limits to silence: of a body that is waited for, and of a peer that does not take what is written.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};
use wasmtime_wasi_http::Error;

/// Time since somebody began to wait.
struct Patience {
    limit: Duration,
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self {
            limit,
            waiting: None,
        }
    }

    /// What was waited for came.
    fn rewarded(&mut self) {
        self.waiting = None;
    }

    /// Ready when it has not come for too long.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let limit = self.limit;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(limit)));
        waiting.as_mut().poll(cx)
    }
}

/// A body with a limit to the silence between its parts.
pub(super) struct Patient<B: Body> {
    body: B,
    patience: Patience,
    /// What `wasi:http` calls the body's errors.
    broken: fn(B::Error) -> Error,
}

impl<B: Body> Patient<B> {
    /// A body that may be silent for so long.
    pub(super) fn new(body: B, silence: Duration, broken: fn(B::Error) -> Error) -> Self {
        Self {
            body,
            patience: Patience::new(silence),
            broken,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Patient<B> {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.patience.rewarded();
            return Poll::Ready(frame.map(|frame| frame.map_err(this.broken)));
        }
        let over = this.patience.poll_over(cx);
        over.map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose peer has so long to take something of what is written.
pub(super) struct PatientIo<I> {
    io: I,
    patience: Patience,
}

impl<I> PatientIo<I> {
    /// A connection with that limit.
    pub(super) fn new(io: I, silence: Duration) -> Self {
        Self {
            io,
            patience: Patience::new(silence),
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for PatientIo<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for PatientIo<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Poll::Ready(written) = Pin::new(&mut this.io).poll_write(cx, data) {
            this.patience.rewarded();
            return Poll::Ready(written);
        }
        let over = this.patience.poll_over(cx);
        over.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::io::ErrorKind;
    use std::time::Duration;

    use bytes::Bytes;
    use futures::stream::{self, StreamExt as _};
    use http_body_util::{BodyExt as _, StreamBody};
    use hyper::body::Frame;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::{Instant, sleep};
    use wasmtime_wasi_http::Error;

    use super::{Patient, PatientIo};

    const LIMIT: Duration = Duration::from_secs(75);

    #[tokio::test(start_paused = true)]
    async fn a_body_that_falls_silent_ends_in_an_error_and_a_slow_one_does_not() {
        let slow = stream::iter(0..3).then(|_| async {
            sleep(LIMIT - Duration::from_secs(1)).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"x")))
        });
        let body = StreamBody::new(Box::pin(slow.chain(stream::pending())));
        let mut body = Patient::new(body, LIMIT, |never| match never {});
        for _ in 0..3 {
            let frame = body.frame().await.expect("a part").expect("well");
            assert_eq!(frame.into_data().expect("data"), "x");
        }
        let began = Instant::now();
        let error = body.frame().await.expect("an answer").expect_err("silence");
        assert!(matches!(error, Error::ConnectionReadTimeout));
        assert!(began.elapsed() >= LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_ends_the_writing_and_a_slow_one_does_not() {
        let (io, mut peer) = tokio::io::duplex(4);
        let mut io = PatientIo::new(io, LIMIT);
        let reading = tokio::spawn(async move {
            for _ in 0..3 {
                sleep(LIMIT - Duration::from_secs(1)).await;
                peer.read_exact(&mut [0; 4]).await.expect("bytes");
            }
            peer
        });
        io.write_all(&[7; 16]).await.expect("taken in time");
        let _peer = reading.await.expect("well");
        let error = io.write_all(&[7; 16]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }
}
