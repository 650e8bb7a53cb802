//! Bytes to pods that can run, or every fault there is.

use std::sync::Arc;

use k8s_openapi::api::core::v1 as k8s;

use super::documents::{self, Document};
use super::fault::{Fault, FaultKind, FieldFault};
use super::time::object_time;
use super::{convert, decode, defaults, validate};
use crate::model::{self, PodUid, Time};

/// One pod of a file, ready to run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file's name as the user gave it.
    pub file: Arc<str>,
    /// Which document of the file, counted from 1.
    pub document: usize,
    /// The object as a server would store it: defaults filled in, metadata completed.
    pub object: k8s::Pod,
    /// The pod as the host works with it.
    pub pod: model::Pod,
}

/// Reads every document of a file. All faults of all documents are reported at once, and any fault refuses the whole file.
/// A file without a document is no fault and gives no pod.
pub fn load(
    file: &str,
    bytes: &[u8],
    ids: &mut dyn FnMut() -> PodUid,
    now: Time,
) -> Result<Vec<Loaded>, Vec<Fault>> {
    let name: Arc<str> = Arc::from(file);
    let read = documents::read(&name, bytes);
    let mut faults: Vec<Fault> = Vec::new();
    for (index, item, fault) in read.faults {
        let document = read.documents.iter().find(|d| d.index == index);
        let subject = document.and_then(|d| decode::subject(&d.value));
        faults.push(located(&name, index, item, subject, fault));
    }
    let mut loaded = Vec::new();
    for document in &read.documents {
        match one(document, ids, now) {
            Ok(pod) => loaded.push(pod),
            Err(list) => {
                let subject = decode::subject(&document.value);
                faults.extend(list.into_iter().map(|fault| {
                    located(&name, document.index, document.item, subject.clone(), fault)
                }));
            }
        }
    }
    faults.extend(same_names(&loaded));
    faults.sort_by_key(|fault| fault.document);
    if faults.is_empty() {
        Ok(loaded)
    } else {
        Err(faults)
    }
}

/// A fault for each pod that has the namespace and name of an earlier one; for pods of several files. [`load`] does it for its own.
pub fn same_names<'a>(loaded: impl IntoIterator<Item = &'a Loaded>) -> Vec<Fault> {
    let mut seen = std::collections::HashMap::new();
    let mut faults = Vec::new();
    for one in loaded {
        let meta = &one.pod.meta;
        match seen.entry((meta.namespace.clone(), meta.name.clone())) {
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert((Arc::clone(&one.file), one.document));
            }
            std::collections::hash_map::Entry::Occupied(place) => {
                let (file, document) = place.get();
                faults.push(Fault {
                    file: Arc::clone(&one.file),
                    document: one.document,
                    subject: Some(format!("Pod {:?}", meta.name.as_str())),
                    path: "metadata.name".to_owned(),
                    kind: FaultKind::Duplicate,
                    message: format!(
                        "pods {:?} already exists: {file}, document {document}",
                        meta.name.as_str()
                    ),
                });
            }
        }
    }
    faults
}

fn located(
    file: &Arc<str>,
    document: usize,
    item: Option<usize>,
    subject: Option<String>,
    fault: FieldFault,
) -> Fault {
    let path = match item {
        Some(item) if fault.path.is_empty() => format!("items[{item}]"),
        Some(item) => format!("items[{item}].{}", fault.path),
        None => fault.path,
    };
    Fault {
        file: Arc::clone(file),
        document,
        subject,
        path,
        kind: fault.kind,
        message: fault.message,
    }
}

fn one(
    document: &Document,
    ids: &mut dyn FnMut() -> PodUid,
    now: Time,
) -> Result<Loaded, Vec<FieldFault>> {
    let (object, mut faults) = create(document, ids, now)?;
    match convert::pod(&object, now) {
        Ok(pod) if faults.is_empty() => {
            return Ok(Loaded {
                file: Arc::clone(&document.file),
                document: document.index,
                object,
                pod,
            });
        }
        Ok(_) => {}
        Err(refusals) => {
            // One fault a field: what is wrong with it counts more than that it is not supported yet.
            let known: Vec<String> = faults.iter().map(|fault| fault.path.clone()).collect();
            faults.extend(
                refusals
                    .into_iter()
                    .filter(|refusal| !known.iter().any(|path| within(path, &refusal.path))),
            );
        }
    }
    Err(faults)
}

/// `path` is `field` or something inside it.
fn within(path: &str, field: &str) -> bool {
    path.strip_prefix(field)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// What an API server does with a create request: the object it would store, and every fault it would name. An error is a document
/// that could not even be decoded.
pub(super) fn create(
    document: &Document,
    ids: &mut dyn FnMut() -> PodUid,
    now: Time,
) -> Result<(k8s::Pod, Vec<FieldFault>), Vec<FieldFault>> {
    let mut object = decode::pod(&document.value)?;
    let mut faults = validate::before_create(&object);
    defaults::apply(&mut object);
    complete(&mut object, &ids(), now);
    faults.extend(validate::pod(&object));
    Ok((object, faults))
}

/// What a server writes into the metadata of a new object.
fn complete(object: &mut k8s::Pod, uid: &PodUid, now: Time) {
    let metadata = &mut object.metadata;
    if metadata.name.is_none() {
        metadata.name = metadata
            .generate_name
            .as_deref()
            .map(|base| generated_name(base, uid));
    }
    metadata.uid = Some(uid.as_str().to_owned());
    metadata.creation_timestamp = Some(object_time(now));
    metadata.generation = Some(1);
}

/// The base, cut to leave room in a name of 63, and five characters that follow from the uid.
fn generated_name(base: &str, uid: &PodUid) -> String {
    // No vowels and nothing that looks like something else, as Kubernetes has it.
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in uid.as_str().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mut name: String = base.chars().take(58).collect();
    for _ in 0..5 {
        let at = usize::try_from(hash % 27).unwrap_or_default();
        name.push(char::from(ALPHABET.get(at).copied().unwrap_or(b'b')));
        hash /= 27;
    }
    name
}
