//! Which files a configMap, secret, downwardAPI or projected volume has (rules G6, G7, G9, G10).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::atomic::{Content, Payload};
use super::downward;
use crate::model::{
    Allocatable, ConfigMap, FileSource, Files, KeyToPath, Keys, PodMeta, PodSpec, Secret,
};
use crate::ports::ConfigSource;

/// What files are made of, as it is now.
pub(super) struct Present<'a> {
    pub(super) configs: &'a dyn ConfigSource,
    pub(super) meta: &'a PodMeta,
    pub(super) spec: &'a PodSpec,
    pub(super) machine: &'a Allocatable,
}

/// The immutable objects a pod has seen: of these it never sees another, also if one of the same name takes their place (rule G8).
#[derive(Default)]
pub(super) struct Pinned {
    config_maps: BTreeMap<String, Arc<ConfigMap>>,
    secrets: BTreeMap<String, Arc<Secret>>,
}

/// The files, or in Kubernetes' words what is missing.
pub(super) fn payload(
    files: &Files,
    present: &Present<'_>,
    pinned: &mut Pinned,
) -> Result<Payload, String> {
    let mut payload = Payload::new();
    let mut missing = Vec::new();
    for source in &files.sources {
        let found = match source {
            FileSource::ConfigMap(keys) => {
                let found = pinned.config_map(&keys.name, present);
                of_keys(
                    keys,
                    CONFIG_MAP,
                    found.as_ref().map(|found| &found.data),
                    files,
                )
            }
            FileSource::Secret(keys) => {
                let found = pinned.secret(&keys.name, present);
                of_keys(keys, SECRET, found.as_ref().map(|found| &found.data), files)
            }
            FileSource::DownwardApi(items) => {
                let file = |item| downward::text(item, present).map(|text| (item, text));
                let texts: Result<Vec<_>, _> = items.iter().map(file).collect();
                texts.map(|texts| {
                    texts
                        .into_iter()
                        .map(|(item, text)| {
                            let mode = item.mode.unwrap_or(files.default_mode);
                            let bytes = text.into_bytes();
                            (clean(&item.path), Content { bytes, mode })
                        })
                        .collect()
                })
            }
        };
        match found {
            // Rule G10: the later source's file counts.
            Ok(found) => payload.extend(found),
            Err(why) => missing.push(why),
        }
    }
    match missing.as_slice() {
        [] => Ok(payload),
        [one] => Err(one.clone()),
        // As the API machinery prints several errors.
        all => Err(format!("[{}]", all.join(", "))),
    }
}

impl Pinned {
    fn config_map(&mut self, name: &str, present: &Present<'_>) -> Option<Arc<ConfigMap>> {
        if let Some(pinned) = self.config_maps.get(name) {
            return Some(Arc::clone(pinned));
        }
        let namespace = present.meta.namespace.as_str();
        let found = present.configs.config_map(namespace, name)?;
        if found.immutable {
            self.config_maps.insert(name.to_owned(), Arc::clone(&found));
        }
        Some(found)
    }

    fn secret(&mut self, name: &str, present: &Present<'_>) -> Option<Arc<Secret>> {
        if let Some(pinned) = self.secrets.get(name) {
            return Some(Arc::clone(pinned));
        }
        let namespace = present.meta.namespace.as_str();
        let found = present.configs.secret(namespace, name)?;
        if found.immutable {
            self.secrets.insert(name.to_owned(), Arc::clone(&found));
        }
        Some(found)
    }
}

/// How messages call an object, and what they say of a key it has not.
type Words = (&'static str, &'static str);

const CONFIG_MAP: Words = ("configmap", "configmap references non-existent config key");
const SECRET: Words = ("secret", "references non-existent secret key");

