//! Bytes to objects that can run, or every fault there is.

use std::collections::hash_map::{Entry, HashMap};
use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1 as k8s;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::decode::Object;
use super::documents::{self, Document};
use super::fault::{Fault, FaultKind, FieldFault};
use super::time::object_time;
use super::{convert, decode, defaults, validate};
use crate::model::{self, PodUid, Time};

/// Where an object was read.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file's name as the user gave it.
    pub file: Arc<str>,
    /// Which document of the file, counted from 1.
    pub document: usize,
    /// Which entry of `items`, when the document is a List.
    pub(super) item: Option<usize>,
}

/// One object of a file.
#[derive(Clone, Debug)]
pub enum Loaded {
    /// A Pod, ready to run.
    Pod(Box<LoadedPod>),
    /// A Service that has yet to get its addresses from [`super::Addresses`].
    Service(Box<ServiceDraft>),
    /// A ConfigMap.
    ConfigMap(Box<LoadedConfigMap>),
    /// A Secret.
    Secret(Box<LoadedSecret>),
}

/// A Pod of a file, ready to run.
#[derive(Clone, Debug)]
pub struct LoadedPod {
    /// Where it was read.
    pub place: Place,
    /// The object as a server would store it: defaults filled in, metadata completed.
    pub object: k8s::Pod,
    /// The pod as the host works with it.
    pub pod: model::Pod,
}

/// A Service as it was written, defaulted and valid; its addresses are not known before those of every other Service are (rule N11).
#[derive(Clone, Debug)]
pub struct ServiceDraft {
    /// Where it was read.
    pub place: Place,
    pub(super) object: k8s::Service,
}

/// A Service with its addresses.
#[derive(Clone, Debug)]
pub struct LoadedService {
    /// Where it was read.
    pub place: Place,
    /// The object as a server would store it.
    pub object: k8s::Service,
    /// The Service as the host works with it.
    pub service: model::Service,
}

/// A ConfigMap of a file.
#[derive(Clone, Debug)]
pub struct LoadedConfigMap {
    /// Where it was read.
    pub place: Place,
    /// The object as a server would store it.
    pub object: k8s::ConfigMap,
    /// The ConfigMap as the host works with it.
    pub config_map: model::ConfigMap,
}

/// A Secret of a file.
#[derive(Clone)]
pub struct LoadedSecret {
    /// Where it was read.
    pub place: Place,
    /// The object as a server would store it.
    pub object: k8s::Secret,
    /// The Secret as the host works with it.
    pub secret: model::Secret,
}

/// Without the object, which holds the data.
impl fmt::Debug for LoadedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedSecret")
            .field("place", &self.place)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    fn place(&self) -> &Place {
        match self {
            Self::Pod(one) => &one.place,
            Self::Service(one) => &one.place,
            Self::ConfigMap(one) => &one.place,
            Self::Secret(one) => &one.place,
        }
    }

    fn metadata(&self) -> &ObjectMeta {
        match self {
            Self::Pod(one) => &one.object.metadata,
            Self::Service(one) => &one.object.metadata,
            Self::ConfigMap(one) => &one.object.metadata,
            Self::Secret(one) => &one.object.metadata,
        }
    }

    const fn kind(&self) -> (&'static str, &'static str) {
        match self {
            Self::Pod(_) => ("Pod", "pods"),
            Self::Service(_) => ("Service", "services"),
            Self::ConfigMap(_) => ("ConfigMap", "configmaps"),
            Self::Secret(_) => ("Secret", "secrets"),
        }
    }
}

/// Reads every document of a file. All faults of all documents are reported at once, and any fault refuses the whole file.
/// A file without a document is no fault and gives no object.
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
        let place = Place {
            file: Arc::clone(&name),
            document: index,
            item,
        };
        faults.push(place.fault(subject, fault));
    }
    let mut loaded = Vec::new();
    for document in &read.documents {
        let place = Place {
            file: Arc::clone(&document.file),
            document: document.index,
            item: document.item,
        };
        match one(document, &place, ids, now) {
            Ok(one) => loaded.push(one),
            Err(list) => {
                let subject = decode::subject(&document.value);
                faults.extend(
                    list.into_iter()
                        .map(|fault| place.fault(subject.clone(), fault)),
                );
            }
        }
    }
    faults.extend(same_names(&loaded));
    faults.sort_by_key(|fault| fault.document);
    if faults.is_empty() {
        return Ok(loaded);
    }
    documents::lines::add(bytes, &mut faults);
    Err(faults)
}

