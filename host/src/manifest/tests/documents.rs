use serde_json::{Value, json};

use crate::manifest::documents::read;

fn values(text: &str) -> Vec<Value> {
    let read = read(&"f".into(), text.as_bytes());
    assert!(read.faults.is_empty(), "{:?}", read.faults);
    read.documents.into_iter().map(|d| d.value).collect()
}

/// Every fault as `document: path: message`.
fn faults(text: &str) -> Vec<String> {
    read(&"f".into(), text.as_bytes())
        .faults
        .into_iter()
        .map(|(document, _, f)| format!("{document}: {}: {}", f.path, f.message))
        .collect()
}

#[test]
fn several_documents_are_read_and_empty_ones_skipped() {
    let text = "---\n# only a comment\n---\na: 1\n--- # next\nb: 2\n---\n---\nc: 3\n...\n";
    assert_eq!(
        values(text),
        [json!({"a": 1}), json!({"b": 2}), json!({"c": 3})]
    );
    assert_eq!(values(""), Vec::<Value>::new());
    assert_eq!(values("\n\n# nothing\n"), Vec::<Value>::new());
    assert_eq!(values("\u{feff}a: 1"), [json!({"a": 1})]);
    assert_eq!(values("a: 1\r\nb: x\r\n"), [json!({"a": 1, "b": "x"})]);
}

#[test]
fn json_documents_may_follow_one_another() {
    assert_eq!(
        values("{\"a\":1}\n{\"b\":[2]} {\"c\":\"d\"}"),
        [json!({"a": 1}), json!({"b": [2]}), json!({"c": "d"})]
    );
}

#[test]
fn lists_stand_for_their_items() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- {kind: A}\n- {kind: B}\n";
    assert_eq!(values(text), [json!({"kind": "A"}), json!({"kind": "B"})]);
    let text = r#"{"apiVersion":"v1","kind":"PodList","items":[{"metadata":{}}]}"#;
    assert_eq!(
        values(text),
        [json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}})]
    );
    assert_eq!(
        faults("apiVersion: v1\nkind: List\nitems: {}\n"),
        ["1: items: expected a list"]
    );
}

#[test]
fn anchors_merge_keys_and_block_texts_mean_what_they_mean_elsewhere() {
    let text = "
base: &base {image: a, env: [x]}
one: {<<: *base, image: b}
two:
  <<: [{image: c}, *base]
  name: two
text: |
  line 1
  line 2
folded: >-
  a
  b
quoted: '0644'
plain: 0644
tagged: !!str 0644
";
    let value = values(text).remove(0);
    assert_eq!(value["one"], json!({"image": "b", "env": ["x"]}));
    assert_eq!(
        value["two"],
        json!({"image": "c", "env": ["x"], "name": "two"})
    );
    assert_eq!(value["text"], "line 1\nline 2\n");
    assert_eq!(value["folded"], "a b");
    assert_eq!(value["quoted"], "0644");
    assert_eq!(value["plain"], 420);
    assert_eq!(value["tagged"], "0644");
}

#[test]
fn a_field_name_that_is_a_number_or_a_boolean_is_its_text() {
    assert_eq!(
        values("{1: a, true: b, 010: c}"),
        [json!({"1": "a", "true": "b", "8": "c"})]
    );
    for text in ["{[a]: b}", "{{a: b}: c}", "? [a]\n: b\n", "~: a", ": a"] {
        assert_eq!(faults(text).len(), 1, "{text}");
    }
}

#[test]
fn k57_repeated_keys_are_reported_with_their_path() {
    assert_eq!(
        faults("spec:\n  a: [{b: 1, b: 2}]\n  c: 1\n  c: 2\n"),
        [
            "1: spec.a[0].b: duplicate field",
            "1: spec.c: duplicate field"
        ]
    );
    assert_eq!(
        faults(r#"{"spec":{"a":[{"b":1,"b":2}],"c":1,"c":2}}"#),
        [
            "1: spec.a[0].b: duplicate field",
            "1: spec.c: duplicate field"
        ]
    );
}

#[test]
fn syntax_errors_name_line_and_column_and_do_not_hide_other_documents() {
    let text = "a: 1\n---\nb: [1, 2\n---\nc: 3\n---\nd: }\n";
    let read = read(&"f".into(), text.as_bytes());
    let indexes: Vec<usize> = read.documents.iter().map(|d| d.index).collect();
    assert_eq!(indexes, [1, 3]);
    let found = faults(text);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("2: : line "), "{found:?}");
    assert!(found[1].starts_with("4: : line 7, column 4: "), "{found:?}");
    assert_eq!(
        faults("{\"a\": 1,\n \"b\" 2}"),
        ["1: : line 2, column 6: expected `:`"]
    );
    assert_eq!(
        faults("a:\n\tb: c\n"),
        ["1: : line 2, column 2: tabs disallowed within this context (block indentation)"]
    );
}

#[test]
fn what_is_no_text_is_said_to_be_none() {
    let message = |bytes: &[u8]| read(&"f".into(), bytes).faults[0].2.message.clone();
    assert_eq!(
        message(b"\0asm\x0d\0\x01\0\xff"),
        "a WebAssembly file, not a manifest"
    );
    assert_eq!(message(b"a: b\nc: \xff\n"), "line 2: not UTF-8 text");
    assert!(message(&vec![b'x'; 5 << 20]).starts_with("too large: 5242880 bytes"));
}
