//! A component that is ready to be instantiated.

use std::sync::Arc;

use wasmtime::component::Component;
use wasmtime_wasi::{p2, p3};
use wasmtime_wasi_http::handler::ProxyPre;
use wasmtime_wasi_http::{p2 as http2, p3 as http3};

use super::code::CodeError;
use super::engine::WasmEngine;
use super::guest::{Guest, Wants};

/// The interface by which a component says that it takes signals itself.
const SIGNALS: &str = "peapod:pod/signals@";

/// A linked program.
pub(super) struct Program {
    /// The engine it is linked for.
    pub(super) engine: Arc<WasmEngine>,
    pub(super) entry: Entry,
    /// It imports `peapod:pod/signals`: TERM arrives there and has no default action.
    pub(super) takes_signals: bool,
}

/// How it is run.
pub(super) enum Entry {
    /// It exports `wasi:cli/run` of WASI 0.2.
    P2(p2::bindings::CommandPre<Guest>),
    /// It exports `wasi:cli/run` of WASI 0.3.
    P3(p3::bindings::CommandPre<Guest>),
    /// It exports a handler of HTTP requests, of WASI 0.2 or 0.3: the process is a server, and every request has an instance of its own.
    Http(ProxyPre<Guest>),
}

/// What a component exports to be run by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// It handles requests; otherwise it is a command.
    pub(super) http: bool,
    /// By WASI 0.3; otherwise by 0.2.
    p3: bool,
}

impl Kind {
    /// What the component is.
    pub(super) fn of(engine: &WasmEngine, component: &Component) -> Result<Self, CodeError> {
        let kind = component.component_type();
        let exports: Vec<&str> = kind
            .exports(engine.wasmtime())
            .map(|(name, _)| name)
            .collect();
        let exported = |prefix: &str| exports.iter().any(|name| name.starts_with(prefix));
        // The handler comes first: the macros by which servers are written in Rust leave a `run` in the component, which only panics.
        let (http, p3) = if exported("wasi:http/incoming-handler@0.2.") {
            (true, false)
        } else if exported("wasi:http/handler@0.3.") {
            (true, true)
        } else if exported("wasi:cli/run@0.3.") {
            (false, true)
        } else if exported("wasi:cli/run@") {
            (false, false)
        } else {
            return Err(CodeError::Link(
                "component exports neither wasi:cli/run nor a handler of wasi:http, so there is nothing to run".into(),
            ));
        };
        Ok(Self { http, p3 })
    }
}

impl Wants {
    /// What the component imports. One for 0.3 may import 0.2 as well (its language's standard library does), and the other way round.
    pub(super) fn of(engine: &WasmEngine, component: &Component) -> Self {
        let p3 = |name: &str| name.starts_with("wasi:") && name.contains("@0.3.");
        let kind = component.component_type();
        let mut wants = Self {
            p3: kind.exports(engine.wasmtime()).any(|(name, _)| p3(name)),
            http: false,
            signals: false,
        };
        for (name, _) in kind.imports(engine.wasmtime()) {
            wants.p3 |= p3(name);
            wants.http |= name.starts_with("wasi:http/");
            wants.signals |= name.starts_with(SIGNALS);
        }
        wants
    }
}

impl Program {
    /// Links a component that was loaded for that engine.
    pub(super) fn new(engine: &Arc<WasmEngine>, component: &Component) -> Result<Self, CodeError> {
        let link = |error: wasmtime::Error| CodeError::Link(format!("{error:#}"));
        let Kind { http, p3 } = Kind::of(engine, component)?;
        let wants = Wants::of(engine, component);
        let linker = engine.linker(wants).map_err(link)?;
        let pre = linker.instantiate_pre(component).map_err(link)?;
        let entry = match (http, p3) {
            (true, false) => Entry::Http(ProxyPre::P2(
                http2::bindings::ProxyPre::new(pre).map_err(link)?,
            )),
            (true, true) => Entry::Http(ProxyPre::P3(
                http3::bindings::ServicePre::new(pre).map_err(link)?,
            )),
            (false, false) => Entry::P2(p2::bindings::CommandPre::new(pre).map_err(link)?),
            (false, true) => Entry::P3(p3::bindings::CommandPre::new(pre).map_err(link)?),
        };
        Ok(Self {
            engine: Arc::clone(engine),
            entry,
            // Signals of a server go to the server, not to whichever request asks first.
            takes_signals: !http && wants.signals,
        })
    }
}

impl Entry {
    /// Whether the process is a server.
    pub(super) fn serves(&self) -> bool {
        matches!(self, Self::Http(_))
    }
}
