//! The process of a component that handles requests: a listener on the pod's network, and a task for each connection.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use wasmtime_wasi_http::io::TokioIo;

use super::CONNECTION_BYTES;
use super::connect::listen;
use super::patience::PatientIo;
use super::request;
use super::timer::TokioTimer;
use super::warm::Warm;
use crate::budget::Held;
use crate::network::{NetError, TcpListener, TcpStream};
use crate::wasm::process::{Launch, Process};

/// Requests that one container handles at a time; more wait.
const REQUESTS_MAX: usize = 1000;
/// Connections to one container at a time; more wait in the backlog.
const CONNECTIONS_MAX: usize = 10_000;
/// Connections that wait to be accepted.
const BACKLOG: usize = 1024;
/// A request's line and headers.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// What one connection buffers, either way.
const BUFFER_BYTES_MAX: usize = 128 * 1024;
/// How long a connection may stay silent between requests, or take to send the head of one.
const HEAD_TIME: Duration = Duration::from_secs(75);
/// How long a client may take nothing of its answer.
const WRITE_SILENCE: Duration = Duration::from_secs(75);
/// A request whose client has hung up goes on for so long; then it ends where it stands, and its place is free.
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// What a container ends with that cannot listen.
const FAILED: u32 = 1;

/// What the requests of one server share.
pub(super) struct Server {
    pub(super) process: Arc<Process>,
    pub(super) launch: Launch,
    pub(super) warm: Warm,
    pub(super) requests: Arc<Semaphore>,
    /// The process was killed: nothing goes on.
    killed: CancellationToken,
    /// The process is to end: connections close once their request is answered.
    leaving: CancellationToken,
    tasks: TaskTracker,
}

/// Serves until a signal ends it, and gives the exit status. Dropping the future ends every request where it stands.
pub(in crate::wasm) async fn serve(process: &Arc<Process>, launch: &Launch) -> u32 {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, process.container.http_port));
    let server = Arc::new(Server {
        process: Arc::clone(process),
        launch: launch.clone(),
        warm: Warm::default(),
        requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
        killed: CancellationToken::new(),
        leaving: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    let listener = match listen(process, address, BACKLOG) {
        Ok(listener) => listener,
        Err(error) => return server.cannot_listen(address, error).await,
    };
    let _killed_with_this = server.killed.clone().drop_guard();
    let filling = Arc::clone(&server);
    server.spawn(async move { filling.keep_warm().await });
    let signal = tokio::select! {
        biased;
        signal = process.leaves() => signal,
        error = accept(&server, &listener) => return server.cannot_listen(address, error).await,
    };
    drop(listener);
    server.leaving.cancel();
    server.tasks.close();
    server.tasks.wait().await;
    128 + signal
}

/// Accepts connections until that fails.
async fn accept(server: &Arc<Server>, listener: &TcpListener) -> NetError {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&connections).acquire_owned().await else {
            return NetError::Other;
        };
        match listener.accept().await {
            Ok(stream) => {
                // A client that finds no memory is turned away; it must not be what ends the server.
                let memory = &server.process.container.memory;
                let Some(held) = Held::take(memory, CONNECTION_BYTES) else {
                    continue;
                };
                let this = Arc::clone(server);
                server.spawn(async move {
                    tokio::select! {
                        biased;
                        () = connection(this, stream.clone()) => {}
                        () = hung_up(&stream) => {}
                    }
                    drop((place, held));
                });
            }
            // The listener's end: its pod is gone.
            Err(error) => return error,
        }
    }
}

/// Ends when nobody has been there for a while who could want an answer. A client that closed its half looks the same as one that is gone
/// altogether, so it has some time to wait for one still.
async fn hung_up(stream: &TcpStream) {
    poll_fn(|cx| stream.poll_ended(cx)).await;
    tokio::time::sleep(ANSWER_TIME).await;
}

async fn connection(server: Arc<Server>, stream: TcpStream) {
    let local = stream.local_address();
    let io = PatientIo::new(stream.into_io(), WRITE_SILENCE);
    let asked = AtomicBool::new(false);
    let handle = service_fn(|request| {
        asked.store(true, Ordering::Relaxed);
        let server = Arc::clone(&server);
        async move { Ok::<_, Infallible>(request::respond(server, request, local).await) }
    });
    let connection = http1::Builder::new()
        // A client that has said all it has to say may close its half and still wants its answer.
        .half_close(true)
        .max_header_size(HEAD_BYTES_MAX)
        .max_buf_size(BUFFER_BYTES_MAX)
        .timer(TokioTimer)
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(io), handle);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = server.leaving.cancelled() => {
            connection.as_mut().graceful_shutdown();
            // A connection that never asked for anything would hold up the end until its time is over.
            if asked.load(Ordering::Relaxed) {
                connection.await
            } else {
                Ok(())
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a client's connection ended");
    }
}

impl Server {
    /// Runs beside the others until it is done or the process is killed.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let killed = self.killed.clone();
        let task = self.tasks.track_future(async move {
            killed.run_until_cancelled_owned(task).await;
        });
        self.process.container.tasks.spawn(task);
    }

    /// Whether nothing may go on.
    pub(super) fn is_killed(&self) -> bool {
        self.killed.is_cancelled()
    }

    /// Ready when the process is to end.
    pub(super) async fn leaves(&self) {
        self.leaving.cancelled().await;
    }

    /// Writes to the container's log.
    pub(super) async fn log(&self, text: &str) {
        // Nobody may be reading any more; the client is told all the same.
        let _ignored = self.launch.stdio.stderr.write(text.as_bytes()).await;
    }

    async fn cannot_listen(&self, address: SocketAddr, error: NetError) -> u32 {
        self.log(&format!("cannot serve HTTP on {address}: {error}\n"))
            .await;
        FAILED
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::{ANSWER_TIME, hung_up};
    use crate::model::testing;
    use crate::network::{
        Family, NetworkSettings, PodIdentity, Shutdown, Switch, TcpSocket, TcpStream,
    };

    async fn connected() -> (TcpStream, TcpStream) {
        let switch = Switch::new(NetworkSettings::default()).expect("a network");
        let net = switch
            .attach(PodIdentity::of(&testing::pod()))
            .expect("a pod");
        let socket = || TcpSocket::new(&Arc::clone(&net), Family::V4, None).expect("a socket");
        let mut server = socket();
        server.bind(([127, 0, 0, 1], 80).into()).expect("bound");
        let server = server.listen(1).expect("listens");
        let connecting = socket().connect(server.local_address()).expect("begun");
        let client = connecting.await.expect("connected");
        (client, server.accept().await.expect("accepted"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_hangs_up_may_wait_for_its_answer_for_a_while() {
        let (client, server) = connected().await;
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, hung_up(&server)).await.is_err());
        client.shutdown(Shutdown::Write).expect("said all");
        let began = Instant::now();
        hung_up(&server).await;
        assert!(began.elapsed() >= ANSWER_TIME);
        drop(client);

        let (client, server) = connected().await;
        drop(client);
        timeout(hour, hung_up(&server)).await.expect("gone");
    }
}
