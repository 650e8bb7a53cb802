//! One request: an instance of its own, and what becomes of its answer.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{HOST, HeaderValue};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Response, StatusCode, Version};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;
use wasmtime::Store;
use wasmtime_wasi::I32Exit;
use wasmtime_wasi_http::handler::Proxy;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme as Scheme2;
use wasmtime_wasi_http::{Error, FieldMap, WasiBody, WasiHttpView, p2, p3};

use super::patience::Patient;
use super::reply::{Reply, Running};
use super::serve::Server;
use super::warm::Instance;
use crate::wasm::cpu::metered;
use crate::wasm::guest::Guest;
use crate::wasm::limits::OutOfMemory;
use crate::wasm::process::trap_text;

/// A request waits so long for others to end before it is refused.
const PLACE_TIME: Duration = Duration::from_secs(30);
/// How long a body may be silent while the guest waits for it.
const BODY_SILENCE: Duration = Duration::from_secs(75);

/// The body of a request.
type Sent = Patient<Incoming>;

/// What the guest answered: a response, or the name of an error.
type Answer = Result<Response<WasiBody>, String>;

/// Answers a request.
pub(super) async fn respond(
    server: Arc<Server>,
    mut request: Request<Incoming>,
    local: SocketAddr,
) -> Response<Reply> {
    if !names_host(&mut request, local) {
        return Reply::status(StatusCode::BAD_REQUEST);
    }
    let place = Arc::clone(&server.requests).acquire_owned();
    let Ok(Ok(place)) = timeout(PLACE_TIME, place).await else {
        return Reply::status(StatusCode::SERVICE_UNAVAILABLE);
    };
    let request = request.map(|body| Patient::new(body, BODY_SILENCE, Error::Hyper));
    let instance = match server.instance().await {
        Ok(instance) => instance,
        Err(error) => return server.no_instance(&error).await,
    };
    let (answer, mut answered) = oneshot::channel();
    let this = Arc::clone(&server);
    let mut running: Running = Box::pin(run(this, instance, request, answer, place));
    let (answer, rest) = tokio::select! {
        // The guest first: when it has all done at once, nothing is left to carry on.
        biased;
        well = &mut running => (answered.try_recv().ok().filter(|_| well), None),
        answer = &mut answered => (answer.ok(), Some(running)),
    };
    match (answer, rest) {
        (Some(Ok(response)), rest) => response.map(|body| Reply::new(body, &server, rest)),
        (Some(Err(code)), rest) => {
            server.log(&format!("the handler answered {code}\n")).await;
            failed(&server, rest)
        }
        (None, rest) => failed(&server, rest),
    }
}

fn failed(server: &Arc<Server>, rest: Option<Running>) -> Response<Reply> {
    let response = Reply::status(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(running) = rest {
        server.spawn(async move {
            running.await;
        });
    }
    response
}

/// Whether the request says whom it is for, as it must since HTTP/1.1 (RFC 9112 §3.2). Before, it is for whoever gets it.
fn names_host(request: &mut Request<Incoming>, local: SocketAddr) -> bool {
    if request.uri().authority().is_some() {
        return true;
    }
    if let Some(host) = request.headers().get(HOST) {
        return host.to_str().is_ok();
    }
    match HeaderValue::try_from(local.to_string()) {
        Ok(host) if request.version() < Version::HTTP_11 => {
            request.headers_mut().insert(HOST, host);
            true
        }
        _ => false,
    }
}

/// Has the guest handle the request; whether it ended well.
async fn run(
    server: Arc<Server>,
    instance: Instance,
    request: Request<Sent>,
    answer: oneshot::Sender<Answer>,
    place: OwnedSemaphorePermit,
) -> bool {
    let Instance { mut store, proxy } = instance;
    let cpu = &server.process.container.cpu;
    let handled = match &proxy {
        Proxy::P2(proxy) => metered(cpu, handle_p2(&mut store, proxy, request, answer)).await,
        Proxy::P3(service) => metered(cpu, handle_p3(&mut store, service, request, answer)).await,
    };
    // The next that waits for a place must find the memory, too.
    drop(store);
    drop(place);
    server.warm.freed();
    match handled {
        Ok(answered) => {
            if !answered {
                server.log("the handler set no response\n").await;
            }
            true
        }
        Err(error) => server.ended(&error).await,
    }
}

/// Calls a handler of WASI 0.2; whether it answered.
async fn handle_p2(
    store: &mut Store<Guest>,
    proxy: &p2::bindings::Proxy,
    request: Request<Sent>,
    answer: oneshot::Sender<Answer>,
) -> wasmtime::Result<bool> {
    let (answered, was_answered) = flag();
    let mut http = store.data_mut().http();
    let request = http.new_incoming_request(Scheme2::Http, request)?;
    let out = http.new_response_outparam_from_callback(move |response| {
        answered();
        // Nobody waits any more when the connection is gone.
        let _ignored = answer.send(response.map_err(|code| format!("{code:?}")));
    })?;
    proxy
        .wasi_http_incoming_handler()
        .call_handle(store, request, out)
        .await?;
    Ok(was_answered())
}

fn flag() -> (impl FnOnce() + Send + Sync, impl Fn() -> bool) {
    use std::sync::atomic::{AtomicBool, Ordering};
    let set = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&set);
    (
        move || set.store(true, Ordering::Release),
        move || seen.load(Ordering::Acquire),
    )
}

/// Calls a handler of WASI 0.3.
async fn handle_p3(
    store: &mut Store<Guest>,
    service: &p3::bindings::Service,
    request: Request<Sent>,
    answer: oneshot::Sender<Answer>,
) -> wasmtime::Result<bool> {
    let (parts, body) = request.into_parts();
    let uri = parts.uri.into_parts();
    let authority = uri.authority.or_else(|| {
        let host = parts.headers.get(HOST)?;
        Authority::try_from(host.as_bytes()).ok()
    });
    let headers = FieldMap::new_immutable(store.data_mut().http().hooks, parts.headers);
    let (request, sent) = p3::Request::new(
        parts.method,
        Some(Scheme::HTTP),
        authority,
        uri.path_and_query,
        headers,
        None,
        body,
    );
    let handled = store.run_concurrent(async |accessor| {
        let response = match service.handle(accessor, request).await? {
            Ok(response) => Ok(accessor.with(|access| response.into_http(access, sent))?),
            Err(code) => Err(format!("{code:?}")),
        };
        // Nobody waits any more when the connection is gone.
        let _ignored = answer.send(response);
        // The body is written by what the handler left running.
        poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
        Ok(true)
    });
    handled.await.and_then(|answered| answered)
}

impl Server {
    /// Says how a handler ended that did not return; whether that is well.
    async fn ended(&self, error: &wasmtime::Error) -> bool {
        if let Some(I32Exit(code)) = error.downcast_ref() {
            if *code != 0 {
                self.log(&format!("the handler exited with {code}\n")).await;
            }
            return *code == 0;
        }
        if error.downcast_ref::<OutOfMemory>().is_some() {
            self.log(&format!("{OutOfMemory}\n")).await;
        } else {
            self.log(&trap_text(error)).await;
        }
        false
    }

    /// There is no instance for the request: too many of them at the moment, or one cannot be made at all.
    async fn no_instance(&self, error: &wasmtime::Error) -> Response<Reply> {
        self.ended(error).await;
        let too_many = error.downcast_ref::<OutOfMemory>().is_some()
            || error
                .downcast_ref::<wasmtime::PoolConcurrencyLimitError>()
                .is_some();
        Reply::status(if too_many {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::INTERNAL_SERVER_ERROR
        })
    }
}
