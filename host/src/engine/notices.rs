//! The texts of notices and waiting reasons (rules B6, B11, D6, E1, I2 to I4, M2), as Kubernetes 1.36 words them.

use std::collections::BTreeSet;
use std::time::Duration;

use super::restart;
use super::slot::Waiting;
use super::terminate::StopCause;
use super::{Failure, Notice, NoticeKind, ProbeKind};
use crate::model::{Container, Pod, PodSpec, RestartPolicy};

/// Reason of rule B16.
pub(super) const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";
/// Message of rule B16.
pub(super) const DEADLINE_TEXT: &str =
    "Pod was active on the node longer than the specified deadline";
/// Reason of rule B6: what a container refers to is not there, or not right.
pub(super) const NOT_CONFIGURED: &str = "CreateContainerConfigError";
/// Waiting and terminated reason of rule A16.
pub(super) const RESTARTING_ALL: &str = "RestartingAllContainers";

impl ProbeKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
        }
    }
}

fn about_pod(kind: NoticeKind, reason: &'static str, message: String) -> Notice {
    Notice {
        container: None,
        kind,
        reason,
        message,
    }
}

fn about(
    container: &Container,
    kind: NoticeKind,
    reason: &'static str,
    message: impl Into<String>,
) -> Notice {
    Notice {
        container: Some((container.role, container.name.clone())),
        kind,
        reason,
        message: message.into(),
    }
}

pub(super) fn mount(failure: &Failure) -> Notice {
    about_pod(NoticeKind::Warning, "FailedMount", failure.message.clone())
}

