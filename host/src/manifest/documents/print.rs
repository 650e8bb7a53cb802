//! Values as YAML that kubectl reads as the same: for it, and for [`super::yaml`], `no` is a boolean and `0644` a number.

use serde_json::Value;

use super::scalar::resolve;

/// The value as a block of YAML, lists not indented, texts of several lines as such.
pub(in crate::manifest) fn yaml(value: &Value) -> String {
    let mut out = lines(value).join("\n");
    out.push('\n');
    out
}

fn lines(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) if !map.is_empty() => map
            .iter()
            .flat_map(|(name, value)| field(&scalar(name), value))
            .collect(),
        Value::Array(list) if !list.is_empty() => list
            .iter()
            .flat_map(|item| {
                // The lines of a text stand in already.
                let as_is = item.is_string();
                let lines = lines(item).into_iter().enumerate();
                lines.map(move |(at, line)| match at {
                    0 => format!("- {line}"),
                    _ if as_is || line.is_empty() => line,
                    _ => format!("  {line}"),
                })
            })
            .collect(),
        Value::String(text) if is_block(text) => block(text),
        Value::String(text) => vec![scalar(text)],
        // Numbers, booleans, null, and what is empty, read as they do in JSON.
        other => vec![other.to_string()],
    }
}

fn field(name: &str, value: &Value) -> Vec<String> {
    let mut lines = lines(value);
    match value {
        Value::Object(map) if !map.is_empty() => {
            for line in lines.iter_mut().filter(|line| !line.is_empty()) {
                line.insert_str(0, "  ");
            }
            lines.insert(0, format!("{name}:"));
        }
        Value::Array(list) if !list.is_empty() => lines.insert(0, format!("{name}:")),
        _ => {
            if let Some(first) = lines.first_mut() {
                first.insert_str(0, &format!("{name}: "));
            }
        }
    }
    lines
}

/// Several lines that stand well as lines. One that begins with a space would need to have its indentation told.
fn is_block(text: &str) -> bool {
    text.contains('\n')
        && !text.starts_with([' ', '\t', '\n'])
        && text
            .chars()
            .all(|c| c == '\n' || c == '\t' || !is_hidden(c))
        && text
            .split('\n')
            .all(|line| line.is_empty() || !line.trim().is_empty())
}

fn block(text: &str) -> Vec<String> {
    let whole = text.strip_suffix('\n');
    let head = match whole {
        None => "|-",
        Some(rest) if rest.ends_with('\n') => "|+",
        Some(_) => "|",
    };
    let inside = whole.unwrap_or(text).split('\n').map(|line| {
        if line.is_empty() {
            String::new()
        } else {
            format!("  {line}")
        }
    });
    std::iter::once(head.to_owned()).chain(inside).collect()
}

/// Does not show, or not as itself, or ends a line.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            _ if is_hidden(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Nothing in it means anything, here or to a reader of YAML 1.1 who knows dates and numbers to the base of 60.
fn is_plain(text: &str) -> bool {
    let harmless = |c: char| c.is_alphanumeric() || "_-./ @+$()=".contains(c);
    let inside = text.replace(':', "");
    let colons = !text.contains(": ") && !text.ends_with(':');
    let number_like = text.starts_with(|c: char| c.is_ascii_digit());
    let date = number_like && (text.contains(':') || text.as_bytes().get(4) == Some(&b'-'));
    text.starts_with(|c: char| c.is_alphanumeric() || "_/.".contains(c))
        && !text.starts_with("..")
        && !text.ends_with(' ')
        && inside.chars().all(harmless)
        && colons
        && !date
        && resolve(text) == Ok(Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::yaml;
    use crate::manifest::documents::read;

    #[test]
    fn a_value_reads_as_itself_and_as_kubectl_would_write_it() {
        let value = json!({
            "args": ["-c", "echo a\nsleep 1\n", "yes", "0644", "1_000", "", " x", "a: b", "a #b", "http://x:80/y"],
            "data": {
                "2026-01-01T00:00:00Z": "12:30",
                "a": "one\n\n  two", "b": "end\n\n", "c": "\n", "d": "x\u{1b}\u{85}\u{2028}\u{7f}\r\n\"\\",
                "e": "a\n \nb", "f": "é ü", "on": "off", "~": "null", "...": "---", ".x": "1e3", "<<": "*a",
            },
            "empty": [{}, [], null],
            "n": [1, -2.5, true, [["deep"], {"a": {"b": [{"c": 1, "d": "2"}]}}]],
        });
        let text = yaml(&value);
        let again = read(&"f".into(), text.as_bytes());
        assert!(again.faults.is_empty(), "{:?}\n{text}", again.faults);
        assert_eq!(again.documents[0].value, value, "{text}");
        assert_eq!(
            yaml(&json!({"a": [{"b": "yes", "c": ["x y", "l\nm"]}], "d": {"e": {}}})),
            "a:\n- b: \"yes\"\n  c:\n  - x y\n  - |-\n    l\n    m\nd:\n  e: {}\n"
        );
    }
}
