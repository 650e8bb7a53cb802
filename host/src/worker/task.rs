//! The loop.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::effects::{self, Ended, Kept, Running};
use super::running::RunningContainers;
use crate::engine::{
    Action, Config, Effect, EffectId, Event, Notice, NoticeKind, Output, PodMachine,
};
use crate::model::{
    Allocatable, Attempt, ContainerName, ContainerState, Exit, Pod, PodStatus, PodUid, Seconds,
    TerminationMessagePolicy,
};
use crate::ports::{
    Began, Clock, ConfigSource, ContainerRuntime, Image, ImageStore, LogicalHost, LogicalHosts,
    Logs, PodVolumes, PullRequest, ServiceSource, Signal, Volumes,
};
use crate::prober::{Instance, PodProbes, Report, Sight};

/// What a worker runs effects with.
#[derive(Clone)]
pub struct Ports {
    /// Where images come from.
    pub images: Arc<dyn ImageStore>,
    /// Logical hosts.
    pub hosts: Arc<dyn LogicalHosts>,
    /// Volumes.
    pub volumes: Arc<dyn Volumes>,
    /// What runs containers.
    pub runtime: Arc<dyn ContainerRuntime>,
    /// Where output goes.
    pub logs: Arc<dyn Logs>,
    /// Where commands from outside find the containers.
    pub running: Arc<RunningContainers>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where ConfigMaps and Secrets are.
    pub configs: Arc<dyn ConfigSource>,
    /// Where Services are.
    pub services: Arc<dyn ServiceSource>,
    /// What the machine has for pods: what a container without a limit is told it may have (rule H7).
    pub allocatable: Allocatable,
}

/// What a worker is told from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Delete the pod with at most this grace; its own when absent.
    Delete(Option<Seconds>),
    /// The machine needs back what the pod uses (rule F10).
    Evict {
        /// `status.reason`
        reason: &'static str,
        /// `status.message`
        message: String,
    },
    /// What the pod's volumes are made of has changed: what failed for want of it is tried at once (rule G7).
    Retry,
}

/// What a worker tells, in order.
#[derive(Clone, Debug)]
pub enum Update {
    /// The pod's status, whole.
    Status(PodUid, Box<PodStatus>),
    /// Something a user wants to know.
    Notice(PodUid, Notice),
    /// The pod is over and everything of it released.
    Forgotten(PodUid),
}

/// What the pod has been given so far.
#[derive(Default)]
pub(super) struct Resources {
    pub(super) volumes: Option<Arc<dyn PodVolumes>>,
    pub(super) host: Option<Arc<LogicalHost>>,
    pub(super) images: HashMap<ContainerName, Arc<Image>>,
}

/// One pod's task.
pub struct Worker {
    pod: Pod,
    base_dir: Arc<Path>,
    machine: PodMachine,
    ports: Ports,
    orders: mpsc::UnboundedReceiver<Order>,
    updates: mpsc::UnboundedSender<Update>,
    resources: Resources,
    containers: HashMap<Attempt, Running>,
    effects: JoinSet<(EffectId, Ended)>,
    /// Which effect a task is, for when it panics or is abandoned.
    running: HashMap<tokio::task::Id, (EffectId, AbortHandle)>,
    exits: JoinSet<Exit>,
    /// Whose end a task waits for.
    waiting: HashMap<tokio::task::Id, Attempt>,
    /// Pulls that turn out to fetch something.
    began: (
        mpsc::UnboundedSender<EffectId>,
        mpsc::UnboundedReceiver<EffectId>,
    ),
    probes: Option<PodProbes>,
    forgotten: bool,
}

impl Worker {
    /// A worker for a new pod. References to files in the pod are relative to `base_dir`.
    pub fn new(
        pod: Pod,
        base_dir: Arc<Path>,
        config: Config,
        ports: Ports,
        orders: mpsc::UnboundedReceiver<Order>,
        updates: mpsc::UnboundedSender<Update>,
    ) -> Self {
        Self {
            machine: PodMachine::new(pod.clone(), config),
            pod,
            base_dir,
            ports,
            orders,
            updates,
            resources: Resources::default(),
            containers: HashMap::new(),
            effects: JoinSet::new(),
            running: HashMap::new(),
            exits: JoinSet::new(),
            waiting: HashMap::new(),
            began: mpsc::unbounded_channel(),
            probes: None,
            forgotten: false,
        }
    }