/// A fault for each object that has the kind, namespace and name of an earlier one; for objects of several files. [`load`] does it for
/// its own.
pub fn same_names<'a>(loaded: impl IntoIterator<Item = &'a Loaded>) -> Vec<Fault> {
    let mut seen: HashMap<_, &Place> = HashMap::new();
    let mut faults = Vec::new();
    for one in loaded {
        let ((kind, plural), meta) = (one.kind(), one.metadata());
        let name = meta.name.as_deref().unwrap_or_default();
        match seen.entry((kind, meta.namespace.as_deref(), name)) {
            Entry::Vacant(place) => {
                place.insert(one.place());
            }
            Entry::Occupied(first) => {
                let first = first.get();
                let message = format!(
                    "{plural} {name:?} already exists: {}, document {}",
                    first.file, first.document
                );
                let fault = FieldFault {
                    path: "metadata.name".to_owned(),
                    kind: FaultKind::Duplicate,
                    message,
                };
                // The list's index would not tell more than the name does.
                let place = Place {
                    item: None,
                    ..one.place().clone()
                };
                faults.push(place.fault(Some(format!("{kind} {name:?}")), fault));
            }
        }
    }
    faults
}

impl Place {
    pub(super) fn fault(&self, subject: Option<String>, fault: FieldFault) -> Fault {
        let path = match self.item {
            Some(item) if fault.path.is_empty() => format!("items[{item}]"),
            Some(item) => format!("items[{item}].{}", fault.path),
            None => fault.path,
        };
        Fault {
            file: Arc::clone(&self.file),
            document: self.document,
            line: None,
            subject,
            path,
            kind: fault.kind,
            message: fault.message,
        }
    }
}

fn one(
    document: &Document,
    place: &Place,
    ids: &mut dyn FnMut() -> PodUid,
    now: Time,
) -> Result<Loaded, Vec<FieldFault>> {
    let (object, faults) = create(document, ids, now)?;
    let place = place.clone();
    match object {
        Object::Pod(object) => {
            let mut faults = faults;
            faults.extend(convert::dropped(&document.value));
            let pod = settle(faults, convert::pod(&object, now))?;
            let object = *object;
            Ok(Loaded::Pod(Box::new(LoadedPod { place, object, pod })))
        }
        Object::Service(object) => {
            settle(faults, convert::service_refusals(&object))?;
            let object = *object;
            Ok(Loaded::Service(Box::new(ServiceDraft { place, object })))
        }
        Object::ConfigMap(object) => {
            let config_map = settle(faults, convert::config_map(&object, now))?;
            let object = *object;
            Ok(Loaded::ConfigMap(Box::new(LoadedConfigMap {
                place,
                object,
                config_map,
            })))
        }
        Object::Secret(object) => {
            let secret = settle(faults, convert::secret(&object, now))?;
            let object = *object;
            Ok(Loaded::Secret(Box::new(LoadedSecret {
                place,
                object,
                secret,
            })))
        }
    }
}

/// One fault a field: what is wrong with it counts more than that it is not supported yet.
fn settle<T>(
    mut faults: Vec<FieldFault>,
    converted: Result<T, Vec<FieldFault>>,
) -> Result<T, Vec<FieldFault>> {
    match converted {
        Ok(value) if faults.is_empty() => return Ok(value),
        Ok(_) => {}
        Err(refusals) => {
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
) -> Result<(Object, Vec<FieldFault>), Vec<FieldFault>> {
    let mut object = decode::object(&document.value)?;
    let mut faults = validate::before_create(&object);
    defaults::apply(&mut object);
    complete(object.metadata_mut(), &ids(), now);
    match &mut object {
        // The others have nothing in their specification that a server counts generations of.
        Object::Pod(pod) => pod.metadata.generation = Some(1),
        Object::Service(_) | Object::ConfigMap(_) | Object::Secret(_) => {}
    }
    faults.extend(validate::object(&object));
    Ok((object, faults))
}

/// What a server writes into the metadata of a new object.
fn complete(metadata: &mut ObjectMeta, uid: &PodUid, now: Time) {
    if metadata.name.is_none() {
        metadata.name = metadata
            .generate_name
            .as_deref()
            .map(|base| generated_name(base, uid));
    }
    metadata.uid = Some(uid.as_str().to_owned());
    metadata.creation_timestamp = Some(object_time(now));
    metadata.generation = None;
}

/// The base, cut to leave room in a name of 63, and five characters that follow from the uid.
fn generated_name(base: &str, uid: &PodUid) -> String {
    // No vowels and nothing that looks like something else, as Kubernetes has it.
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash = super::addresses::fnv(uid.as_str());
    let mut name: String = base.chars().take(58).collect();
    for _ in 0..5 {
        let at = usize::try_from(hash % 27).unwrap_or_default();
        name.push(char::from(ALPHABET.get(at).copied().unwrap_or(b'b')));
        hash /= 27;
    }
    name
}
