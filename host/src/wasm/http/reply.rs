//! The body of a response, which also carries the guest on while it is being sent.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use wasmtime_wasi_http::{Error, WasiBody};

use super::serve::Server;

/// A request that is being handled; gives whether the guest ended well.
pub(super) type Running = Pin<Box<dyn Future<Output = bool> + Send>>;

/// A response's body. The guest runs when the client can take more, in the connection's own task: an answer that is ready at once needs no
/// other task to be woken.
pub(super) struct Reply {
    body: WasiBody,
    rest: Option<Rest>,
    /// The guest trapped: what came so far is not a whole response, and must not look like one.
    cut: bool,
}

/// What the guest has yet to do.
struct Rest {
    server: Arc<Server>,
    running: Running,
}

impl Reply {
    /// A body that the guest may still be writing.
    pub(super) fn new(body: WasiBody, server: &Arc<Server>, running: Option<Running>) -> Self {
        let server = Arc::clone(server);
        Self {
            body,
            rest: running.map(|running| Rest { server, running }),
            cut: false,
        }
    }

    /// A response of the server itself: the status and its name.
    pub(super) fn status(status: StatusCode) -> Response<Self> {
        let body = Full::new(Bytes::from(format!("{status}\n")));
        let mut response = Response::new(Self {
            body: body.map_err(|never| match never {}).boxed_unsync(),
            rest: None,
            cut: false,
        });
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
        response
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if let Some(rest) = &mut this.rest
            && let Poll::Ready(well) = rest.running.as_mut().poll(cx)
        {
            this.rest = None;
            this.cut = !well;
        }
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(None) if this.cut => {
                this.cut = false;
                Poll::Ready(Some(Err(Error::HttpResponseIncomplete)))
            }
            frame => frame,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_none() && !self.cut && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Reply {
    /// A handler may go on after its response, or after its client went.
    fn drop(&mut self) {
        if let Some(Rest { server, running }) = self.rest.take()
            && !server.is_killed()
        {
            server.spawn(async move {
                running.await;
            });
        }
    }
}