    /// Runs the pod until it is forgotten, or until nobody can give orders any more and it is at rest.
    pub async fn run(mut self) {
        self.tell(Event::Tick);
        let mut orders_open = true;
        while !self.forgotten {
            let wake_at = self.machine.wake_at();
            let clock = Arc::clone(&self.ports.clock);
            let event = tokio::select! {
                order = self.orders.recv(), if orders_open => match order {
                    Some(Order::Delete(grace)) => Event::Delete { grace },
                    Some(Order::Evict { reason, message }) => Event::Evict { reason, message },
                    Some(Order::Retry) => Event::VolumesChanged,
                    None => {
                        orders_open = false;
                        continue;
                    }
                },
                Some(id) = self.began.1.recv(), if !self.effects.is_empty() => Event::Pulling { id },
                Some(ended) = self.effects.join_next_with_id() => match ended {
                    Ok((task, (id, ended))) => {
                        self.running.remove(&task);
                        self.done(id, ended)
                    }
                    Err(error) => match self.running.remove(&error.id()) {
                        // Without a result the machine would wait for it for ever.
                        Some((id, _)) => {
                            let failure = effects::failure("RunContainerError", &error);
                            self.done(id, Err(failure))
                        }
                        None => continue,
                    },
                },
                Some(ended) = self.exits.join_next_with_id() => {
                    let (task, exit) = match ended {
                        Ok((task, exit)) => (task, exit),
                        // Without an end, the pod would be Running for ever, and could not be deleted either.
                        Err(error) => (error.id(), Exit::lost(self.ports.clock.now())),
                    };
                    let Some(attempt) = self.waiting.remove(&task) else { continue };
                    self.gone(&attempt);
                    Event::Exited { attempt, exit }
                }
                Some(report) = report(&mut self.probes), if self.probes.is_some() => match report {
                    Report::Verdict { attempt, probe, healthy } => {
                        Event::Probed { attempt, probe, healthy }
                    }
                    Report::Notice(notice) => {
                        self.send(Update::Notice(self.pod.meta.uid.clone(), notice));
                        continue;
                    }
                },
                () = sleep_until(clock, wake_at), if wake_at.is_some() => Event::Tick,
                else => break,
            };
            self.tell(event);
        }
    }

    fn tell(&mut self, event: Event) {
        let now = self.ports.clock.now();
        tracing::trace!(pod = %self.pod.meta.name, ?event);
        let was_ending = self.machine.is_ending();
        let actions = self.machine.step(now, event);
        let is_news = self.machine.is_ending() != was_ending
            || actions
                .iter()
                .any(|action| matches!(action, Action::Publish(_)));
        for action in actions {
            tracing::trace!(pod = %self.pod.meta.name, ?action);
            self.act(action);
        }
        if is_news {
            self.show_probes();
        }
    }

    /// Shows the probes what was published.
    fn show_probes(&self) {
        let Some(probes) = &self.probes else { return };
        let status = self.machine.status();
        for container in status.init.iter().chain(&status.mains) {
            let running = match &container.state {
                ContainerState::Running { started_at } => {
                    let attempt = Attempt {
                        container: container.name.clone(),
                        number: container.restart_count,
                    };
                    let instance = self.instance(&attempt);
                    instance.map(|instance| (instance, *started_at))
                }
                ContainerState::Waiting { .. } | ContainerState::Terminated(_) => None,
            };
            let sight = Sight {
                running,
                started: container.started,
                ready: container.ready,
                ending: self.machine.is_ending(),
            };
            probes.show(&container.name, sight);
        }
    }

    /// What probes and hooks need of an instance that runs.
    fn instance(&self, attempt: &Attempt) -> Option<Instance> {
        Some(Instance {
            attempt: attempt.clone(),
            container: Arc::clone(&self.containers.get(attempt)?.container),
            host: Arc::clone(self.resources.host.as_ref()?),
        })
    }

    fn act(&mut self, action: Action) {
        let uid = || self.pod.meta.uid.clone();
        match action {
            Action::Run(id, effect) => self.run_effect(id, effect),
            // Its task ends at its next await, before it has started anything: else Ctrl-C would wait for a component to compile.
            Action::Abandon(id) => {
                if let Some(task) = self.running.values().find(|(effect, _)| *effect == id) {
                    task.1.abort();
                }
            }
            Action::Publish(status) => {
                self.ports.logs.status(&self.pod, &status);
                self.send(Update::Status(uid(), status));
            }
            Action::Record(notice) => self.send(Update::Notice(uid(), notice)),
            Action::Forget => {
                self.forgotten = true;
                self.ports.logs.over(&self.pod.meta.uid);
                self.send(Update::Forgotten(uid()));
            }
        }
    }

    fn send(&self, update: Update) {
        // The node is gone only when the whole host shuts down.
        let _ignored = self.updates.send(update);
    }

