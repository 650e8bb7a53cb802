//! The names a component answers to beside its own: a multi-call program lists them, parted by blanks, in a custom section.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use wasmparser::{Parser, Payload};

use crate::ports::Image;

/// The custom section, of the component or of a module in it.
const SECTION: &str = "peapod:commands";
/// Names of one component together; a longer list is none.
const NAMES_BYTES_MAX: usize = 64 << 10;
/// A larger file is not searched.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// What a component says it answers to; `None` where it says nothing.
pub(super) type Names = Option<Arc<HashSet<String>>>;

/// Remembers what was found, by digest: a probe asks every second.
#[derive(Default)]
pub(super) struct Commands(Mutex<HashMap<String, Names>>);

impl Commands {
    /// What the image's component answers to.
    pub(super) async fn of(&self, image: &Image) -> Names {
        let digest = &image.wasm_digest;
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(names) = lock().get(digest) {
            return names.clone();
        }
        let path = image.wasm.clone();
        let names = tokio::task::spawn_blocking(move || read(&path)).await;
        let names = names.ok().flatten();
        lock().insert(digest.clone(), names.clone());
        names
    }
}

fn read(path: &Path) -> Names {
    if std::fs::metadata(path).ok()?.len() > FILE_BYTES_MAX {
        return None;
    }
    let bytes = std::fs::read(path).ok()?;
    // The text format is for people who try things out.
    let bytes = wat::parse_bytes(&bytes).ok()?;
    declared(&bytes)
}

fn declared(wasm: &[u8]) -> Names {
    let mut names = None;
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::CustomSection(section) = payload.ok()? else {
            continue;
        };
        if section.name() != SECTION || section.data().len() > NAMES_BYTES_MAX {
            continue;
        }
        let text = String::from_utf8_lossy(section.data());
        let words = text.split_whitespace().map(str::to_owned);
        names.get_or_insert_with(HashSet::new).extend(words);
    }
    names.map(Arc::new)
}

#[cfg(test)]
mod tests {
    use super::declared;

    fn names(wat: &str) -> Option<Vec<String>> {
        let wasm = wat::parse_str(wat).expect("text");
        let names = declared(&wasm)?;
        let mut names: Vec<_> = names.iter().cloned().collect();
        names.sort();
        Some(names)
    }

    #[test]
    fn a_component_lists_its_names_in_itself_or_in_a_module() {
        assert_eq!(names("(component)"), None);
        let own = "(component (@custom \"peapod:commands\" \"cat [ ls\\n\"))";
        assert_eq!(
            names(own),
            Some(vec!["[".into(), "cat".into(), "ls".into()])
        );
        let inner = "(component (core module (@custom \"peapod:commands\" \"sh\")))";
        assert_eq!(names(inner), Some(vec!["sh".into()]));
        let module = "(module (@custom \"peapod:commands\" \"a b\") (@custom \"other\" \"c\"))";
        assert_eq!(names(module), Some(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn what_is_no_component_answers_to_nothing() {
        assert_eq!(declared(b""), None);
        assert_eq!(declared(b"\0asm\x0d\0\x01\0\0\xff\xff"), None);
        let long = format!(
            "(component (@custom \"peapod:commands\" \"{}\"))",
            "x ".repeat(40_000)
        );
        assert_eq!(names(&long), None);
    }
}
