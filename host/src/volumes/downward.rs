//! What a file of a downwardAPI volume says (rules G9, H7).

use std::collections::BTreeMap;
use std::fmt::Write;

use super::payload::Present;
use crate::model::{DownwardFile, DownwardValue, MetaField};

/// The text of the file, or why it has none.
pub(super) fn text(file: &DownwardFile, present: &Present<'_>) -> Result<String, String> {
    let meta = present.meta;
    let one = |map: &BTreeMap<String, String>, key: &str| map.get(key).cloned().unwrap_or_default();
    match &file.value {
        DownwardValue::Field(field) => Ok(match field {
            MetaField::Name => meta.name.as_str().to_owned(),
            MetaField::Namespace => meta.namespace.as_str().to_owned(),
            MetaField::Uid => meta.uid.as_str().to_owned(),
            MetaField::Labels => lines(&meta.labels),
            MetaField::Annotations => lines(&meta.annotations),
            MetaField::Label(key) => one(&meta.labels, key),
            MetaField::Annotation(key) => one(&meta.annotations, key),
        }),
        DownwardValue::Resource {
            container,
            resource,
        } => {
            let found = present.spec.container(container);
            let found = found.ok_or_else(|| format!("container {container} not found"))?;
            Ok(resource.value(found, present.machine).to_string())
        }
    }
}

/// `key="value"` lines in order of the keys, without a newline at the end.
fn lines(map: &BTreeMap<String, String>) -> String {
    let lines = map
        .iter()
        .map(|(key, value)| format!("{key}={}", quoted(value)));
    lines.collect::<Vec<_>>().join("\n")
}

/// A text as Go's `%q` writes it, which is what Kubernetes does.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c if prints(c) => out.push(c),
            c => {
                let code = u32::from(c);
                // Writing into a string does not fail.
                let _ok = match code {
                    0..0x80 => write!(out, "\\x{code:02x}"),
                    0x80..0x1_0000 => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push('"');
    out
}

/// Of all spaces only the plain one prints.
fn prints(c: char) -> bool {
    let unseen = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    c == ' ' || !(c.is_control() || c.is_whitespace() || unseen)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::{Present, quoted, text};
    use crate::model::{
        Bytes, ConfigMap, Divided, DownwardFile, DownwardValue, MetaField, Millicores, PodMeta,
        PodUid, ResourceField, Secret, testing,
    };
    use crate::ports::ConfigSource;

    struct Nothing;

    impl ConfigSource for Nothing {
        fn config_map(&self, _: &str, _: &str) -> Option<Arc<ConfigMap>> {
            None
        }
        fn secret(&self, _: &str, _: &str) -> Option<Arc<Secret>> {
            None
        }
        fn pod_meta(&self, _: &PodUid) -> Option<PodMeta> {
            None
        }
    }

    fn says(value: DownwardValue) -> Result<String, String> {
        let mut pod = testing::pod();
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(k, v)| ((*k).into(), (*v).into()))
                .collect()
        };
        pod.meta.labels = map(&[("tier", "web"), ("app", "shop")]);
        pod.meta.annotations = map(&[("note", "two\nlines, \"quoted\""), ("a/b", "ü")]);
        let spec = Arc::get_mut(&mut pod.spec).expect("not shared");
        spec.mains[0].resources.cpu_limit = Some(Millicores(1250));
        let present = Present {
            configs: &Nothing,
            meta: &pod.meta,
            spec: &pod.spec,
            machine: &testing::allocatable(),
        };
        let file = DownwardFile {
            path: "f".into(),
            mode: None,
            value,
        };
        text(&file, &present)
    }

    #[test]
    fn g9_fields_and_whole_maps_as_sorted_quoted_lines_without_a_last_newline() {
        let field = |field| says(DownwardValue::Field(field)).expect("said");
        assert_eq!(field(MetaField::Name), "pod");
        assert_eq!(field(MetaField::Namespace), "default");
        assert_eq!(field(MetaField::Uid), "uid");
        assert_eq!(field(MetaField::Labels), "app=\"shop\"\ntier=\"web\"");
        assert_eq!(
            field(MetaField::Annotations),
            "a/b=\"ü\"\nnote=\"two\\nlines, \\\"quoted\\\"\""
        );
        assert_eq!(field(MetaField::Label("tier".into())), "web");
        assert_eq!(field(MetaField::Annotation("a/b".into())), "ü");
        assert_eq!(field(MetaField::Label("none".into())), "");
    }

    #[test]
    fn g9_resources_are_those_of_a_container_that_is_there() {
        let resource = |container: &str, resource| {
            says(DownwardValue::Resource {
                container: container.into(),
                resource,
            })
        };
        let cpu = |by| ResourceField::Limit(Divided::Cpu(Millicores(by)));
        assert_eq!(resource("c", cpu(1000)), Ok("2".into()));
        assert_eq!(resource("c", cpu(1)), Ok("1250".into()));
        let memory = ResourceField::Limit(Divided::Memory(Bytes(1)));
        let all = testing::allocatable().memory.0.to_string();
        assert_eq!(resource("c", memory), Ok(all), "H7: the machine's");
        let nobody = resource("nobody", memory);
        assert_eq!(nobody, Err("container nobody not found".into()));
    }

    #[test]
    fn texts_are_quoted_as_go_quotes_them() {
        for (text, expected) in [
            ("", r#""""#),
            ("a'b", r#""a'b""#),
            ("\u{7}\u{8}\u{c}\r\t\u{b}\\", r#""\a\b\f\r\t\v\\""#),
            ("\0\u{7f}", r#""\x00\x7f""#),
            ("\u{85}\u{a0}\u{200b}", r#""\u0085\u00a0\u200b""#),
            ("日本 🎉", r#""日本 🎉""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
