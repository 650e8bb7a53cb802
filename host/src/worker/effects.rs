//! Running one effect: from the machine's words to the ports' and back.

use std::sync::Arc;

use super::environment::Sources;
use super::task::{Ports, Resources};
use super::{command, environment};
use crate::engine::{Failure, Hook, Notice, Output};
use crate::model::{Attempt, Container as Spec, Exit, Pod, TerminationMessagePolicy};
use crate::ports::{
    Container, Image, LogSink, LogSource, LogicalHost, PodVolumes, PullRequest, Pulled, StartError,
    StartRequest,
};
use crate::prober::{self, Instance};

/// What an effect left behind, beside what the machine is told.
pub(super) enum Kept {
    Nothing,
    Volumes(Arc<dyn PodVolumes>),
    Host(Arc<LogicalHost>),
    Image(crate::model::ContainerName, Arc<Image>),
    Container(Running),
    /// Something a user is to be told.
    Notice(Notice),
}

/// An instance that was started.
pub(super) struct Running {
    pub(super) attempt: Attempt,
    pub(super) container: Arc<dyn Container>,
    pub(super) log: Arc<dyn LogSink>,
}

/// An effect's end.
pub(super) type Ended = Result<(Output, Kept), Failure>;

pub(super) async fn mount_volumes(ports: Ports, pod: Pod, base_dir: Arc<std::path::Path>) -> Ended {
    match ports.volumes.mount(pod, base_dir).await {
        Ok(volumes) => Ok((Output::Unit, Kept::Volumes(volumes))),
        Err(error) => Err(failure("FailedMount", error)),
    }
}

pub(super) async fn unmount_volumes(ports: Ports, pod: Pod) -> Ended {
    match ports.volumes.unmount(pod).await {
        Ok(()) => Ok((Output::Unit, Kept::Nothing)),
        Err(error) => Err(failure("FailedUnmount", error)),
    }
}

pub(super) async fn create_host(ports: Ports, pod: Pod) -> Ended {
    match ports.hosts.create(pod).await {
        Ok(host) => {
            let output = Output::Host {
                pod_ip: Some(host.net.ip().to_string()),
                host_ip: Some(host.net.switch().node_ip().to_string()),
            };
            Ok((output, Kept::Host(host)))
        }
        // The notice says what failed; the error of its own would say it twice.
        Err(error) => Err(failure("FailedCreatePodSandBox", error.0)),
    }
}

pub(super) async fn release_host(ports: Ports, pod: Pod) -> Ended {
    ports.hosts.release(&pod.meta.uid);
    Ok((Output::Unit, Kept::Nothing))
}

/// The container's own image.
pub(super) async fn pull(
    ports: Ports,
    request: PullRequest,
    container: crate::model::ContainerName,
) -> Ended {
    match ports.images.ensure(request).await {
        Ok(pulled) => Ok((told(&pulled), Kept::Image(container, pulled.image))),
        Err(error) => Err(failure(error.reason(), error)),
    }
}

/// The image of a volume, whose files are there afterwards.
pub(super) async fn fill(
    ports: Ports,
    request: PullRequest,
    volumes: Arc<dyn PodVolumes>,
    volume: String,
) -> Ended {
    let pulled = ports.images.ensure(request).await;
    let pulled = pulled.map_err(|error| failure(error.reason(), error))?;
    let output = told(&pulled);
    let filled = volumes.fill(&volume, pulled.image).await;
    // What cannot be unpacked is no image, wherever that was noticed.
    filled.map_err(|error| failure("ErrImagePull", error))?;
    Ok((output, Kept::Nothing))
}

fn told(pulled: &Pulled) -> Output {
    Output::Image {
        image_id: pulled.image.id.clone(),
        already_present: pulled.already_present,
        size: pulled.image.size,
        took: pulled.took,
        took_with_waiting: pulled.took_with_waiting,
    }
}