    fn run_effect(&mut self, id: EffectId, effect: Effect) {
        let (ports, pod) = (self.ports.clone(), self.pod.clone());
        let base_dir = Arc::clone(&self.base_dir);
        match effect {
            Effect::MountVolumes => self.spawn(id, effects::mount_volumes(ports, pod, base_dir)),
            Effect::CreateHost => self.spawn(id, effects::create_host(ports, pod)),
            Effect::Pull {
                container,
                volume,
                image,
                policy,
            } => {
                let told = self.began.0.clone();
                let request = PullRequest {
                    reference: image,
                    policy,
                    base_dir,
                    namespace: pod.meta.namespace.to_string(),
                    secrets: pod.spec.pull_secrets.clone(),
                    began: Began::by(move || {
                        // It is gone only with the worker.
                        let _ignored = told.send(id);
                    }),
                };
                match (volume, self.resources.volumes.clone()) {
                    (Some(name), Some(volumes)) => {
                        self.spawn(id, effects::fill(ports, request, volumes, name));
                    }
                    (_, _) => self.spawn(id, effects::pull(ports, request, container)),
                }
            }
            Effect::Start { attempt, .. } => {
                // Labels and annotations are those of this moment (rules G12, H6).
                self.pod.meta = ports.configs.pod_meta(&pod.meta.uid).unwrap_or(pod.meta);
                match effects::start_request(&ports, &self.pod, &self.resources, attempt) {
                    Ok(request) => self.spawn(id, effects::start(ports, request)),
                    Err(failure) => self.spawn(id, async move { Err(failure) }),
                }
            }
            Effect::RunHook { attempt, hook } => match self.instance(&attempt) {
                Some(instance) => self.spawn(id, effects::run_hook(ports, pod, instance, hook)),
                None => {
                    let failure = effects::failure(effects::HOOK_ERROR, "the container is gone");
                    self.spawn(id, async move { Err(failure) });
                }
            },
            Effect::Terminate { attempt } => self.signal(id, &attempt, Signal::Term),
            Effect::Kill { attempt } => self.signal(id, &attempt, Signal::Kill),
            Effect::ReleaseHost => {
                self.resources.host = None;
                self.probes = None;
                self.spawn(id, effects::release_host(ports, pod));
            }
            Effect::UnmountVolumes => {
                self.resources.volumes = None;
                self.spawn(id, effects::unmount_volumes(ports, pod));
            }
        }
    }

    fn signal(&mut self, id: EffectId, attempt: &Attempt, signal: Signal) {
        if let Some(running) = self.containers.get(attempt) {
            running.container.signal(signal);
        }
        self.spawn(id, async { Ok((Output::Unit, Kept::Nothing)) });
    }

    fn spawn(&mut self, id: EffectId, effect: impl Future<Output = Ended> + Send + 'static) {
        let task = self.effects.spawn(async move { (id, effect.await) });
        self.running.insert(task.id(), (id, task));
    }

    /// Keeps what the effect left behind and says what the machine is to hear.
    fn done(&mut self, id: EffectId, ended: Ended) -> Event {
        let result = ended.map(|(output, kept)| {
            match kept {
                Kept::Nothing => {}
                Kept::Volumes(volumes) => {
                    self.resources.volumes = Some(volumes);
                    // Before anything runs: their rhythm is their own (rules A2, D3).
                    self.probes = PodProbes::start(&self.pod, &self.ports.clock);
                }
                Kept::Notice(notice) => {
                    self.send(Update::Notice(self.pod.meta.uid.clone(), notice));
                }
                Kept::Host(host) => {
                    for message in host.net.identity().resolv.omitted() {
                        self.send(Update::Notice(
                            self.pod.meta.uid.clone(),
                            dns_config(message),
                        ));
                    }
                    self.resources.host = Some(host);
                }
                Kept::Image(container, image) => {
                    self.resources.images.insert(container, image);
                }
                Kept::Container(running) => self.watch(running),
            }
            output
        });
        Event::Done { id, result }
    }

    /// An instance ended. There is never a second one of its container before it has.
    fn gone(&mut self, attempt: &Attempt) {
        self.containers.remove(attempt);
        let running = &self.ports.running;
        running.remove(&self.pod.meta.uid, &attempt.container);
    }

    fn watch(&mut self, running: Running) {
        let attempt = running.attempt.clone();
        let spec = self.pod.spec.container(&attempt.container);
        let policy = spec.map_or(TerminationMessagePolicy::File, |spec| {
            spec.termination_message_policy
        });
        let exit = effects::exit(
            Arc::clone(&running.container),
            Arc::clone(&running.log),
            policy,
        );
        let (uid, container) = (&self.pod.meta.uid, &running.container);
        let table = &self.ports.running;
        table.add(uid, &attempt.container, Arc::clone(container));
        self.containers.insert(attempt.clone(), running);
        let task = self.exits.spawn(exit);
        self.waiting.insert(task.id(), attempt);
    }
}

impl Drop for Worker {
    /// However it ends, even with the whole host: the table is not its own.
    fn drop(&mut self) {
        let attempts: Vec<_> = self.containers.keys().cloned().collect();
        for attempt in attempts {
            self.gone(&attempt);
        }
    }
}

/// Names that the pod asked for will not be found, and nothing else would say why (rule H11).
fn dns_config(message: &str) -> Notice {
    Notice {
        container: None,
        kind: NoticeKind::Warning,
        reason: "DNSConfigForming",
        message: message.to_owned(),
    }
}

async fn report(probes: &mut Option<PodProbes>) -> Option<Report> {
    match probes {
        Some(probes) => probes.report().await,
        None => None,
    }
}

async fn sleep_until(clock: Arc<dyn Clock>, time: Option<crate::model::Time>) {
    if let Some(time) = time {
        clock.sleep_until(time).await;
    }
}
