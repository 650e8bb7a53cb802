//! The status of a pod. Derived by `engine`, published whole by the pod's one writer, never patched.

use super::{ContainerName, Time};

/// `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodStatus {
    /// `phase`.
    pub phase: Phase,
    /// `reason`, e.g. `DeadlineExceeded`, `Evicted`.
    pub reason: Option<String>,
    /// `message`.
    pub message: Option<String>,
    /// `conditions`, in the order a kubelet writes them.
    pub conditions: Vec<Condition>,
    /// `startTime`: set once, when the host accepted the pod (rule B17).
    pub start_time: Option<Time>,
    /// `podIP`: known while and after the logical host exists.
    pub pod_ip: Option<String>,
    /// `hostIP`.
    pub host_ip: Option<String>,
    /// `initContainerStatuses`, in the order of the specification (rule A7).
    pub init: Vec<ContainerStatus>,
    /// `containerStatuses`, sorted by name (rule A7).
    pub mains: Vec<ContainerStatus>,
    /// `qosClass`.
    pub qos: QosClass,
    /// `observedGeneration` (rule B18).
    pub observed_generation: i64,
}

/// `phase`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Accepted, but not every container has been started.
    Pending,
    /// At least one container runs or is being restarted.
    Running,
    /// Every main ended with exit code 0 and none will be restarted.
    Succeeded,
    /// Every main ended, at least one in failure, and none will be restarted.
    Failed,
}

impl Phase {
    /// Succeeded and Failed never change (rule B3).
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// As Kubernetes spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}

/// `qosClass` (rule J2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QosClass {
    /// Every container has limits equal to its requests.
    Guaranteed,
    /// Some request or limit is set.
    Burstable,
    /// No request and no limit.
    BestEffort,
}

impl QosClass {
    /// As Kubernetes spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// One entry of `conditions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `type`.
    pub kind: ConditionType,
    /// `status`.
    pub status: ConditionStatus,
    /// `reason`.
    pub reason: Option<String>,
    /// `message`.
    pub message: Option<String>,
    /// `lastTransitionTime`: changes only with `status` (rule C1).
    pub last_transition: Time,
}

/// `type` of a condition the host itself owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionType {
    /// Rule C2.
    PodScheduled,
    /// Rule C3.
    PodReadyToStartContainers,
    /// Rule C4.
    Initialized,
    /// Rule C5.
    ContainersReady,
    /// Rule C6.
    Ready,
    /// Rule C7.
    DisruptionTarget,
    /// Rule A16.
    AllContainersRestarting,
}

impl ConditionType {
    /// As Kubernetes spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PodScheduled => "PodScheduled",
            Self::PodReadyToStartContainers => "PodReadyToStartContainers",
            Self::Initialized => "Initialized",
            Self::ContainersReady => "ContainersReady",
            Self::Ready => "Ready",
            Self::DisruptionTarget => "DisruptionTarget",
            Self::AllContainersRestarting => "AllContainersRestarting",
        }
    }
}

/// `status` of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConditionStatus {
    /// `True`.
    True,
    /// `False`.
    False,
}

/// One entry of `initContainerStatuses` or `containerStatuses`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerStatus {
    /// `name`.
    pub name: ContainerName,
    /// `image` as the manifest spells it.
    pub image: String,
    /// `imageID`: the digest that was resolved; empty until then.
    pub image_id: String,
    /// `containerID`, `<runtime>://<id>`; absent until the first instance was created.
    pub container_id: Option<String>,
    /// `state`.
    pub state: ContainerState,
    /// `lastState`: the previous instance only (rule B13).
    pub last_state: Option<Terminated>,
    /// `ready` (rules B14, D12).
    pub ready: bool,
    /// `started` (rule B14).
    pub started: bool,
    /// `restartCount` (rule B13).
    pub restart_count: u32,
}

/// `state` of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContainerState {
    /// Not running; `reason` of rules A12 and B6.
    Waiting {
        /// e.g. `ContainerCreating`, `CrashLoopBackOff`.
        reason: String,
        /// The detail.
        message: Option<String>,
    },
    /// Running.
    Running {
        /// `startedAt`.
        started_at: Time,
    },
    /// Ended.
    Terminated(Terminated),
}

/// How an instance ended, as the status tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terminated {
    /// `exitCode`, 0–255; 128+n for death by signal n (rule B8).
    pub exit_code: i32,
    /// `reason` (rule B7).
    pub reason: String,
    /// `message`: the termination message (rule B15).
    pub message: Option<String>,
    /// `startedAt`.
    pub started_at: Option<Time>,
    /// `finishedAt`.
    pub finished_at: Time,
    /// `containerID`.
    pub container_id: Option<String>,
}

impl Exit {
    /// Of an instance that ran and is not there any more (rule B5).
    pub fn lost(at: Time) -> Self {
        Self {
            code: 137,
            reason: ExitReason::Lost,
            message: Some(
                "The container could not be located when the pod was deleted.  The container used to be Running"
                    .to_owned(),
            ),
            at,
        }
    }
}

/// How an instance ended, as its runtime tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// 0–255; 128+n for death by signal n (rule B8).
    pub code: i32,
    /// Why.
    pub reason: ExitReason,
    /// The termination message, already read and cut to its own limit (rule B15).
    pub message: Option<String>,
    /// When.
    pub at: Time,
}

/// Why an instance ended (rule B7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExitReason {
    /// Exit code 0.
    Completed,
    /// Any other exit code, a trap or a signal.
    Error,
    /// Killed for using more memory than its limit.
    OomKilled,
    /// Nobody knows how: what ran it broke (rule B5).
    Lost,
}

impl ExitReason {
    /// As Kubernetes spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "Completed",
            Self::Error => "Error",
            Self::OomKilled => "OOMKilled",
            Self::Lost => "ContainerStatusUnknown",
        }
    }
}
