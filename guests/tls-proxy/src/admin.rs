//! Questions about the proxy, answered as Envoy does.

use std::cell::Cell;
use std::time::Instant;

use web::{Answer, Method, Request};

const HELP: &str = "admin commands are:
  /: Admin home page
  /help: print out list of admin commands
  /ready: print server state, return 200 if LIVE, otherwise return 503
  /server_info: print server version/status information
  /stats: print server stats
";

/// A number that only grows.
#[derive(Default)]
pub(crate) struct Counter(Cell<u64>);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.set(self.0.get().saturating_add(n));
    }
}

/// How many there were, and are.
#[derive(Default)]
pub(crate) struct Gauge {
    total: Counter,
    now: Cell<u64>,
}

impl Gauge {
    pub(crate) fn enter(&self) {
        self.total.add(1);
        self.now.set(self.now.get().saturating_add(1));
    }

    pub(crate) fn leave(&self) {
        self.now.set(self.now.get().saturating_sub(1));
    }
}

/// What is counted.
pub(crate) struct Stats {
    begun: Instant,
    pub(crate) connections: Gauge,
    pub(crate) handshakes: Counter,
    pub(crate) handshakes_failed: Counter,
    pub(crate) upstream: Gauge,
    pub(crate) upstream_failed: Counter,
    /// Bytes of ended connections, as they were inside the TLS.
    pub(crate) received: Counter,
    pub(crate) sent: Counter,
}

impl Stats {
    pub(crate) fn new() -> Stats {
        Stats {
            begun: Instant::now(),
            connections: Gauge::default(),
            handshakes: Counter::default(),
            handshakes_failed: Counter::default(),
            upstream: Gauge::default(),
            upstream_failed: Counter::default(),
            received: Counter::default(),
            sent: Counter::default(),
        }
    }

    fn text(&self) -> String {
        let lines = [
            ("cluster.kubia.upstream_cx_active", self.upstream.now.get()),
            (
                "cluster.kubia.upstream_cx_connect_fail",
                self.upstream_failed.0.get(),
            ),
            (
                "cluster.kubia.upstream_cx_total",
                self.upstream.total.0.get(),
            ),
            (
                "listener.0.0.0.0_8443.downstream_cx_active",
                self.connections.now.get(),
            ),
            (
                "listener.0.0.0.0_8443.downstream_cx_total",
                self.connections.total.0.get(),
            ),
            (
                "listener.0.0.0.0_8443.ssl.connection_error",
                self.handshakes_failed.0.get(),
            ),
            (
                "listener.0.0.0.0_8443.ssl.handshake",
                self.handshakes.0.get(),
            ),
            ("server.live", 1),
            ("server.uptime", self.begun.elapsed().as_secs()),
            (
                "tcp.kubia.downstream_cx_rx_bytes_total",
                self.received.0.get(),
            ),
            ("tcp.kubia.downstream_cx_tx_bytes_total", self.sent.0.get()),
        ];
        lines
            .iter()
            .map(|(name, value)| format!("{name}: {value}\n"))
            .collect()
    }
}

pub(crate) fn answer(stats: &Stats, request: &Request) -> Answer {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return web::text(
            405,
            format!("Method {} not allowed, GET required.\n", request.method()),
        );
    }
    match request.uri().path() {
        "/" | "/help" => web::text(200, HELP),
        "/ready" => web::text(200, "LIVE\n"),
        "/stats" => web::text(200, stats.text()),
        "/server_info" => {
            let uptime = stats.begun.elapsed().as_secs();
            let mut answer = web::text(
                200,
                format!(
                    "{{\n \"version\": \"peapod tls-proxy/{}\",\n \"state\": \"LIVE\",\n \"uptime_current_epoch\": \"{uptime}s\",\n \"uptime_all_epochs\": \"{uptime}s\"\n}}\n",
                    env!("CARGO_PKG_VERSION")
                ),
            );
            let json = web::header::HeaderValue::from_static("application/json");
            answer.headers_mut().insert(web::header::CONTENT_TYPE, json);
            answer
        }
        _ => web::text(404, format!("invalid path. {HELP}")),
    }
}
