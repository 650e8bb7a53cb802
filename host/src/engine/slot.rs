//! What is known about one container of the pod.

use std::time::Duration;

use super::backoff::{Retry, Series};
use super::restart::Verdict;
use super::terminate::{Stop, StopCause};
use super::{Config, Failure, ProbeKind};
use crate::model::{
    Attempt, Container, Exit, ExitReason, ImagePullPolicy, PodSpec, Role, Time, VolumeSource,
};

/// One container: its specification and the facts about its instances.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) spec: Container,
    /// The images of the volumes that it mounts.
    pub(super) images: Vec<VolumeImage>,
    /// The instance that may be alive: from the moment its start is asked for until its end is known.
    pub(super) current: Option<Instance>,
    /// The newest instance that ended.
    pub(super) ended: Option<Ended>,
    /// The one before it.
    pub(super) before: Option<Ended>,
    /// Why the container isn't running, if there is more to say than that it isn't yet; stays until a start succeeds (rule B6).
    pub(super) waiting: Option<Waiting>,
    /// `imageID`: what the newest pull resolved to; empty until then.
    pub(super) image_id: String,
    pub(super) pull: Pull,
    /// The crash loop's back-off (rule B9).
    pub(super) restarts: Series,
    /// The wait before the next start; none before the first.
    pub(super) gap: Option<Gap>,
    /// When the newest failure to start was told.
    pub(super) told: Option<Time>,
}

/// An image that is a volume.
#[derive(Clone, Debug)]
pub(super) struct VolumeImage {
    pub(super) volume: String,
    pub(super) reference: String,
    pub(super) policy: ImagePullPolicy,
}

/// The images of the volumes of the pod that the container mounts.
fn volume_images(container: &Container, pod: &PodSpec) -> Vec<VolumeImage> {
    let mounted = |name: &str| container.mounts.iter().any(|mount| mount.volume == name);
    let volumes = pod.volumes.iter().filter(|volume| mounted(&volume.name));
    volumes
        .filter_map(|volume| match &volume.source {
            VolumeSource::Image { reference, policy } => Some(VolumeImage {
                volume: volume.name.clone(),
                reference: reference.clone(),
                policy: *policy,
            }),
            VolumeSource::EmptyDir { .. }
            | VolumeSource::HostPath { .. }
            | VolumeSource::Files(_) => None,
        })
        .collect()
}

/// Each start asks for the images anew (rule I2).
#[derive(Clone, Debug, Default)]
pub(super) struct Pull {
    /// How many volumes' images the next start has already.
    pub(super) of_volumes: usize,
    /// What the next start will use.
    pub(super) image: Option<String>,
    /// That the pull under way fetches something was said.
    pub(super) told: bool,
    pub(super) retry: Retry,
    /// The newest failure and its time, until a pull succeeds.
    pub(super) failure: Option<(Time, Failure)>,
}

/// The time between two instances, or after a start that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    pub(super) since: Time,
    /// The wait is over and on record in the series.
    pub(super) served: bool,
    /// The wait is this one and none of the series.
    pub(super) fixed: Option<Duration>,
}

impl Gap {
    pub(super) const fn new(since: Time) -> Self {
        Self {
            since,
            served: false,
            fixed: None,
        }
    }
}

/// How soon a start is tried again that failed because what it refers to is not there, or not right yet: whoever adds it should not have to
/// wait for a crash loop's back-off, for nothing has crashed (rule H5).
const CONFIGURATION_WAIT: Duration = Duration::from_secs(1);

/// How often the same fault of a configuration is told; a kubelet looks again every ten seconds and tells it each time.
const TOLD_AGAIN: Duration = Duration::from_secs(10);

/// A waiting reason and its detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) reason: &'static str,
    pub(super) message: Option<String>,
}

/// An instance that may be alive.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) attempt: Attempt,
    /// What its start answered; until then the start is in flight.
    pub(super) started: Option<Started>,
    /// May arrive before the start's answer; the instance counts until both are known.
    pub(super) exit: Option<Exit>,
    pub(super) post_start: HookRun,
    pub(super) startup_passed: bool,
    pub(super) readiness_passed: bool,
    pub(super) failed_probe: Option<ProbeKind>,
    pub(super) stop: Option<Stop>,
}

/// The answer of a start.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) at: Time,
    pub(super) container_id: Option<String>,
}

/// How far a hook is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HookRun {
    /// Not asked for yet.
    Ahead,
    /// In flight.
    Running,
    /// It succeeded, there is none, or it doesn't matter any more.
    Over,
    /// It failed.
    Failed,
}

impl HookRun {
    pub(super) const fn new(defined: bool) -> Self {
        if defined { Self::Ahead } else { Self::Over }
    }
}

/// An instance that ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) number: u32,
    /// In which round of the pod (rule A16).
    pub(super) round: u32,
    pub(super) exit: Exit,
    pub(super) started: Started,
    /// Why it was being stopped, unless it ended by itself.
    pub(super) cause: Option<StopCause>,
}

impl Ended {
    /// Exit code 0; the kernel of an out-of-memory kill may report 0 as well, and that is no success (rule A5).
    pub(super) fn succeeded(&self) -> bool {
        self.exit.code == 0 && self.exit.reason != ExitReason::OomKilled
    }
}

