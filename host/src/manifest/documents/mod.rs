//! Bytes of a file to documents: YAML or JSON, one or many, lists flattened.

mod json;
pub(super) mod lines;
pub(super) mod print;
mod scalar;
mod yaml;

use std::sync::Arc;

use serde_json::Value;

use super::fault::{FaultKind, FieldFault};

/// The most a document set may hold; kubectl and the API server stop at 3 MiB a request.
pub(super) const MAX_BYTES: usize = 4 << 20;

/// How deep a document may nest. Every later walk over the value recurses, so this is what keeps the stack safe.
pub(super) const MAX_DEPTH: usize = 100;

/// One document of a file.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file's name as the user gave it.
    pub file: Arc<str>,
    /// Which document of the file, counted from 1; empty documents do not count.
    pub index: usize,
    /// Which entry of `items`, when the document is a List.
    pub item: Option<usize>,
    /// The content.
    pub value: Value,
}

/// Documents read and faults found while reading; a fault in one document does not hide the others.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) documents: Vec<Document>,
    pub(super) faults: Vec<(usize, Option<usize>, FieldFault)>,
}

/// One document as a parser hands it over: its value, or none when it could not be read, and what was wrong.
#[derive(Debug, Default)]
struct Parsed {
    value: Option<Value>,
    faults: Vec<FieldFault>,
}

impl Parsed {
    fn syntax(message: String) -> Self {
        Self {
            value: None,
            faults: vec![syntax(message)],
        }
    }
}

fn syntax(message: String) -> FieldFault {
    FieldFault {
        path: String::new(),
        kind: FaultKind::Syntax,
        message,
    }
}

/// Reads every document of a file.
pub(super) fn read(file: &Arc<str>, bytes: &[u8]) -> Read {
    let whole = |message: String| Read {
        documents: Vec::new(),
        faults: vec![(0, None, syntax(message))],
    };
    if bytes.len() > MAX_BYTES {
        return whole(format!(
            "too large: {} bytes, at most {MAX_BYTES} are read",
            bytes.len()
        ));
    }
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(error) => return whole(not_text(bytes, error.valid_up_to())),
    };
    let parsed = parse(text);
    let mut read = Read::default();
    for (at, document) in parsed.into_iter().enumerate() {
        let index = at + 1;
        read.faults
            .extend(document.faults.into_iter().map(|f| (index, None, f)));
        match document.value {
            None | Some(Value::Null) => {}
            Some(value) => flatten(file, index, value, &mut read),
        }
    }
    read
}

/// A text that starts with a brace is JSON, or else YAML in its flow style; everything else is YAML.
fn parse(text: &str) -> Vec<Parsed> {
    let broken = |parsed: &[Parsed]| {
        (parsed.iter().flat_map(|p| &p.faults)).any(|f| f.kind == FaultKind::Syntax)
    };
    let Some(inside) = text.trim_start().strip_prefix('{') else {
        return yaml::parse(text);
    };
    let json = json::parse(text);
    if !broken(&json) {
        return json;
    }
    let yaml = yaml::parse(text);
    // Neither: the error that helps is that of the language it was meant to be.
    if broken(&yaml) && inside.trim_start().starts_with(['"', '}']) {
        json
    } else {
        yaml
    }
}

fn not_text(bytes: &[u8], at: usize) -> String {
    if bytes.starts_with(b"\0asm") {
        return "a WebAssembly file, not a manifest".to_owned();
    }
    if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
        return "UTF-16 text: save it as UTF-8".to_owned();
    }
    let line = bytes.iter().take(at).filter(|b| **b == b'\n').count() + 1;
    format!("line {line}: not UTF-8 text")
}

/// `kind: List` and the lists of one kind stand for their items.
fn flatten(file: &Arc<str>, index: usize, value: Value, read: &mut Read) {
    let document = |item, value| Document {
        file: Arc::clone(file),
        index,
        item,
        value,
    };
    let kind = value.get("kind").and_then(Value::as_str);
    let v1 = value.get("apiVersion").and_then(Value::as_str) == Some("v1");
    let of = match kind {
        Some("PodList") => Some("Pod"),
        Some("ServiceList") => Some("Service"),
        Some("ConfigMapList") => Some("ConfigMap"),
        Some("SecretList") => Some("Secret"),
        _ => None,
    };
    if !v1 || !(of.is_some() || kind == Some("List")) {
        read.documents.push(document(None, value));
        return;
    }
    let items = match value {
        Value::Object(mut map) => map.remove("items"),
        _ => None,
    };
    let items = match items {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items,
        Some(_) => {
            let fault = FieldFault {
                path: "items".to_owned(),
                kind: FaultKind::Type,
                message: "expected a list".to_owned(),
            };
            read.faults.push((index, None, fault));
            return;
        }
    };
    for (at, mut item) in items.into_iter().enumerate() {
        if let (Some(kind), Value::Object(map)) = (of, &mut item) {
            // Entries of a typed list leave out what the list's kind says already.
            map.entry("apiVersion").or_insert_with(|| "v1".into());
            map.entry("kind").or_insert_with(|| kind.into());
        }
        read.documents.push(document(Some(at), item));
    }
}
