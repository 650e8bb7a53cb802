//! The configuration: what a file says, checked before anything is served.

mod directives;
mod http;
mod lexer;
mod values;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

pub(crate) use lexer::Fault;

use crate::logs::{AccessLog, ErrorLog};
use crate::proxy::Upstream;
use crate::template::Template;

/// All of it.
pub(crate) struct Config {
    pub(crate) worker_connections: usize,
    pub(crate) error_log: Rc<ErrorLog>,
    pub(crate) pid: PathBuf,
    pub(crate) servers: Vec<Rc<Server>>,
    /// How long a connection may be idle; nothing: one request a connection. One for all servers: the first's.
    pub(crate) keep_alive: Option<Duration>,
    /// How long a client may take nothing of what it is sent.
    pub(crate) send_timeout: Duration,
    /// What was accepted without being done.
    pub(crate) warnings: Vec<String>,
}

impl Config {
    /// Reads a configuration, `globals` first: what `-g` gave.
    pub(crate) fn read(path: &Path, globals: &str) -> Result<Config, Fault> {
        let mut all = lexer::read_line(globals)?;
        all.extend(lexer::read(path)?);
        http::config(&all)
    }
}

/// `server { … }`.
pub(crate) struct Server {
    pub(crate) listen: Vec<Listen>,
    pub(crate) names: Vec<String>,
    pub(crate) settings: Rc<Settings>,
    pub(crate) locations: Vec<Location>,
}

/// `listen`.
pub(crate) struct Listen {
    pub(crate) address: SocketAddr,
    pub(crate) is_default: bool,
}

/// `location`.
pub(crate) struct Location {
    pub(crate) path: String,
    /// `=`: this path and no longer one.
    pub(crate) exact: bool,
    pub(crate) settings: Rc<Settings>,
}

/// What is said at one level and inherited by those inside it.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) root: PathBuf,
    pub(crate) index: Rc<Vec<String>>,
    pub(crate) autoindex: bool,
    /// Media types by extension.
    pub(crate) types: Rc<HashMap<String, String>>,
    pub(crate) default_type: String,
    pub(crate) charset: Option<String>,
    pub(crate) access: Rc<Vec<AccessLog>>,
    /// 0: no limit.
    pub(crate) max_body_bytes: u64,
    pub(crate) error_pages: Rc<Vec<ErrorPage>>,
    pub(crate) add_headers: Rc<Vec<AddHeader>>,
    pub(crate) proxy: Proxying,
    /// Not inherited by a location, as all that follows.
    pub(crate) own: Own,
}

/// What a level does itself.
#[derive(Clone, Default)]
pub(crate) struct Own {
    pub(crate) alias: Option<PathBuf>,
    pub(crate) returns: Option<Return>,
    pub(crate) try_files: Option<TryFiles>,
    pub(crate) pass: Option<Pass>,
    pub(crate) internal: bool,
}

/// `return`.
#[derive(Clone)]
pub(crate) struct Return {
    pub(crate) status: u16,
    /// The body, or where a redirection leads.
    pub(crate) text: Option<Template>,
}

/// `try_files`.
#[derive(Clone)]
pub(crate) struct TryFiles {
    pub(crate) files: Vec<Template>,
    pub(crate) last: LastTry,
}

/// What `try_files` comes to when there is no such file.
#[derive(Clone)]
pub(crate) enum LastTry {
    Status(u16),
    Uri(Template),
}

/// `error_page`.
pub(crate) struct ErrorPage {
    pub(crate) statuses: Vec<u16>,
    /// `=200`: what it is answered with instead; `=`: nothing, what the page itself comes to.
    pub(crate) instead: Option<Option<u16>>,
    pub(crate) uri: Template,
}

/// `add_header`.
pub(crate) struct AddHeader {
    pub(crate) name: web::header::HeaderName,
    pub(crate) value: Template,
    pub(crate) always: bool,
}

/// How requests are passed on.
#[derive(Clone)]
pub(crate) struct Proxying {
    pub(crate) set_headers: Rc<Vec<(web::header::HeaderName, Template)>>,
    pub(crate) hide_headers: Rc<Vec<web::header::HeaderName>>,
    pub(crate) connect: Duration,
    pub(crate) read: Duration,
    pub(crate) redirect: Redirect,
}

/// `proxy_redirect`.
#[derive(Clone)]
pub(crate) enum Redirect {
    Off,
    /// The passed address becomes the location's path.
    Default,
    Replace(String, String),
}

/// `proxy_pass`.
#[derive(Clone)]
pub(crate) struct Pass {
    pub(crate) upstream: Rc<Upstream>,
    /// As `$proxy_host` has it.
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What takes the location's place in the request's path; nothing: the request is passed on as it came.
    pub(crate) uri: Option<String>,
}
