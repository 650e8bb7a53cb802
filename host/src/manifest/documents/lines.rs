//! Which line of a file a fault is about: found by reading the file once more, so that nobody pays for it whose manifests are right.

use saphyr_parser::Event;

use super::yaml;
use crate::manifest::fault::Fault;

/// So many faults get their line: nobody reads more, and finding each in a map of a hundred thousand fields takes its time.
const LINES_MAX: usize = 200;

/// Adds the lines to the faults of a file. JSON is read as the YAML that it is, too; where that fails, a fault has no line.
pub(in crate::manifest) fn add(bytes: &[u8], faults: &mut [Fault]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents: Vec<Outline> = Vec::new();
    yaml::parse_watched(text, &mut |document, event, line| {
        while documents.len() <= document {
            documents.push(Outline::default());
        }
        if let Some(outline) = documents.get_mut(document) {
            outline.event(event, line);
        }
    });
    for fault in faults.iter_mut().take(LINES_MAX) {
        let outline = fault.document.checked_sub(1);
        let outline = outline.and_then(|at| documents.get(at));
        // A text that could not be read has its line in the message.
        fault.line = outline
            .filter(|_| !fault.is_syntax())
            .and_then(|outline| outline.line(&fault.path));
    }
}

/// The lines of a document's values.
#[derive(Default)]
struct Outline {
    root: Option<Node>,
    open: Vec<Node>,
    /// The field whose value comes next, by the depth of its map.
    keys: Vec<Option<(String, usize)>>,
}

struct Node {
    line: usize,
    inside: Inside,
}

enum Inside {
    Scalar,
    Map(Vec<(String, Node)>),
    Seq(Vec<Node>),
}

impl Outline {
    fn event(&mut self, event: &Event<'_>, line: usize) {
        match event {
            Event::MappingStart(..) => self.open(line, Inside::Map(Vec::new())),
            Event::SequenceStart(..) => self.open(line, Inside::Seq(Vec::new())),
            Event::MappingEnd | Event::SequenceEnd => {
                self.keys.pop();
                if let Some(node) = self.open.pop() {
                    self.place(node);
                }
            }
            Event::Scalar(text, ..) => {
                let in_map =
                    matches!(self.open.last(), Some(node) if matches!(node.inside, Inside::Map(_)));
                match self.keys.last_mut() {
                    Some(key @ None) if in_map => *key = Some((text.to_string(), line)),
                    _ => self.place(Node {
                        line,
                        inside: Inside::Scalar,
                    }),
                }
            }
            Event::Alias(_) => self.place(Node {
                line,
                inside: Inside::Scalar,
            }),
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
    }

    fn open(&mut self, line: usize, inside: Inside) {
        self.open.push(Node { line, inside });
        self.keys.push(None);
    }

    fn place(&mut self, mut node: Node) {
        let key = self.keys.last_mut().and_then(Option::take);
        match (self.open.last_mut().map(|node| &mut node.inside), key) {
            (None, _) => self.root = Some(node),
            (Some(Inside::Map(fields)), Some((name, line))) => {
                // Of a field, the line of its name.
                node.line = line;
                fields.push((name, node));
            }
            (Some(Inside::Seq(items)), _) => items.push(node),
            (Some(_), _) => {}
        }
    }

    /// The line of what a path leads to, or of the innermost thing around it: what is missing has no line of its own.
    fn line(&self, path: &str) -> Option<usize> {
        let mut node = self.root.as_ref()?;
        let mut rest = path;
        while let Some((inner, after)) = step(node, rest.strip_prefix('.').unwrap_or(rest)) {
            (node, rest) = (inner, after);
        }
        Some(node.line)
    }
}

/// One step along a path: `name`, `[0]` or `[name]`; names may have dots in them.
fn step<'n, 'p>(node: &'n Node, path: &'p str) -> Option<(&'n Node, &'p str)> {
    match &node.inside {
        Inside::Scalar => None,
        Inside::Seq(items) => {
            let (index, rest) = path.strip_prefix('[')?.split_once(']')?;
            let index: usize = index.parse().ok()?;
            items.get(index).map(|item| (item, rest))
        }
        Inside::Map(fields) => {
            let after = |name: &str| match path.strip_prefix('[') {
                Some(path) => path.strip_prefix(name)?.strip_prefix(']'),
                None => {
                    let rest = path.strip_prefix(name)?;
                    (rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
                }
            };
            let found = fields
                .iter()
                .filter_map(|(name, node)| Some((name.len(), node, after(name)?)));
            // Of a repeated field, the last, which is the one that is meant.
            let (_, node, rest) = found.max_by_key(|(len, ..)| *len)?;
            Some((node, rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::add;
    use crate::manifest::fault::{Fault, FaultKind};

    fn line(text: &str, document: usize, path: &str) -> Option<usize> {
        let mut faults = [Fault {
            file: "f".into(),
            document,
            line: None,
            subject: None,
            path: path.to_owned(),
            kind: FaultKind::Invalid,
            message: String::new(),
        }];
        add(text.as_bytes(), &mut faults);
        faults[0].line
    }

    const TEXT: &str = "\
# two documents
a:
  b.c/d: 1
  e:
  - x
  - f: 1
    g: |
      text
    h: {i: 1,
        j: 2}
---
k: &k
  l: 1
m: *k
n: 1
n: 2
";

    #[test]
    fn a_path_leads_to_its_line_or_to_what_is_around_it() {
        for (document, path, expected) in [
            (1, "", 2),
            (1, "a", 2),
            (1, "a.b.c/d", 3),
            (1, "a[b.c/d]", 3),
            (1, "a.e[0]", 5),
            (1, "a.e[1]", 6),
            (1, "a.e[1].g", 7),
            (1, "a.e[1].h.j", 10),
            (1, "a.e.g", 4),
            (1, "a.e[1].missing", 6),
            (1, "a.e[7].f", 4),
            (2, "k.l", 13),
            (2, "m.l", 14),
            (2, "n", 16),
        ] {
            assert_eq!(line(TEXT, document, path), Some(expected), "{path}");
        }
        assert_eq!(line(TEXT, 3, "k"), None);
        assert_eq!(line(TEXT, 0, ""), None);
    }

    #[test]
    fn json_has_lines_and_what_cannot_be_read_has_none() {
        let json = "{\"a\":\n  [1,\n   {\"b\": 2}]}";
        assert_eq!(line(json, 1, "a[1].b"), Some(3));
        assert_eq!(line("\u{feff}a: 1\r\nb:\r\n- 1\r\n", 1, "b[0]"), Some(3));
        assert_eq!(line("{\"a\": 1} {\"b\": 1}", 2, "b"), None);
    }
}
