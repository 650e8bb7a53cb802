//! What a pod is, in types in which wrong states cannot be written.
//!
//! - owns: ids, [`Pod`], [`PodStatus`], [`Service`], [`ConfigMap`], [`Secret`], [`Event`], [`Allocatable`], quantities, [`Time`]
//! - never does: I/O, clocks, randomness, async; parsing of Kubernetes documents (that is `manifest`)
//! - talks to: nobody; every room may use it

mod amount;
mod capacity;
mod config_map;
mod environment;
mod event;
mod expand;
mod files;
mod ids;
mod node_choice;
mod object;
mod pod;
mod pod_field;
mod probe;
mod quantity;
mod resource_field;
mod secret;
mod service;
mod status;
#[cfg(test)]
pub(crate) mod testing;
mod time;

pub use amount::{Amount, QUANTITY_FORM};
pub use capacity::{Allocatable, NODE_NAME};
pub use config_map::ConfigMap;
pub use environment::{ConfigKind, ConfigRef, EnvFrom, EnvValue, EnvVar, FileKey};
pub use event::{Event, EventSource, EventType, ObjectRef};
pub use expand::{TooLong, expand};
pub use files::{DownwardFile, DownwardValue, FileSource, Files, KeyToPath, Keys, MetaField};
pub use ids::{Attempt, ContainerName, Namespace, PodName, PodUid, Uid};
pub use node_choice::{NodeChoice, NodeOperator, NodeRequirement, NodeTerm};
pub use object::ObjectMeta;
pub use pod::{
    Container, ContainerPort, ContainerRestart, Dns, DnsPolicy, ExitCodeOperator, HostPathType,
    ImagePullPolicy, Medium, Mount, Pod, PodMeta, PodSpec, Protocol, Resources, RestartAction,
    RestartPolicy, RestartRule, Role, SizeLimit, TerminationMessagePolicy, Volume, VolumeSource,
};
pub use pod_field::{PodAddresses, PodField};
pub use probe::{HookHandler, Hooks, HttpGet, PortRef, Probe, ProbeHandler, Probes};
pub use quantity::{Bytes, Millicores};
pub use resource_field::{Divided, ResourceField};
pub use secret::Secret;
pub use service::{Service, ServicePort, ServiceType, SessionAffinity, TargetPort};
pub use status::{
    Condition, ConditionStatus, ConditionType, ContainerState, ContainerStatus, Exit, ExitReason,
    Phase, PodStatus, QosClass, Terminated,
};
pub use time::{Seconds, Time};
