//! Which files a ConfigMap is (rules G6, G7).

use super::atomic::{Content, Payload};
use crate::model::{ConfigMap, KeyToPath};

/// How a volume wants a ConfigMap.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) items: Option<&'a [KeyToPath]>,
    pub(super) default_mode: u32,
    pub(super) optional: bool,
}

/// The files, or in Kubernetes' words what is missing.
pub(super) fn payload(wanted: &Wanted<'_>, found: Option<&ConfigMap>) -> Result<Payload, String> {
    let Some(found) = found else {
        return if wanted.optional {
            Ok(Payload::new())
        } else {
            Err(format!("configmap \"{}\" not found", wanted.name))
        };
    };
    let content = |bytes: &[u8], mode: Option<u32>| Content {
        bytes: bytes.to_vec(),
        mode: mode.unwrap_or(wanted.default_mode),
    };
    let Some(items) = wanted.items else {
        let every = found.data.iter();
        return Ok(every
            .map(|(key, bytes)| (key.clone(), content(bytes, None)))
            .collect());
    };
    let mut payload = Payload::new();
    for item in items {
        match found.data.get(&item.key) {
            Some(bytes) => {
                payload.insert(clean(&item.path), content(bytes, item.mode));
            }
            None if wanted.optional => {}
            None => {
                return Err(format!(
                    "configmap references non-existent config key: {}",
                    item.key
                ));
            }
        }
    }
    Ok(payload)
}

/// `a//./b` is `a/b`; the rest of what a path may not be was refused with the manifest.
fn clean(path: &str) -> String {
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Wanted, payload};
    use crate::model::{ConfigMap, KeyToPath, ObjectMeta, Time};

    fn config() -> ConfigMap {
        ConfigMap {
            meta: ObjectMeta {
                uid: "1".into(),
                name: "web".into(),
                namespace: "default".into(),
                created: Time::EPOCH,
                labels: BTreeMap::new(),
                annotations: BTreeMap::new(),
            },
            data: [
                ("conf".to_owned(), b"text".to_vec()),
                ("logo".into(), vec![0, 255]),
            ]
            .into(),
            text: BTreeSet::new(),
            immutable: false,
        }
    }

    fn item(key: &str, path: &str, mode: Option<u32>) -> KeyToPath {
        KeyToPath {
            key: key.into(),
            path: path.into(),
            mode,
        }
    }

    fn wanted(items: Option<&[KeyToPath]>, optional: bool) -> Wanted<'_> {
        Wanted {
            name: "web",
            items,
            default_mode: 0o644,
            optional,
        }
    }

    #[test]
    fn g7_without_items_every_key_is_a_file_and_items_select_rename_and_set_modes() {
        let all = payload(&wanted(None, false), Some(&config())).expect("there");
        assert_eq!(all["conf"].bytes, b"text");
        assert_eq!(all["logo"].bytes, [0, 255]);
        assert_eq!(all["logo"].mode, 0o644, "G6");
        let items = [
            item("conf", "etc/.//app.conf", Some(0o400)),
            item("conf", "copy", None),
        ];
        let some = payload(&wanted(Some(&items), false), Some(&config())).expect("there");
        let modes: Vec<_> = some
            .iter()
            .map(|(path, c)| (path.as_str(), c.mode))
            .collect();
        assert_eq!(modes, [("copy", 0o644), ("etc/app.conf", 0o400)]);
    }

    #[test]
    fn g7_what_is_missing_fails_in_kubernetes_words_unless_it_is_optional() {
        let items = [item("conf", "a", None), item("none", "b", None)];
        assert_eq!(
            payload(&wanted(None, false), None),
            Err("configmap \"web\" not found".into())
        );
        assert_eq!(
            payload(&wanted(Some(&items), false), Some(&config())),
            Err("configmap references non-existent config key: none".into())
        );
        assert_eq!(
            payload(&wanted(Some(&items), true), None)
                .expect("empty")
                .len(),
            0
        );
        let some = payload(&wanted(Some(&items), true), Some(&config())).expect("one");
        assert_eq!(some.len(), 1);
    }
}
