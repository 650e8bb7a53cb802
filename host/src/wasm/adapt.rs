//! Whatever a file holds, as a component: text is assembled, a WASI 0.1 core module goes through the preview1 adapter.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider as adapter;
use wasm_encoder::reencode::Reencode;

/// Stands in the key of compiled code: to be raised with every change of what [`to_component`] makes of the same bytes.
pub(super) const VERSION: u32 = 1;

/// Why bytes are no program.
#[derive(Debug, thiserror::Error)]
pub enum AdaptError {
    /// Neither wasm nor its text.
    #[error("not a WebAssembly file")]
    NotWasm,
    /// Text with a mistake in it.
    #[error("not valid WebAssembly text: {0}")]
    Text(String),
    /// A core module that is no WASI 0.1 command.
    #[error("core module cannot be made a component: {0}")]
    Module(String),
}

/// What the first bytes of a file say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Component,
    Module,
    Text,
    Other,
}

fn kind(bytes: &[u8]) -> Kind {
    // Component Model binary format: \0asm, then a 16-bit version and a 16-bit layer; layer 1 is a component.
    match bytes {
        [0, b'a', b's', b'm', _, _, 1, 0, ..] => Kind::Component,
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Kind::Module,
        _ => {
            let start = bytes.trim_ascii_start();
            if start.starts_with(b"(") || start.starts_with(b";;") {
                Kind::Text
            } else {
                Kind::Other
            }
        }
    }
}

/// Whether a file that starts so could be a program.
pub fn looks_like_wasm(start: &[u8]) -> bool {
    kind(start) != Kind::Other
}

/// The component these bytes are, or can be made.
pub(super) fn to_component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, AdaptError> {
    match kind(bytes) {
        Kind::Component => Ok(Cow::Borrowed(bytes)),
        Kind::Module => adapt(bytes).map(Cow::Owned),
        Kind::Text => {
            let binary = wat::parse_bytes(bytes).map_err(|e| AdaptError::Text(one_line(&e)))?;
            if kind(&binary) == Kind::Module {
                adapt(&binary).map(Cow::Owned)
            } else {
                Ok(Cow::Owned(binary.into_owned()))
            }
        }
        Kind::Other => Err(AdaptError::NotWasm),
    }
}

fn adapt(module: &[u8]) -> Result<Vec<u8>, AdaptError> {
    let encode = || {
        wit_component::ComponentEncoder::default()
            .module(&with_exit_codes(module)?)?
            .adapter(
                adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                adapter::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
            )?
            .encode()
    };
    encode().map_err(|e| AdaptError::Module(one_line(&format!("{e:#}"))))
}

/// The one import the adapter does not do justice to: it turns every `proc_exit` but that of 0 into exit code 1, and restart rules
/// (A14) go by the code. `exit-with-code` has the same signature at the level of core wasm, so the import is pointed there.
const EXIT_WIT: &str = "
    package peapod:adapt;
    world exits { import wasi:cli/exit@0.2.12; }
    package wasi:cli@0.2.12 {
        interface exit { exit: func(status: result); exit-with-code: func(status-code: u8); }
    }";

fn with_exit_codes(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut changed = wasm_encoder::Module::new();
    let mut exits = Exits::default();
    exits
        .parse_core_module(&mut changed, wasmparser::Parser::new(0), module)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    if !exits.found {
        return Ok(module.to_vec());
    }
    let mut bytes = changed.finish();
    let mut resolve = wit_parser::Resolve::default();
    let package = resolve.push_str("exit.wit", EXIT_WIT)?;
    let world = resolve.select_world(&[package], None)?;
    let encoding = wit_component::StringEncoding::UTF8;
    wit_component::embed_component_metadata(&mut bytes, &resolve, world, encoding)?;
    Ok(bytes)
}

#[derive(Default)]
struct Exits {
    found: bool,
}

impl Reencode for Exits {
    type Error = std::convert::Infallible;

    fn parse_imports(
        &mut self,
        section: &mut wasm_encoder::ImportSection,
        imports: wasmparser::Imports<'_>,
    ) -> Result<(), wasm_encoder::reencode::Error<Self::Error>> {
        let adapter = adapter::WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME;
        let imports = match imports {
            wasmparser::Imports::Single(at, mut import)
                if import.module == adapter && import.name == "proc_exit" =>
            {
                self.found = true;
                import.module = "wasi:cli/exit@0.2.12";
                import.name = "exit-with-code";
                wasmparser::Imports::Single(at, import)
            }
            other => other,
        };
        wasm_encoder::reencode::utils::parse_imports(self, section, imports)
    }
}

fn one_line(error: &impl ToString) -> String {
    error
        .to_string()
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::{AdaptError, to_component};

    #[test]
    fn a_preview1_module_becomes_a_component() {
        let module = wat::parse_str(
            r#"(module
                (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
                (memory (export "memory") 1)
                (func (export "_start") (call $exit (i32.const 3))))"#,
        )
        .expect("valid text");
        let component = to_component(&module).expect("adapted");
        assert_eq!(component[4..8], [0x0d, 0, 1, 0]);
        let text = wasmparser::Parser::new(0)
            .parse_all(&component)
            .any(|payload| {
                matches!(payload, Ok(wasmparser::Payload::ImportSection(section))
                if section.clone().into_imports().any(|i| i.is_ok_and(|i| i.name == "exit-with-code")))
            });
        assert!(text, "its exit code reaches the host");
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(matches!(to_component(b"\x7fELF"), Err(AdaptError::NotWasm)));
        assert!(matches!(to_component(b""), Err(AdaptError::NotWasm)));
        assert!(matches!(to_component(b"(module"), Err(AdaptError::Text(_))));
        assert!(matches!(
            to_component(b"\0asm\x01\0\0\0garbage"),
            Err(AdaptError::Module(_))
        ));
    }
}