impl Instance {
    /// Its start has just been asked for.
    pub(super) const fn starting(attempt: Attempt, spec: &Container) -> Self {
        Self {
            attempt,
            started: None,
            exit: None,
            post_start: HookRun::new(spec.hooks.post_start.is_some()),
            startup_passed: spec.probes.startup.is_none(),
            readiness_passed: spec.probes.readiness.is_none(),
            failed_probe: None,
            stop: None,
        }
    }

    /// It runs, as far as anybody may know: started, its postStart hook returned (rule E1), and not ended.
    pub(super) fn reported(&self) -> Option<&Started> {
        if self.exit.is_some() || self.post_start != HookRun::Over {
            return None;
        }
        self.started.as_ref()
    }
}

impl Slot {
    pub(super) fn new(spec: Container, pod: &PodSpec) -> Self {
        Self {
            images: volume_images(&spec, pod),
            spec,
            current: None,
            ended: None,
            before: None,
            waiting: None,
            image_id: String::new(),
            pull: Pull::default(),
            restarts: Series::default(),
            gap: None,
            told: None,
        }
    }

    /// The attempt the next start makes. One that never came to be leaves its number to the next (rule B13).
    pub(super) fn next_attempt(&self) -> Attempt {
        let number = self
            .ended
            .as_ref()
            .map_or(0, |ended| ended.number.saturating_add(1));
        Attempt {
            container: self.spec.name.clone(),
            number,
        }
    }

    /// No instance can be alive.
    pub(super) fn is_down(&self) -> bool {
        self.current.is_none()
    }

    /// An instance of this round exists or existed.
    pub(super) fn has_begun(&self, round: u32) -> bool {
        self.current.is_some() || self.ended_in(round).is_some()
    }

    /// How the container's newest instance of this round ended, if none is alive.
    pub(super) fn ended_in(&self, round: u32) -> Option<&Ended> {
        self.ended
            .as_ref()
            .filter(|ended| self.current.is_none() && ended.round == round)
    }

    /// What is to become of the container, if its newest instance of this round ended.
    pub(super) fn verdict(&self, pod: &PodSpec, round: u32) -> Option<Verdict> {
        self.ended_in(round)
            .map(|ended| Verdict::of(pod, &self.spec, ended))
    }

    /// The container is down, and to be started (again) as soon as order and back-off allow.
    pub(super) fn will_start(&self, pod: &PodSpec, round: u32) -> bool {
        self.is_down() && self.verdict(pod, round) != Some(Verdict::Leave)
    }

    /// Running and past its startup probe (rules A8, B14).
    pub(super) fn is_started(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|i| i.reported().is_some() && i.startup_passed)
    }

    /// A sidecar ran into its wait, or an init container exited 0: the next entry may start (rule A3).
    pub(super) fn lets_the_next_start(&self, round: u32) -> bool {
        match self.spec.role {
            Role::Init => self.ended_in(round).is_some_and(Ended::succeeded),
            Role::Sidecar => self.is_started(),
            Role::Main => false,
        }
    }

    /// The start in flight was answered: it failed, so nothing is alive. The wait until the next try is the restart's, but
    /// never nothing: what could not be created at this instant can't be at the next (rule A1).
    pub(super) fn start_failed(&mut self, config: &Config, now: Time) {
        self.current = None;
        if self.restarts.wait(&config.restarts, now).is_zero() {
            self.restarts.advance(&config.restarts, now, now);
        }
        self.gap = Some(Gap::new(now));
    }

    /// The start in flight could not be configured. What was fetched for it is still there for the next try, which comes soon.
    pub(super) fn start_not_configured(&mut self, image_id: String, now: Time) {
        self.current = None;
        self.pull.image = Some(image_id);
        self.gap = Some(Gap {
            fixed: Some(CONFIGURATION_WAIT),
            ..Gap::new(now)
        });
    }

    /// Keeps what is to be shown of a start that failed. Returns whether it is to be told, too.
    pub(super) fn shows(&mut self, waiting: Waiting, now: Time) -> bool {
        let known = self.waiting.as_ref() == Some(&waiting);
        let fixed = self.gap.is_some_and(|gap| gap.fixed.is_some());
        let lately = self.told.is_some_and(|told| now.since(told) < TOLD_AGAIN);
        self.waiting = Some(waiting);
        if known && fixed && lately {
            return false;
        }
        self.told = Some(now);
        true
    }

    /// Files the current instance as ended, once both its start and its exit are known. Returns whether it did.
    pub(super) fn settle(&mut self, round: u32) -> bool {
        let known = |i: &mut Instance| i.started.is_some() && i.exit.is_some();
        let Some(instance) = self.current.take_if(known) else {
            return false;
        };
        let (Some(started), Some(exit)) = (instance.started, instance.exit) else {
            return false;
        };
        // What kept it waiting ended with its start, unless that itself failed (rule B6).
        if instance.post_start != HookRun::Failed {
            self.waiting = None;
        }
        self.gap = Some(Gap::new(exit.at));
        self.before = self.ended.replace(Ended {
            number: instance.attempt.number,
            round,
            exit,
            started,
            cause: instance.stop.map(|stop| stop.cause),
        });
        true
    }
}
