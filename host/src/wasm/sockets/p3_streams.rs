//! The streams of `wasi:sockets` 0.3: accepted connections, bytes received, bytes to send.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::sync::oneshot;
use wasmtime::component::{
    Destination, Resource, Source, StreamConsumer, StreamProducer, StreamResult,
};
use wasmtime::{AsContextMut as _, StoreContextMut};
use wasmtime_wasi::p3::bindings::sockets::types::{ErrorCode, TcpSocket as Theirs};

use super::convert::p3_code;
use super::socket::Socket;
use super::{SocketsView, theirs};
use crate::network::{Family, NetError, TcpListener, TcpOptions, TcpStream};

/// One step of a stream carries at most this much, however much the guest offers.
const STEP_MAX: usize = 64 * 1024;

/// How a stream ended, told to the future that came with it.
pub(super) struct Outcome(Option<oneshot::Sender<Result<(), ErrorCode>>>);

impl Outcome {
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<(), ErrorCode>>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }

    pub(super) fn end(mut self, outcome: Result<(), NetError>) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: Result<(), NetError>) {
        if let Some(sender) = self.0.take() {
            // The guest may have dropped the future.
            let _ignored = sender.send(outcome.map_err(p3_code));
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        self.tell(Ok(()));
    }
}

/// The stream of `listen`.
pub(super) struct Accepting<T: 'static> {
    pub(super) listener: Arc<TcpListener>,
    pub(super) options: TcpOptions,
    pub(super) family: Family,
    pub(super) getter: for<'a> fn(&'a mut T) -> SocketsView<'a>,
}

impl<T: 'static> StreamProducer<T> for Accepting<T> {
    type Item = Resource<Theirs>;
    type Buffer = Option<Self::Item>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        mut to: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // A read of nothing asks whether there is something.
        if to.remaining(&mut store) == Some(0) {
            let ready = self.listener.poll_acceptable(cx);
            return waiting(ready.is_ready(), finish);
        }
        let stream = match self.listener.poll_accept(cx) {
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Ready(Ok(stream)) => stream,
        };
        let accepted = Socket::accepted(stream, self.options, self.family);
        let accepted = (self.getter)(store.data_mut()).table.push(accepted)?;
        to.set_buffer(Some(theirs(&accepted)));
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// The stream of `receive`.
pub(super) struct Receiving {
    pub(super) stream: TcpStream,
    pub(super) outcome: Outcome,
}

impl Drop for Receiving {
    /// Nobody will read again: what comes must not fill the queue and make the peer wait for ever.
    fn drop(&mut self) {
        self.stream.abandon_reading();
    }
}

impl<T> StreamProducer<T> for Receiving {
    type Item = u8;
    type Buffer = bytes::BytesMut;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, T>,
        to: Destination<'a, Self::Item, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if to.remaining(store.as_context_mut()) == Some(0) {
            let ready = self.stream.poll_readable(cx);
            return waiting(ready.is_ready(), finish);
        }
        let mut to = to.as_direct(store, STEP_MAX);
        let most = to.remaining().len().min(STEP_MAX);
        let ended = match self.stream.poll_read(cx, most) {
            Poll::Pending => return waiting(false, finish),
            Poll::Ready(Ok(bytes)) if bytes.is_empty() => Ok(()),
            Poll::Ready(Ok(bytes)) => {
                if let Some(part) = to.remaining().get_mut(..bytes.len()) {
                    part.copy_from_slice(&bytes);
                }
                to.mark_written(bytes.len());
                return Poll::Ready(Ok(StreamResult::Completed));
            }
            Poll::Ready(Err(error)) => Err(error),
        };
        self.outcome.tell(ended);
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}

/// The stream given to `send`. Its end is the end of writing: FIN.
pub(super) struct Sending {
    pub(super) stream: TcpStream,
    pub(super) outcome: Outcome,
}

impl Drop for Sending {
    fn drop(&mut self) {
        // Closed or reset already: there is nobody to tell.
        let _ignored = self.stream.shutdown(crate::network::Shutdown::Write);
    }
}

impl<T> StreamConsumer<T> for Sending {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        from: Source<'_, Self::Item>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut from = from.as_direct(store);
        let wrote = match self.stream.poll_writable(cx) {
            Poll::Pending => return waiting(false, finish),
            Poll::Ready(Ok(permit)) => {
                let most = from.remaining().len().min(permit).min(STEP_MAX);
                let bytes = from.remaining().get(..most).map(Bytes::copy_from_slice);
                // A write of nothing asks whether there is room.
                match bytes.filter(|bytes| !bytes.is_empty()) {
                    None => return waiting(true, finish),
                    Some(bytes) => self.stream.write(bytes).map(|()| most),
                }
            }
            Poll::Ready(Err(error)) => Err(error),
        };
        match wrote {
            Ok(count) => {
                from.mark_read(count);
                Poll::Ready(Ok(StreamResult::Completed))
            }
            Err(error) => {
                self.outcome.tell(Err(error));
                Poll::Ready(Ok(StreamResult::Dropped))
            }
        }
    }
}

/// What a step says that carried nothing.
fn waiting(ready: bool, finish: bool) -> Poll<wasmtime::Result<StreamResult>> {
    if ready {
        Poll::Ready(Ok(StreamResult::Completed))
    } else if finish {
        Poll::Ready(Ok(StreamResult::Cancelled))
    } else {
        Poll::Pending
    }
}