/// What a start needs and the worker has, or why it has not.
pub(super) fn start_request(
    ports: &Ports,
    pod: &Pod,
    resources: &Resources,
    attempt: Attempt,
) -> Result<StartRequest, Failure> {
    let config = |detail: String| failure("CreateContainerConfigError", detail);
    let missing = |what: &str| config(format!("{what} is not ready"));
    let spec = pod.spec.container(&attempt.container);
    let spec: &Spec = spec.ok_or_else(|| missing("the container"))?;
    let image = resources.images.get(&attempt.container);
    let image = image.ok_or_else(|| missing("the image"))?;
    let host = resources
        .host
        .as_ref()
        .ok_or_else(|| missing("the logical host"))?;
    let volumes = resources
        .volumes
        .as_ref()
        .ok_or_else(|| missing("the volumes"))?;
    let own =
        environment::resolve(Sources::new(ports, &**volumes), pod, spec, host).map_err(config)?;
    let start = command::resolve(spec, image, host, &own).map_err(config)?;
    let own: Vec<_> = own.into_iter().collect();
    let mounts = volumes
        .mounts(spec, &own)
        .map_err(|error| config(error.to_string()))?;
    let log = ports.logs.sink(LogSource {
        pod: pod.clone(),
        attempt: attempt.clone(),
        role: spec.role,
    });
    Ok(StartRequest {
        pod: pod.clone(),
        scratch: volumes.scratch(spec, attempt.number),
        attempt,
        image: Arc::clone(image),
        args: start.args,
        env: start.env,
        working_dir: start.working_dir,
        host: Arc::clone(host),
        mounts,
        read_only_root: spec.read_only_root,
        termination_message_path: spec.termination_message_path.clone(),
        stdin: spec.stdin,
        resources: spec.resources,
        log,
    })
}

pub(super) async fn start(ports: Ports, request: StartRequest) -> Ended {
    let (attempt, log) = (request.attempt.clone(), Arc::clone(&request.log));
    match ports.runtime.start(request).await {
        Ok(container) => {
            let output = Output::Started {
                container_id: container.id().to_owned(),
                at: ports.clock.now(),
            };
            let running = Running {
                attempt,
                container,
                log,
            };
            Ok((output, Kept::Container(running)))
        }
        Err(error) => {
            log.close();
            Err(start_failure(&error))
        }
    }
}

fn start_failure(error: &StartError) -> Failure {
    failure(error.reason(), error)
}

/// Runs a hook of an instance. What it says is not for users (rule E1).
pub(super) async fn run_hook(ports: Ports, pod: Pod, instance: Instance, hook: Hook) -> Ended {
    let Some(spec) = pod.spec.container(&instance.attempt.container) else {
        return Err(failure(HOOK_ERROR, "no such container"));
    };
    match prober::run_hook(spec, hook, &instance, ports.clock.as_ref()).await {
        Ok(notice) => Ok((Output::Unit, notice.map_or(Kept::Nothing, Kept::Notice))),
        Err(error) => {
            let attempt = &instance.attempt;
            tracing::warn!(pod = %pod.meta.name, ?attempt, ?hook, %error, "a hook failed");
            Err(failure(HOOK_ERROR, error))
        }
    }
}

/// No status shows it.
pub(super) const HOOK_ERROR: &str = "HookError";

/// Waits for the end of an instance; its termination message falls back to the log's tail (rule B15).
pub(super) async fn exit(
    container: Arc<dyn Container>,
    log: Arc<dyn LogSink>,
    policy: TerminationMessagePolicy,
) -> Exit {
    let mut exit = container.wait().await;
    let falls_back = policy == TerminationMessagePolicy::FallbackToLogsOnError;
    if exit.message.is_none() && exit.code != 0 && falls_back {
        exit.message = Some(log.tail()).filter(|tail| !tail.is_empty());
    }
    exit
}

pub(super) fn failure(reason: &'static str, message: impl ToString) -> Failure {
    Failure {
        reason,
        message: message.to_string(),
    }
}
