use serde_json::Value;

use super::{golden, golden_names};
use crate::manifest::decode::Object;
use crate::manifest::{decode, defaults, documents, object};

#[test]
fn every_recorded_object_gets_the_servers_defaults_to_the_field() {
    let names = golden_names("defaulting", ".yaml");
    assert!(names.len() >= 16);
    for name in names {
        let text = golden(&format!("defaulting/{name}"));
        let stem = name.trim_end_matches(".yaml");
        let expected: Value =
            serde_json::from_str(&golden(&format!("defaulting/{stem}.json"))).unwrap();
        let read = documents::read(&name.as_str().into(), text.as_bytes());
        assert!(read.faults.is_empty(), "{name}: {:?}", read.faults);
        let mut object = decode::object(&read.documents[0].value).unwrap();
        defaults::apply(&mut object);
        let ours = match object {
            Object::Pod(mut pod) => {
                pod.metadata.generation = Some(1);
                object::pod(&pod, None)
            }
            Object::Service(service) => object::service(&service),
            Object::ConfigMap(map) => object::config_map(&map),
            Object::Secret(secret) => object::secret(&secret),
        };
        if ours != expected {
            panic!("{name}:\n--- ours\n{ours:#}\n--- server\n{expected:#}");
        }
    }
}
