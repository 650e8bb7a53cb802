//! The words the machine hears and speaks. [`Event`] goes in, [`Action`] comes out; everything else is inside.

use std::time::Duration;

use crate::model::{Attempt, ContainerName, Exit, ImagePullPolicy, PodStatus, Role, Seconds, Time};

/// A fact for the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Time passed: the answer to [`PodMachine::wake_at`](super::PodMachine::wake_at), and the first event of a new machine.
    Tick,
    /// The pod is to be deleted with at most this grace. May come again: grace only ever shrinks (rules F2, F4).
    Delete {
        /// Grace asked for; the pod's own `terminationGracePeriodSeconds` when absent.
        grace: Option<Seconds>,
    },
    /// The machine needs back what the pod uses: it fails with this reason and message, after a grace of a second (rule F10). Changes
    /// nothing but the grace of a pod that is coming to its end already.
    Evict {
        /// `status.reason`, and the notice's: `Evicted`.
        reason: &'static str,
        /// `status.message`.
        message: String,
    },
    /// Something that the pod's volumes are made of has changed: what could not be mounted before is tried again at once.
    VolumesChanged,
    /// An effect asked for by [`Action::Run`] ended.
    Done {
        /// Which.
        id: EffectId,
        /// How.
        result: Result<Output, Failure>,
    },
    /// What [`Effect::Pull`] asked for is not here: it is being fetched (rule I4). An image that is here is never told so.
    Pulling {
        /// Which effect.
        id: EffectId,
    },
    /// An instance that had been started ended.
    Exited {
        /// Which.
        attempt: Attempt,
        /// How.
        exit: Exit,
    },
    /// A probe's verdict changed after its threshold (rule D5).
    Probed {
        /// Which instance.
        attempt: Attempt,
        /// Which probe.
        probe: ProbeKind,
        /// The verdict.
        healthy: bool,
    },
}

/// Which probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProbeKind {
    /// `startupProbe`.
    Startup,
    /// `livenessProbe`.
    Liveness,
    /// `readinessProbe`.
    Readiness,
}

/// Which hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hook {
    /// `lifecycle.postStart`.
    PostStart,
    /// `lifecycle.preStop`.
    PreStop,
}

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Begin this effect and answer with [`Event::Done`] under the same id. Never awaited by the machine.
    Run(EffectId, Effect),
    /// The result of this effect is no longer wanted; stop it if that is cheap. A pull or a hook then needs no answer, though
    /// one does no harm. A start, a mount or a host still owes its [`Event::Done`]: it may have come to be all the same.
    Abandon(EffectId),
    /// The status changed; write it whole.
    Publish(Box<PodStatus>),
    /// Something a user wants to know (section M).
    Record(Notice),
    /// Everything is released and the last status is published: the pod's worker may end. Always the last action.
    Forget,
}

/// Identifies one run of one effect; never reused within a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectId(pub u64);

/// Work outside the machine. What fails leaves nothing behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Make the pod's volumes ready (rule A2: before anything starts). Answers [`Output::Unit`].
    MountVolumes,
    /// Create the logical host, what Kubernetes calls the sandbox. Answers [`Output::Host`].
    CreateHost,
    /// Make an image present that the container needs, by its pull policy. Answers [`Output::Image`].
    Pull {
        /// For which container.
        container: ContainerName,
        /// Which of the pod's volumes has its files from there; the container's own image when absent.
        volume: Option<String>,
        /// As the manifest spells it.
        image: String,
        /// Its policy (rule I2).
        policy: ImagePullPolicy,
    },
    /// Create and start an instance. Answers [`Output::Started`]; afterwards [`Event::Exited`] comes exactly once.
    Start {
        /// Which.
        attempt: Attempt,
        /// What [`Output::Image`] said.
        image_id: String,
    },
    /// Run a hook of an instance. Answers [`Output::Unit`] or the hook's failure.
    RunHook {
        /// Whose.
        attempt: Attempt,
        /// Which.
        hook: Hook,
    },
    /// Deliver TERM (rule F5). Answers [`Output::Unit`] once delivered, not once it worked; harmless after the exit.
    Terminate {
        /// To whom.
        attempt: Attempt,
    },
    /// Deliver KILL. Answers [`Output::Unit`] once delivered; the exit follows as [`Event::Exited`]. Harmless after the exit.
    Kill {
        /// To whom.
        attempt: Attempt,
    },
    /// Release the logical host. Answers [`Output::Unit`]. A failure is retried.
    ReleaseHost,
    /// Release the volumes; an emptyDir's data ends here (rule F7). Answers [`Output::Unit`]. A failure is retried.
    UnmountVolumes,
}

/// What an effect answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Done.
    Unit,
    /// The logical host exists.
    Host {
        /// `status.podIP`.
        pod_ip: Option<String>,
        /// `status.hostIP`.
        host_ip: Option<String>,
    },
    /// The image is present.
    Image {
        /// `status.…imageID`.
        image_id: String,
        /// It was present already, so nothing was fetched (rules I2, I4).
        already_present: bool,
        /// Size in bytes, for the event's text (rule I4).
        size: u64,
        /// How long fetching took.
        took: Duration,
        /// The same with the wait for its turn.
        took_with_waiting: Duration,
    },
    /// The instance runs.
    Started {
        /// `containerID`, `<runtime>://<id>`.
        container_id: String,
        /// When.
        at: Time,
    },
}

/// Why an effect failed, in the words the status uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A waiting reason of rule B6 (`ErrImagePull`, `CreateContainerError`, `RunContainerError`, …) or an event reason of M2 (`FailedMount`).
    pub reason: &'static str,
    /// The detail, a lowercase fragment.
    pub message: String,
}

/// Something a user wants to know: becomes a Kubernetes Event (section M).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The container it is about, if any: gives `involvedObject.fieldPath` (rule M1).
    pub container: Option<(Role, ContainerName)>,
    /// Normal or Warning.
    pub kind: NoticeKind,
    /// e.g. `Started`, `BackOff`.
    pub reason: &'static str,
    /// The text of rule M2.
    pub message: String,
}

/// `type` of the Event.
pub use crate::model::EventType as NoticeKind;

/// What the machine is told once, at its birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Back-off of container restarts (rule B9).
    pub restarts: Backoff,
    /// Back-off of image pulls (rule I3).
    pub pulls: Backoff,
    /// Shortest time between TERM and KILL (rule E3): 2 s.
    pub minimum_grace: Seconds,
}

/// A doubling wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait (10 s).
    pub base: Duration,
    /// The longest wait (300 s).
    pub cap: Duration,
    /// An instance that lasted longer than this starts the series again (600 s).
    pub reset_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_secs(10),
            cap: Duration::from_secs(300),
            reset_after: Duration::from_secs(600),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            restarts: Backoff::default(),
            pulls: Backoff::default(),
            minimum_grace: Seconds(2),
        }
    }
}
