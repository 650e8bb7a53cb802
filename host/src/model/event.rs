//! Something that happened to an object (section M): a core/v1 Event.

use super::{Namespace, Time, Uid};

/// `Event`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `metadata.name`; its namespace is that of the object.
    pub name: String,
    /// `involvedObject`.
    pub about: ObjectRef,
    /// `type`.
    pub kind: EventType,
    /// `reason`, e.g. `Started`.
    pub reason: &'static str,
    /// `message`.
    pub message: String,
    /// `source`.
    pub source: EventSource,
    /// `firstTimestamp`.
    pub first: Time,
    /// `lastTimestamp`.
    pub last: Time,
    /// `count`: how often it happened.
    pub count: u32,
}

/// `involvedObject`: what an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectRef {
    /// `kind`; always of the core API group.
    pub kind: &'static str,
    /// `namespace`.
    pub namespace: Namespace,
    /// `name`.
    pub name: String,
    /// `uid`.
    pub uid: Uid,
    /// `fieldPath`, e.g. `spec.containers{c}` (rule M1).
    pub field_path: Option<String>,
}

/// `type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// `Normal`.
    Normal,
    /// `Warning`.
    Warning,
}

impl EventType {
    /// As Kubernetes spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// `source`: who noticed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventSource {
    /// `component`.
    pub component: &'static str,
    /// `host`: the node.
    pub host: String,
}

impl EventSource {
    /// Who finds pods a place, by the name under which Kubernetes' own is known.
    pub const SCHEDULER: &str = "default-scheduler";
}