/// Whoever waits for volumes says which: all that are mounted anywhere, for they come to be together. None if there are none.
pub(super) fn volumes_awaited(pod: &PodSpec) -> Option<Notice> {
    let mounts = pod.containers().flat_map(|container| &container.mounts);
    let names: BTreeSet<&str> = mounts.map(|mount| mount.volume.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let names = names.into_iter().collect::<Vec<_>>().join(" ");
    let text = format!(
        "Unable to attach or mount volumes: unmounted volumes=[{names}], unattached volumes=[], failed to process volumes=[]: context deadline exceeded"
    );
    Some(about_pod(NoticeKind::Warning, "FailedMount", text))
}

pub(super) fn sandbox(failure: &Failure) -> Notice {
    let text = format!("Failed to create pod sandbox: {}", failure.message);
    about_pod(NoticeKind::Warning, "FailedCreatePodSandBox", text)
}

pub(super) fn deadline_exceeded() -> Notice {
    about_pod(NoticeKind::Normal, DEADLINE_EXCEEDED, DEADLINE_TEXT.into())
}

pub(super) fn evicted(reason: &'static str, message: &str) -> Notice {
    about_pod(NoticeKind::Warning, reason, message.to_owned())
}

pub(super) fn kill_failed(failure: &Failure) -> Notice {
    let text = format!("error killing pod: {}", failure.message);
    about_pod(NoticeKind::Warning, "FailedKillPod", text)
}

pub(super) fn pulling(container: &Container, image: &str) -> Notice {
    let text = format!("Pulling image {image:?}");
    about(container, NoticeKind::Normal, "Pulling", text)
}

pub(super) fn already_present(container: &Container, image: &str) -> Notice {
    let text = format!(
        "Container image {image:?} already present on machine and can be accessed by the pod"
    );
    about(container, NoticeKind::Normal, "Pulled", text)
}

/// With how long it took, without and with the wait for its turn.
pub(super) fn pulled(
    container: &Container,
    image: &str,
    size: u64,
    (took, with_waiting): (Duration, Duration),
) -> Notice {
    let (took, with_waiting) = (go_duration(took), go_duration(with_waiting));
    let text = format!(
        "Successfully pulled image {image:?} in {took} ({with_waiting} including waiting). Image size: {size} bytes."
    );
    about(container, NoticeKind::Normal, "Pulled", text)
}

/// What a failed pull shows, and the notice with its detail (rules I2, I3).
pub(super) fn pull_failed(
    container: &Container,
    image: &str,
    failure: &Failure,
) -> (Waiting, Notice) {
    let (event, text, message) = match failure.reason {
        "ErrImageNeverPull" => {
            let text =
                format!("Container image {image:?} is not present with pull policy of Never");
            ("ErrImageNeverPull", text.clone(), text)
        }
        "InvalidImageName" => {
            let text = format!(
                "Failed to apply default image tag {image:?}: {}",
                failure.message
            );
            ("InspectFailed", text.clone(), text)
        }
        "ImageInspectError" => {
            let text = format!("Failed to inspect image {image:?}: {}", failure.message);
            ("InspectFailed", text.clone(), text)
        }
        _ => {
            let text = format!("Failed to pull image {image:?}: {}", failure.message);
            ("Failed", text, failure.message.clone())
        }
    };
    let waiting = Waiting {
        reason: failure.reason,
        message: Some(message),
    };
    (waiting, about(container, NoticeKind::Warning, event, text))
}

pub(super) fn pull_back_off(container: &Container, image: &str) -> Notice {
    let text = format!("Back-off pulling image {image:?}");
    about(container, NoticeKind::Normal, "BackOff", text)
}

pub(super) fn pull_back_off_waiting(image: &str, failure: &Failure) -> Waiting {
    let Failure { reason, message } = failure;
    let text = format!("Back-off pulling image {image:?}: {reason}: {message}");
    Waiting {
        reason: "ImagePullBackOff",
        message: Some(text),
    }
}

pub(super) fn error(container: &Container, detail: &str) -> Notice {
    let text = format!("Error: {detail}");
    about(container, NoticeKind::Warning, "Failed", text)
}

pub(super) fn start_failed(container: &Container, failure: &Failure) -> Notice {
    let detail = Some(failure.message.as_str()).filter(|message| !message.is_empty());
    error(container, detail.unwrap_or(failure.reason))
}

pub(super) fn created(container: &Container) -> Notice {
    about(
        container,
        NoticeKind::Normal,
        "Created",
        "Container created",
    )
}

pub(super) fn started(container: &Container) -> Notice {
    about(
        container,
        NoticeKind::Normal,
        "Started",
        "Container started",
    )
}

pub(super) fn crash_loop(pod: &Pod, container: &Container) -> Notice {
    let text = format!(
        "Back-off restarting failed container {} in pod {}",
        container.name,
        full_name(pod)
    );
    about(container, NoticeKind::Warning, "BackOff", text)
}

pub(super) fn crash_loop_waiting(pod: &Pod, container: &Container, wait: Duration) -> Waiting {
    let text = format!(
        "back-off {} restarting failed container={} pod={}",
        go_duration(wait),
        container.name,
        full_name(pod)
    );
    Waiting {
        reason: "CrashLoopBackOff",
        message: Some(text),
    }
}

pub(super) fn killing(pod: &Pod, container: &Container, cause: StopCause) -> Notice {
    let name = &container.name;
    let text = match cause {
        StopCause::PodEnds | StopCause::RestartAll => format!("Stopping container {name}"),
        StopCause::PostStart => "FailedPostStartHook".to_owned(),
        StopCause::Probe(probe) => {
            let restarts = restart::policy(&pod.spec, container) != RestartPolicy::Never;
            let tail = if restarts { ", will be restarted" } else { "" };
            format!("Container {name} failed {} probe{tail}", probe.as_str())
        }
    };
    about(container, NoticeKind::Normal, "Killing", text)
}

/// What the hook said is withheld: it may hold secrets (rule E1).
pub(super) fn post_start_failed(container: &Container) -> Notice {
    let kind = NoticeKind::Warning;
    about(container, kind, "FailedPostStartHook", POST_START_FAILED)
}

const POST_START_FAILED: &str = "PostStartHook failed";

pub(super) fn post_start_waiting() -> Waiting {
    Waiting {
        reason: "PostStartHookError",
        message: Some(POST_START_FAILED.into()),
    }
}

pub(super) fn pre_stop_failed(container: &Container) -> Notice {
    let kind = NoticeKind::Warning;
    about(container, kind, "FailedPreStopHook", "PreStopHook failed")
}

pub(super) fn restarting_all_waiting() -> Waiting {
    Waiting {
        reason: RESTARTING_ALL,
        message: None,
    }
}

fn full_name(pod: &Pod) -> String {
    let meta = &pod.meta;
    format!("{}_{}({})", meta.name, meta.namespace, meta.uid)
}

/// A duration as Go prints it, whole milliseconds: `1.2s`, `1m20s`, `5m0s`, `350ms`.
fn go_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".into();
    }
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    let (hours, minutes) = (millis / 3_600_000, millis / 60_000 % 60);
    let (seconds, rest) = (millis / 1_000 % 60, millis % 1_000);
    let fraction = format!(".{rest:03}");
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    match (hours, minutes) {
        (0, 0) => format!("{seconds}{fraction}s"),
        (0, _) => format!("{minutes}m{seconds}{fraction}s"),
        (_, _) => format!("{hours}h{minutes}m{seconds}{fraction}s"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::terminate::StopCause;
    use super::super::{Failure, NoticeKind, ProbeKind};
    use super::go_duration;
    use crate::model::{RestartPolicy, testing};

    #[test]
    fn m2_every_notice_has_kubernetes_type_reason_and_text() {
        use NoticeKind::{Normal, Warning};
        let never = testing::pod();
        let mut always = never.clone();
        let mut spec = (*always.spec).clone();
        spec.restart_policy = RestartPolicy::Always;
        always.spec = std::sync::Arc::new(spec);
        let c = &testing::container("c");
        let failed = |reason, message: &str| Failure {
            reason,
            message: message.into(),
        };
        let pull = |reason| super::pull_failed(c, &c.image, &failed(reason, "why")).1;
        let mount = "MountVolume.SetUp failed for volume \"v\" : configmap \"x\" not found";
        let liveness = StopCause::Probe(ProbeKind::Liveness);
        for (notice, kind, reason, message) in [
            (
                super::pulling(c, &c.image),
                Normal,
                "Pulling",
                "Pulling image \"image\"",
            ),
            (
                super::already_present(c, &c.image),
                Normal,
                "Pulled",
                "Container image \"image\" already present on machine and can be accessed by the pod",
            ),
            (
                super::pulled(
                    c,
                    &c.image,
                    1234,
                    (Duration::from_millis(1500), Duration::from_millis(1600)),
                ),
                Normal,
                "Pulled",
                "Successfully pulled image \"image\" in 1.5s (1.6s including waiting). Image size: 1234 bytes.",
            ),
            (super::created(c), Normal, "Created", "Container created"),
            (super::started(c), Normal, "Started", "Container started"),
            (
                super::killing(&never, c, StopCause::PodEnds),
                Normal,
                "Killing",
                "Stopping container c",
            ),
            (
                super::killing(&always, c, liveness),
                Normal,
                "Killing",
                "Container c failed liveness probe, will be restarted",
            ),
            (
                super::killing(&never, c, StopCause::Probe(ProbeKind::Startup)),
                Normal,
                "Killing",
                "Container c failed startup probe",
            ),
            (
                super::killing(&never, c, StopCause::PostStart),
                Normal,
                "Killing",
                "FailedPostStartHook",
            ),
            (
                super::crash_loop(&never, c),
                Warning,
                "BackOff",
                "Back-off restarting failed container c in pod pod_default(uid)",
            ),
            (
                super::pull_back_off(c, &c.image),
                Normal,
                "BackOff",
                "Back-off pulling image \"image\"",
            ),
            (
                pull("ErrImagePull"),
                Warning,
                "Failed",
                "Failed to pull image \"image\": why",
            ),
            (
                pull("ErrImageNeverPull"),
                Warning,
                "ErrImageNeverPull",
                "Container image \"image\" is not present with pull policy of Never",
            ),
            (
                pull("InvalidImageName"),
                Warning,
                "InspectFailed",
                "Failed to apply default image tag \"image\": why",
            ),
            (
                super::error(c, "ErrImagePull"),
                Warning,
                "Failed",
                "Error: ErrImagePull",
            ),
            (
                super::start_failed(c, &failed("CreateContainerConfigError", "detail")),
                Warning,
                "Failed",
                "Error: detail",
            ),
            (
                super::start_failed(c, &failed("RunContainerError", "")),
                Warning,
                "Failed",
                "Error: RunContainerError",
            ),
            (
                super::post_start_failed(c),
                Warning,
                "FailedPostStartHook",
                "PostStartHook failed",
            ),
            (
                super::pre_stop_failed(c),
                Warning,
                "FailedPreStopHook",
                "PreStopHook failed",
            ),
            (
                super::mount(&failed("FailedMount", mount)),
                Warning,
                "FailedMount",
                mount,
            ),
            (
                super::sandbox(&failed("FailedCreatePodSandBox", "why")),
                Warning,
                "FailedCreatePodSandBox",
                "Failed to create pod sandbox: why",
            ),
            (
                super::kill_failed(&failed("KillError", "why")),
                Warning,
                "FailedKillPod",
                "error killing pod: why",
            ),
            (
                super::deadline_exceeded(),
                Normal,
                "DeadlineExceeded",
                "Pod was active on the node longer than the specified deadline",
            ),
            (super::evicted("Evicted", "why"), Warning, "Evicted", "why"),
        ] {
            assert_eq!(
                (notice.kind, notice.reason, &*notice.message),
                (kind, reason, message)
            );
        }
    }

    #[test]
    fn durations_read_as_go_prints_them() {
        for (millis, text) in [
            (0, "0s"),
            (350, "350ms"),
            (1_200, "1.2s"),
            (10_000, "10s"),
            (80_000, "1m20s"),
            (300_000, "5m0s"),
            (3_723_040, "1h2m3.04s"),
        ] {
            assert_eq!(go_duration(Duration::from_millis(millis)), text);
        }
    }
}
