//! YAML, one or several documents, with anchors, merge keys, repeated keys reported and sizes limited.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

use super::json::duplicate;
use super::scalar::resolve;
use super::{MAX_DEPTH, Parsed};
use crate::manifest::fault::FieldFault;

/// What aliases may add to a document set, in bytes (each value counted as [`VALUE_COST`] and its text). Without it ten
/// nested anchors of ten aliases each are ten thousand million values.
const MAX_EXPANSION: usize = 4 << 20;

const VALUE_COST: usize = 32;

/// Reads YAML documents. Documents are separated first, as kubectl does, so that a broken one does not hide the next.
pub(super) fn parse(text: &str) -> Vec<Parsed> {
    parse_watched(text, &mut |_, _, _| {})
}

/// The same; `watch` is told of each thing that is read in which document, counted from 0, and on which line, counted from 1.
pub(super) fn parse_watched(
    text: &str,
    watch: &mut impl FnMut(usize, &Event<'_>, usize),
) -> Vec<Parsed> {
    let mut out = Vec::new();
    for (first_line, chunk) in chunks(text) {
        let blank = |line: &str| {
            let line = line.trim_start();
            line.is_empty() || line.starts_with(['#', '%'])
        };
        if chunk.lines().all(blank) {
            continue;
        }
        parse_chunk(first_line, chunk, &mut out, watch);
    }
    out
}

/// The text between lines that are `---` and nothing else but a comment, each with the number of lines before it.
fn chunks(text: &str) -> Vec<(usize, &str)> {
    let mut out = Vec::new();
    let (mut start, mut first_line, mut at) = (0, 0, 0);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let next = at + line.len();
        let separator = line.strip_prefix("---").is_some_and(|rest| {
            let rest = rest.trim();
            rest.is_empty() || rest.starts_with('#')
        });
        if separator {
            out.push((first_line, text.get(start..at).unwrap_or_default()));
            (start, first_line) = (next, number + 1);
        }
        at = next;
    }
    out.push((first_line, text.get(start..).unwrap_or_default()));
    out
}

