//! What must hold of any bytes that are said to be a manifest; the tests here try some, `host/fuzz` goes on from there.

use crate::manifest::{Addresses, Loaded, load, object};
use crate::model::{PodUid, Time};

/// Reads them as `peapod run` and `peapod validate` do. Each fault is one line, and what is accepted is accepted again, unchanged, as it is printed:
/// `peapod validate -o yaml a.yaml > b.yaml` gives a file that says the same.
pub(crate) fn check(bytes: &[u8]) {
    match printed(bytes) {
        Ok(objects) => {
            for object in &objects {
                says_the_same(&object.to_string(), object);
                says_the_same(&object::yaml(object), object);
            }
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert_eq!(fault.lines().count(), 1, "{fault:?}");
            }
        }
    }
}

fn says_the_same(text: &str, object: &serde_json::Value) {
    match printed(text.as_bytes()) {
        Ok(again) => assert_eq!(again, std::slice::from_ref(object), "{text}"),
        Err(faults) => panic!("printed and then refused: {text}\n{faults:#?}"),
    }
}

/// The objects as they are printed, or every fault.
fn printed(bytes: &[u8]) -> Result<Vec<serde_json::Value>, Vec<String>> {
    let now = Time::from_unix_secs(1_790_000_000);
    let mut ids = || PodUid::new("00000000-0000-4000-8000-000000000001".to_owned());
    let said = |faults: Vec<_>| faults.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut objects = Vec::new();
    let mut drafts = Vec::new();
    for one in load("fuzz.yaml", bytes, &mut ids, now).map_err(said)? {
        match one {
            Loaded::Pod(one) => {
                assert!(!one.pod.spec.mains.is_empty());
                objects.push(object::pod(&one.object, None));
            }
            Loaded::Service(draft) => drafts.push(*draft),
            Loaded::ConfigMap(one) => objects.push(object::config_map(&one.object)),
            Loaded::Secret(one) => objects.push(object::secret(&one.object)),
        }
    }
    let range = "10.96.0.0/16".parse().expect("a range");
    let mut addresses = Addresses::new(range).expect("large enough");
    let services = addresses.assign(drafts, now).map_err(said)?;
    objects.extend(services.iter().map(|one| object::service(&one.object)));
    Ok(objects)
}
