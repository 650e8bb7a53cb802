//! Kubernetes documents to the model and back.
//!
//! - owns: reading YAML and JSON, the API server's defaults and validation, refusals with the field's path, `status` and the pod
//!   table as kubectl shows them
//! - never does: I/O, clocks, randomness, async; bytes, times and UIDs are handed in
//! - talks to: `model` and the `k8s-openapi` types

mod addresses;
mod convert;
mod decode;
mod defaults;
mod documents;
mod fault;
mod load;
/// Objects as `kubectl get -o json` prints them.
pub mod object;
mod path;
mod requests;
mod status;
/// The pod table as `kubectl get pods` prints it.
pub mod table;
mod time;
mod validate;

#[cfg(test)]
mod tests;

pub use addresses::{Addresses, RangeError};
pub use documents::Document;
pub use fault::{Fault, FaultKind};
pub use load::{
    Loaded, LoadedConfigMap, LoadedPod, LoadedSecret, LoadedService, Place, ServiceDraft, load,
    same_names,
};
pub use status::status;

/// What is wrong with a label, in the API server's words.
pub fn label_faults(key: &str, value: &str) -> Vec<String> {
    validate::label_faults(key, value)
}
