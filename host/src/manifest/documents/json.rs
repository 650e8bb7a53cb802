//! JSON, one or several documents in a row, with repeated keys reported.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::{MAX_DEPTH, Parsed};
use crate::manifest::fault::{FaultKind, FieldFault};

/// Reads JSON documents until the text ends or one of them is broken: where a broken one ends, nobody knows.
pub(super) fn parse(text: &str) -> Vec<Parsed> {
    let mut out = Vec::new();
    for node in serde_json::Deserializer::from_str(text).into_iter::<Node>() {
        match node {
            Ok(node) if node.depth > MAX_DEPTH => {
                out.push(Parsed::syntax(format!(
                    "nested more than {MAX_DEPTH} levels deep"
                )));
            }
            Ok(node) => out.push(Parsed {
                value: Some(node.value),
                faults: node.repeated.into_iter().map(duplicate).collect(),
            }),
            Err(error) => {
                out.push(Parsed::syntax(located(&error)));
                return out;
            }
        }
    }
    out
}

/// serde_json puts the position last; here it stands first, as for YAML.
fn located(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let tail = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&tail).unwrap_or(&text);
    format!(
        "line {}, column {}: {text}",
        error.line(),
        error.column().max(1)
    )
}

/// The fault of a key that stands twice in one object.
pub(super) fn duplicate(path: String) -> FieldFault {
    FieldFault {
        message: "duplicate field".to_owned(),
        kind: FaultKind::DuplicateField,
        path,
    }
}

/// A value, how deep it is, and the paths of keys that stood twice in it. The last one wins, as everywhere.
struct Node {
    value: Value,
    depth: usize,
    repeated: Vec<String>,
}

impl Node {
    const fn leaf(value: Value) -> Self {
        Self {
            value,
            depth: 0,
            repeated: Vec::new(),
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::leaf(Value::Null))
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Node, E> {
        Ok(Node::leaf(v.into()))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Node, E> {
        Ok(Node::leaf(v.into()))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Node, E> {
        Ok(Node::leaf(v.into()))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Node, E> {
        Ok(Node::leaf(
            Number::from_f64(v).map_or(Value::Null, Value::Number),
        ))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Node, E> {
        Ok(Node::leaf(v.into()))
    }

    fn visit_string<E: Error>(self, v: String) -> Result<Node, E> {
        Ok(Node::leaf(v.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        let (mut depth, mut repeated) = (0, Vec::new());
        while let Some(node) = seq.next_element::<Node>()? {
            depth = depth.max(node.depth);
            repeated.extend(
                node.repeated
                    .into_iter()
                    .map(|path| join(&format!("[{}]", list.len()), &path)),
            );
            list.push(node.value);
        }
        Ok(Node {
            value: Value::Array(list),
            depth: depth + 1,
            repeated,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut map = Map::new();
        let (mut depth, mut repeated) = (0, Vec::new());
        while let Some(key) = access.next_key::<String>()? {
            let node = access.next_value::<Node>()?;
            depth = depth.max(node.depth);
            repeated.extend(node.repeated.into_iter().map(|path| join(&key, &path)));
            if map.contains_key(&key) {
                repeated.push(key.clone());
            }
            map.insert(key, node.value);
        }
        Ok(Node {
            value: Value::Object(map),
            depth: depth + 1,
            repeated,
        })
    }
}

fn join(head: &str, tail: &str) -> String {
    if tail.starts_with('[') {
        format!("{head}{tail}")
    } else {
        format!("{head}.{tail}")
    }
}
