//! A component that is ready to be instantiated.

use wasmtime::component::Component;
use wasmtime_wasi::{p2, p3};

use super::code::CodeError;
use super::engine::WasmEngine;
use super::guest::Guest;

/// The interface by which a component says that it takes signals itself.
const SIGNALS: &str = "peapod:pod/signals@";

/// A linked program.
pub(super) struct Program {
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
}

impl Program {
    pub(super) fn new(engine: &WasmEngine, component: &Component) -> Result<Self, CodeError> {
        let link = |error: wasmtime::Error| CodeError::Link(format!("{error:#}"));
        let kind = component.component_type();
        let imports: Vec<String> = kind
            .imports(engine.wasmtime())
            .map(|(name, _)| name.to_owned())
            .collect();
        let mut exports = kind.exports(engine.wasmtime()).map(|(name, _)| name);
        let p3 = match exports.find(|name| name.starts_with("wasi:cli/run@")) {
            Some(run) => run.starts_with("wasi:cli/run@0.3."),
            None => {
                return Err(CodeError::Link(
                    "component exports no wasi:cli/run, so there is nothing to run".into(),
                ));
            }
        };
        // A component for 0.3 may import 0.2 as well (its language's standard library does), and the other way round.
        let imports_p3 = imports
            .iter()
            .any(|name| name.starts_with("wasi:") && name.contains("@0.3."));
        let linker = engine.linker(p3 || imports_p3).map_err(link)?;
        let pre = linker.instantiate_pre(component).map_err(link)?;
        let entry = if p3 {
            Entry::P3(p3::bindings::CommandPre::new(pre).map_err(link)?)
        } else {
            Entry::P2(p2::bindings::CommandPre::new(pre).map_err(link)?)
        };
        Ok(Self {
            entry,
            takes_signals: imports.iter().any(|name| name.starts_with(SIGNALS)),
        })
    }
}