fn parse_chunk(
    first_line: usize,
    chunk: &str,
    out: &mut Vec<Parsed>,
    watch: &mut impl FnMut(usize, &Event<'_>, usize),
) {
    let mut parser = Parser::new_from_str(chunk);
    let mut builder = Builder::default();
    let located = |mark: &Marker, text: &str| {
        Parsed::syntax(format!(
            "line {}, column {}: {text}",
            first_line + mark.line().max(1),
            mark.col() + 1
        ))
    };
    while let Some(event) = parser.next_event() {
        match event {
            Err(error) => {
                out.push(located(error.marker(), error.info()));
                return;
            }
            Ok((event, span)) => {
                watch(out.len(), &event, first_line + span.start.line().max(1));
                match builder.event(event) {
                    Ok(Some(document)) => out.push(document),
                    Ok(None) => {}
                    Err(message) => {
                        out.push(located(&span.start, &message));
                        return;
                    }
                }
            }
        }
    }
}

/// A finished value with what it weighs against the limits.
#[derive(Clone)]
struct Built {
    value: Value,
    cost: usize,
    depth: usize,
}

enum Frame {
    Map {
        anchor: usize,
        map: Map<String, Value>,
        key: Option<Key>,
        merges: Vec<Value>,
        cost: usize,
        depth: usize,
    },
    Seq {
        anchor: usize,
        list: Vec<Value>,
        cost: usize,
        depth: usize,
    },
}

enum Key {
    Name(String),
    Merge,
}

#[derive(Default)]
struct Builder {
    stack: Vec<Frame>,
    anchors: HashMap<usize, Built>,
    expansion: usize,
    root: Option<Value>,
    faults: Vec<FieldFault>,
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<Option<Parsed>, String> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            Event::DocumentEnd => {
                self.anchors.clear();
                return Ok(Some(Parsed {
                    value: self.root.take(),
                    faults: std::mem::take(&mut self.faults),
                }));
            }
            Event::Alias(anchor) => {
                let Some(built) = self.anchors.get(&anchor).cloned() else {
                    return Err("an alias inside the value it stands for".to_owned());
                };
                self.spend(built.cost)?;
                self.place(built, 0)?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                if self.wants_key() {
                    let key = key(&text, style, tag.as_deref())?;
                    // An anchored key is legal and pointless; kubectl's manifests have none.
                    self.set_key(key);
                } else {
                    let value = scalar(&text, style, tag.as_deref())?;
                    let cost = VALUE_COST + text.len();
                    self.place(
                        Built {
                            value,
                            cost,
                            depth: 0,
                        },
                        anchor,
                    )?;
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(tag.as_deref(), "seq")?;
                self.stack.push(Frame::Seq {
                    anchor,
                    list: Vec::new(),
                    cost: VALUE_COST,
                    depth: 1,
                });
            }
            Event::MappingStart(anchor, tag) => {
                self.open(tag.as_deref(), "map")?;
                self.stack.push(Frame::Map {
                    anchor,
                    map: Map::new(),
                    key: None,
                    merges: Vec::new(),
                    cost: VALUE_COST,
                    depth: 1,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close()?,
        }
        Ok(None)
    }

    fn open(&self, tag: Option<&Tag>, expected: &str) -> Result<(), String> {
        if self.wants_key() {
            return Err(
                "a list or a map cannot be a field name; a template has to be rendered first"
                    .to_owned(),
            );
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} levels deep"));
        }
        match tag {
            Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => {
                Err(format!("tag {tag} has no meaning here"))
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<(), String> {
        match self.stack.pop() {
            Some(Frame::Seq {
                anchor,
                list,
                cost,
                depth,
            }) => self.place(
                Built {
                    value: Value::Array(list),
                    cost,
                    depth,
                },
                anchor,
            ),
            Some(Frame::Map {
                anchor,
                mut map,
                merges,
                cost,
                depth,
                ..
            }) => {
                for merge in merges {
                    merge_into(&mut map, merge)?;
                }
                self.place(
                    Built {
                        value: Value::Object(map),
                        cost,
                        depth,
                    },
                    anchor,
                )
            }
            None => Ok(()),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame::Map { key: None, .. }))
    }

    fn set_key(&mut self, name: Key) {
        if let Some(Frame::Map { key, cost, .. }) = self.stack.last_mut() {
            if let Key::Name(name) = &name {
                *cost += name.len();
            }
            *key = Some(name);
        }
    }

    fn spend(&mut self, cost: usize) -> Result<(), String> {
        self.expansion = self.expansion.saturating_add(cost);
        if self.expansion > MAX_EXPANSION {
            return Err(format!(
                "anchors and aliases grow the document by more than {MAX_EXPANSION} bytes"
            ));
        }
        Ok(())
    }

    /// Puts a finished value where the document is at.
    fn place(&mut self, built: Built, anchor: usize) -> Result<(), String> {
        if self.stack.len() + built.depth > MAX_DEPTH {
            return Err(format!("nested more than {MAX_DEPTH} levels deep"));
        }
        if anchor > 0 {
            self.spend(built.cost)?;
            self.anchors.insert(anchor, built.clone());
        }
        let mut repeated = None;
        match self.stack.last_mut() {
            None => self.root = Some(built.value),
            Some(Frame::Seq {
                list, cost, depth, ..
            }) => {
                *cost = cost.saturating_add(built.cost);
                *depth = (*depth).max(built.depth + 1);
                list.push(built.value);
            }
            Some(Frame::Map {
                map,
                key,
                merges,
                cost,
                depth,
                ..
            }) => {
                *cost = cost.saturating_add(built.cost);
                *depth = (*depth).max(built.depth + 1);
                match key.take() {
                    Some(Key::Merge) => merges.push(built.value),
                    Some(Key::Name(name)) => {
                        if map.contains_key(&name) {
                            repeated = Some(name.clone());
                        }
                        map.insert(name, built.value);
                    }
                    // Only an alias comes here without a key: scalars and collections were asked before.
                    None => return Err("an alias cannot be a field name".to_owned()),
                }
            }
        }
        if let Some(name) = repeated {
            let path = self.path(&name);
            self.faults.push(duplicate(path));
        }
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        let mut path = String::new();
        let outer = self.stack.len().saturating_sub(1);
        for frame in self.stack.iter().take(outer) {
            match frame {
                Frame::Map { key, .. } => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(match key {
                        Some(Key::Name(name)) => name,
                        Some(Key::Merge) => "<<",
                        None => "",
                    });
                }
                Frame::Seq { list, .. } => path.push_str(&format!("[{}]", list.len())),
            }
        }
        if !path.is_empty() {
            path.push('.');
        }
        path + name
    }
}

/// `<<: *a` or `<<: [*a, *b]`: what the map says itself wins, then the earlier of the merged ones.
fn merge_into(map: &mut Map<String, Value>, merge: Value) -> Result<(), String> {
    match merge {
        Value::Object(other) => {
            for (name, value) in other {
                map.entry(name).or_insert(value);
            }
            Ok(())
        }
        Value::Array(list) => list.into_iter().try_for_each(|one| match one {
            Value::Object(_) => merge_into(map, one),
            _ => Err("map merge requires map or sequence of maps as the value".to_owned()),
        }),
        _ => Err("map merge requires map or sequence of maps as the value".to_owned()),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, String> {
    match tag {
        None if style == ScalarStyle::Plain => resolve(text),
        None => Ok(text.into()),
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Ok(text.into()),
            "int" | "float" | "bool" | "null" => {
                let value = resolve(text)?;
                let fits = match tag.suffix.as_str() {
                    "bool" => value.is_boolean(),
                    "null" => value.is_null(),
                    _ => value.is_number(),
                };
                if fits {
                    Ok(value)
                } else {
                    Err(format!("{text:?} is no !!{}", tag.suffix))
                }
            }
            _ => Err(format!("tag !!{} has no meaning here", tag.suffix)),
        },
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(text.into()),
        Some(tag) => Err(format!("tag {tag} has no meaning here")),
    }
}

/// A field name. kubectl takes numbers and booleans for the text they print as, so a label `1: a` works.
fn key(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Key, String> {
    if text == "<<" && style == ScalarStyle::Plain && tag.is_none() {
        return Ok(Key::Merge);
    }
    match scalar(text, style, tag)? {
        Value::String(name) => Ok(Key::Name(name)),
        Value::Bool(name) => Ok(Key::Name(name.to_string())),
        Value::Number(name) => Ok(Key::Name(name.to_string())),
        _ => Err("a field name is missing".to_owned()),
    }
}