fn of_keys(
    keys: &Keys,
    (kind, no_key): Words,
    found: Option<&BTreeMap<String, Vec<u8>>>,
    files: &Files,
) -> Result<Payload, String> {
    let Some(data) = found else {
        return if keys.optional {
            Ok(Payload::new())
        } else {
            Err(format!("{kind} \"{}\" not found", keys.name))
        };
    };
    let content = |bytes: &[u8], mode: Option<u32>| Content {
        bytes: bytes.to_vec(),
        mode: mode.unwrap_or(files.default_mode),
    };
    let Some(items) = &keys.items else {
        let every = data.iter();
        return Ok(every
            .map(|(key, bytes)| (key.clone(), content(bytes, None)))
            .collect());
    };
    let mut payload = Payload::new();
    for KeyToPath { key, path, mode } in items {
        match data.get(key) {
            Some(bytes) => {
                payload.insert(clean(path), content(bytes, *mode));
            }
            None if keys.optional => {}
            None => return Err(format!("{no_key}: {key}")),
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
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::{Payload, Pinned, Present, payload};
    use crate::model::{
        ConfigMap, DownwardFile, DownwardValue, FileSource, Files, KeyToPath, Keys, MetaField,
        PodMeta, PodUid, Secret, testing,
    };
    use crate::ports::ConfigSource;

    #[derive(Default)]
    struct World {
        maps: Mutex<BTreeMap<String, Arc<ConfigMap>>>,
        secrets: Mutex<BTreeMap<String, Arc<Secret>>>,
    }

    impl World {
        fn map(&self, map: ConfigMap) {
            let mut maps = self.maps.lock().expect("unpoisoned");
            maps.insert(map.meta.name.clone(), Arc::new(map));
        }

        fn secret(&self, secret: Secret) {
            let mut secrets = self.secrets.lock().expect("unpoisoned");
            secrets.insert(secret.meta.name.clone(), Arc::new(secret));
        }

        fn payload(&self, files: &Files, pinned: &mut Pinned) -> Result<Payload, String> {
            let pod = testing::pod();
            let present = Present {
                configs: self,
                meta: &pod.meta,
                spec: &pod.spec,
                machine: &testing::allocatable(),
            };
            payload(files, &present, pinned)
        }

        fn of(&self, sources: &[FileSource]) -> Result<Payload, String> {
            self.payload(&files(sources), &mut Pinned::default())
        }
    }

    impl ConfigSource for World {
        fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
            assert_eq!(namespace, "default", "G14: the pod's namespace only");
            self.maps.lock().expect("unpoisoned").get(name).cloned()
        }

        fn secret(&self, namespace: &str, name: &str) -> Option<Arc<Secret>> {
            assert_eq!(namespace, "default", "G14: the pod's namespace only");
            self.secrets.lock().expect("unpoisoned").get(name).cloned()
        }

        fn pod_meta(&self, _: &PodUid) -> Option<PodMeta> {
            None
        }
    }

    fn files(sources: &[FileSource]) -> Files {
        Files {
            sources: sources.to_vec(),
            default_mode: 0o644,
            in_memory: true,
        }
    }

    fn item(key: &str, path: &str, mode: Option<u32>) -> KeyToPath {
        KeyToPath {
            key: key.into(),
            path: path.into(),
            mode,
        }
    }

    fn keys(name: &str, items: Option<&[KeyToPath]>, optional: bool) -> Keys {
        Keys {
            name: name.into(),
            items: items.map(<[KeyToPath]>::to_vec),
            optional,
        }
    }

    fn world() -> World {
        let world = World::default();
        let mut map = testing::config_map("web", &[("conf", "text")]);
        map.data.insert("logo".into(), vec![0, 255]);
        world.map(map);
        world.secret(testing::secret("web", &[("conf", "hidden"), ("key", "k")]));
        world
    }

    #[test]
    fn g7_without_items_every_key_is_a_file_and_items_select_rename_and_set_modes() {
        let world = world();
        let all = world.of(&[FileSource::ConfigMap(keys("web", None, false))]);
        let all = all.expect("there");
        assert_eq!(all["conf"].bytes, b"text");
        assert_eq!(all["logo"].bytes, [0, 255], "binaryData");
        assert_eq!(all["logo"].mode, 0o644, "G6");
        let items = [
            item("conf", "etc/.//app.conf", Some(0o400)),
            item("conf", "copy", None),
        ];
        for source in [
            FileSource::ConfigMap(keys("web", Some(&items), false)),
            FileSource::Secret(keys("web", Some(&items), false)),
        ] {
            let some = world.of(&[source]).expect("there");
            let modes: Vec<_> = some
                .iter()
                .map(|(path, c)| (path.as_str(), c.mode))
                .collect();
            assert_eq!(modes, [("copy", 0o644), ("etc/app.conf", 0o400)]);
        }
    }

    #[test]
    fn g7_what_is_missing_fails_in_kubernetes_words_unless_it_is_optional() {
        let world = world();
        let items = [item("conf", "a", None), item("none", "b", None)];
        let map = |name: &str, items: Option<&[KeyToPath]>, optional| {
            world.of(&[FileSource::ConfigMap(keys(name, items, optional))])
        };
        let secret = |name: &str, items: Option<&[KeyToPath]>, optional| {
            world.of(&[FileSource::Secret(keys(name, items, optional))])
        };
        for (refused, why) in [
            (map("no", None, false), "configmap \"no\" not found"),
            (secret("no", None, false), "secret \"no\" not found"),
            (
                map("web", Some(&items), false),
                "configmap references non-existent config key: none",
            ),
            (
                secret("web", Some(&items), false),
                "references non-existent secret key: none",
            ),
        ] {
            assert_eq!(refused, Err(why.to_owned()));
        }
        assert!(map("no", Some(&items), true).expect("empty").is_empty());
        assert!(secret("no", None, true).expect("empty").is_empty());
        assert_eq!(map("web", Some(&items), true).expect("one").len(), 1);
    }

    #[test]
    fn g10_later_sources_overwrite_equal_paths_and_all_that_is_missing_is_told() {
        let world = world();
        let name = DownwardFile {
            path: "key".into(),
            mode: Some(0o400),
            value: DownwardValue::Field(MetaField::Name),
        };
        let all = [
            FileSource::ConfigMap(keys("web", None, false)),
            FileSource::Secret(keys("web", None, false)),
            FileSource::DownwardApi(vec![name]),
        ];
        let payload = world.of(&all).expect("there");
        let texts: Vec<_> = payload
            .iter()
            .map(|(path, c)| {
                (
                    path.as_str(),
                    String::from_utf8_lossy(&c.bytes).into_owned(),
                )
            })
            .collect();
        let text = |at: usize| (texts[at].0, texts[at].1.as_str());
        assert_eq!(text(0), ("conf", "hidden"));
        assert_eq!(text(1), ("key", "pod"));
        assert_eq!(payload["key"].mode, 0o400, "G6");
        let refused = world.of(&[
            FileSource::Secret(keys("a", None, false)),
            FileSource::ConfigMap(keys("b", None, false)),
        ]);
        let why = "[secret \"a\" not found, configmap \"b\" not found]";
        assert_eq!(refused, Err(why.to_owned()));
    }

    #[test]
    fn g8_an_immutable_object_once_seen_is_the_only_one_ever_seen() {
        let world = world();
        let files = files(&[
            FileSource::ConfigMap(keys("web", None, true)),
            FileSource::Secret(keys("s", None, true)),
        ]);
        let mut pinned = Pinned::default();
        let mut frozen = testing::secret("s", &[("key", "1")]);
        frozen.immutable = true;
        world.secret(frozen);
        world.payload(&files, &mut pinned).expect("there");
        world.secret(testing::secret("s", &[("key", "2")]));
        world.map(testing::config_map("web", &[("conf", "new")]));
        let later = world.payload(&files, &mut pinned).expect("there");
        assert_eq!(later["key"].bytes, b"1");
        assert_eq!(later["conf"].bytes, b"new", "others are seen as they are");
        world.secrets.lock().expect("unpoisoned").clear();
        let gone = world.payload(&files, &mut pinned).expect("there");
        assert_eq!(gone["key"].bytes, b"1");
    }
}
