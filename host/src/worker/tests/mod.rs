//! The loop, under paused time and with fakes of every port.

mod pods;
mod probes;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::{Order, Ports, RunningContainers, Update, Worker};
use crate::engine::Config;
use crate::model::{
    ConfigMap, Container as Spec, Exit, ExitReason, Phase, Pod, PodStatus, PodUid, RestartPolicy,
    Secret, Service, Time, testing,
};
use crate::ports::{
    BoxFuture, Clock, ConfigSource, Container, ContainerRuntime, HostError, Image, ImageStore,
    LogSink, LogSource, LogStream, LogicalHost, LogicalHosts, Logs, MountError, PodVolumes,
    PullError, PullRequest, Pulled, ReadyMount, ServiceSource, Signal, StartError, StartRequest,
    Usage, Volumes,
};
use crate::ports::{Exec, ExecError, ExecRequest};

/// Tokio's paused clock.
struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn now(&self) -> Time {
        Time::from_unix_secs(1_000_000) + self.0.elapsed()
    }
    fn sleep_until(&self, time: Time) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time.since(self.now())))
    }
}

/// What a fake container does.
#[derive(Clone, Copy)]
enum Act {
    /// Ends after that time with that code.
    Exit(Duration, i32),
    /// Runs until TERM or KILL.
    Stay,
    /// Runs until KILL.
    IgnoreTerm,
    /// Cannot be started.
    Refuse,
    /// Takes an hour to start.
    Slow,
    /// Whoever waits for its end breaks.
    Lost,
}

/// Everything outside the worker, in one.
struct World {
    acts: Mutex<VecDeque<Act>>,
    /// What happened, in order.
    seen: Mutex<Vec<String>>,
    config_maps: Mutex<Vec<Arc<ConfigMap>>>,
    clock: Arc<Paused>,
}

impl World {
    fn note(&self, what: impl Into<String>) {
        self.seen.lock().expect("unpoisoned").push(what.into());
    }
}

impl ImageStore for World {
    fn ensure(&self, _: PullRequest) -> BoxFuture<'_, Result<Pulled, PullError>> {
        Box::pin(async {
            Ok(Pulled {
                image: Arc::new(Image::nowhere()),
                already_present: true,
                took: Duration::ZERO,
                took_with_waiting: Duration::ZERO,
            })
        })
    }
}

impl LogicalHosts for World {
    fn create(&self, pod: Pod) -> BoxFuture<'_, Result<Arc<LogicalHost>, HostError>> {
        self.note("create host");
        Box::pin(async move { Ok(Arc::new(LogicalHost::of(&pod))) })
    }
    fn release(&self, _: &PodUid) {
        self.note("release host");
    }
}

impl Volumes for World {
    fn mount(
        &self,
        _: Pod,
        _: Arc<Path>,
    ) -> BoxFuture<'_, Result<Arc<dyn PodVolumes>, MountError>> {
        self.note("mount");
        Box::pin(async { Ok(Arc::new(NoVolumes) as Arc<dyn PodVolumes>) })
    }
    fn refresh(&self, _: PodUid) -> BoxFuture<'_, Result<(), MountError>> {
        Box::pin(async { Ok(()) })
    }
    fn exceeded(&self) -> BoxFuture<'_, Vec<(PodUid, String)>> {
        Box::pin(async { Vec::new() })
    }
    fn unmount(&self, _: Pod) -> BoxFuture<'_, Result<(), MountError>> {
        self.note("unmount");
        Box::pin(async { Ok(()) })
    }
}

struct NoVolumes;

impl PodVolumes for NoVolumes {
    fn mounts(&self, _: &Spec, _: &[(String, String)]) -> Result<Vec<ReadyMount>, MountError> {
        Ok(Vec::new())
    }
    fn scratch(&self, container: &Spec, attempt: u32) -> PathBuf {
        PathBuf::from(format!("/nowhere/{}/{attempt}", container.name))
    }
    fn fill(&self, _: &str, _: Arc<Image>) -> BoxFuture<'_, Result<(), MountError>> {
        Box::pin(std::future::ready(Ok(())))
    }
    fn read(&self, _: &str, _: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

impl Logs for World {
    fn sink(&self, _: LogSource) -> Arc<dyn LogSink> {
        Arc::new(Tail)
    }
}

struct Tail;

impl LogSink for Tail {
    fn has_room(&self) -> bool {
        true
    }
    fn room(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
    fn write(&self, _: LogStream, _: &[u8]) {}
    fn close(&self) {}
    fn tail(&self) -> String {
        "the last words".into()
    }
}

impl ConfigSource for World {
    fn config_map(&self, namespace: &str, name: &str) -> Option<Arc<ConfigMap>> {
        let all = self.config_maps.lock().expect("unpoisoned");
        let mut found = all.iter().filter(|map| map.meta.name == name);
        found
            .find(|map| map.meta.namespace.as_str() == namespace)
            .cloned()
    }
    fn secret(&self, _: &str, _: &str) -> Option<Arc<Secret>> {
        None
    }
    fn pod_meta(&self, _: &PodUid) -> Option<crate::model::PodMeta> {
        None
    }
}

impl ServiceSource for World {
    fn services(&self) -> Vec<Arc<Service>> {
        Vec::new()
    }
}

struct Runtime(Arc<World>);

impl ContainerRuntime for Runtime {
    fn start(
        &self,
        request: StartRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Container>, StartError>> {
        let world = Arc::clone(&self.0);
        Box::pin(async move {
            world.note(format!("start {:?}", request.attempt));
            let act = world
                .acts
                .lock()
                .expect("unpoisoned")
                .pop_front()
                .unwrap_or(Act::Stay);
            if matches!(act, Act::Slow) {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                world.note("started after all");
            }
            if matches!(act, Act::Refuse) {
                return Err(StartError::Create("no such import".into()));
            }
            let (ended, exit) = watch::channel(None);
            if let Act::Exit(after, code) = act {
                let (ended, clock) = (ended.clone(), Arc::clone(&world.clock));
                tokio::spawn(async move {
                    tokio::time::sleep(after).await;
                    ended.send_replace(Some(exited(code, &clock)));
                });
            }
            Ok(Arc::new(Fake {
                act,
                world,
                ended,
                exit,
            }) as Arc<dyn Container>)
        })
    }
}

fn exited(code: i32, clock: &Paused) -> Exit {
    Exit {
        code,
        reason: if code == 0 {
            ExitReason::Completed
        } else {
            ExitReason::Error
        },
        message: None,
        at: clock.now(),
    }
}

struct Fake {
    act: Act,
    world: Arc<World>,
    ended: watch::Sender<Option<Exit>>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Container for Fake {
    fn id(&self) -> &str {
        "fake://1"
    }
    fn wait(&self) -> BoxFuture<'static, Exit> {
        let mut exit = self.exit.clone();
        let lost = matches!(self.act, Act::Lost);
        Box::pin(async move {
            assert!(!lost, "the host broke");
            let ended = exit
                .wait_for(Option::is_some)
                .await
                .expect("the sender lives");
            ended.clone().expect("just seen")
        })
    }
    fn usage(&self) -> Usage {
        Usage::default()
    }
    fn signal(&self, signal: Signal) {
        self.world.note(format!("{signal:?}"));
        if signal == Signal::Kill || !matches!(self.act, Act::IgnoreTerm) {
            let code = if signal == Signal::Kill { 137 } else { 143 };
            self.ended
                .send_replace(Some(exited(code, &self.world.clock)));
        }
    }

    /// Every command is found, says where it runs, and ends at once with the number of its words.
    fn exec(&self, request: ExecRequest) -> BoxFuture<'static, Result<Arc<dyn Exec>, ExecError>> {
        self.world
            .note(format!("exec {}", request.command.join(" ")));
        let exit = exited(
            i32::try_from(request.command.len()).expect("few words"),
            &self.world.clock,
        );
        Box::pin(async move { Ok(Arc::new(Ran(exit)) as Arc<dyn Exec>) })
    }
}

/// A command that has ended.
struct Ran(Exit);

impl Exec for Ran {
    fn wait(&self) -> BoxFuture<'static, Exit> {
        let exit = self.0.clone();
        Box::pin(async move { exit })
    }
    fn kill(&self) {}
    fn write_stdin(&self, _: bytes::Bytes) -> BoxFuture<'_, bool> {
        Box::pin(async { false })
    }
    fn close_stdin(&self) {}
}

/// A worker in its world.
struct Test {
    world: Arc<World>,
    orders: mpsc::UnboundedSender<Order>,
    updates: mpsc::UnboundedReceiver<Update>,
    status: Option<PodStatus>,
    running: Arc<RunningContainers>,
    started: tokio::time::Instant,
}

impl Test {
    fn new(policy: RestartPolicy, acts: &[Act]) -> Self {
        Self::of(acts, |spec| spec.restart_policy = policy)
    }

    fn of(acts: &[Act], change: impl FnOnce(&mut crate::model::PodSpec)) -> Self {
        let mut pod = testing::pod();
        change(Arc::get_mut(&mut pod.spec).expect("not shared yet"));
        let started = tokio::time::Instant::now();
        let clock = Arc::new(Paused(started));
        let world = Arc::new(World {
            acts: Mutex::new(acts.iter().copied().collect()),
            seen: Mutex::default(),
            config_maps: Mutex::default(),
            clock: Arc::clone(&clock),
        });
        let running = Arc::<RunningContainers>::default();
        let ports = Ports {
            images: Arc::clone(&world) as _,
            hosts: Arc::clone(&world) as _,
            volumes: Arc::clone(&world) as _,
            runtime: Arc::new(Runtime(Arc::clone(&world))),
            logs: Arc::clone(&world) as _,
            running: Arc::clone(&running),
            clock,
            allocatable: testing::allocatable(),
            configs: Arc::clone(&world) as _,
            services: Arc::clone(&world) as _,
        };
        let (orders, inbox) = mpsc::unbounded_channel();
        let (told, updates) = mpsc::unbounded_channel();
        let base: Arc<Path> = Path::new("/").into();
        tokio::spawn(Worker::new(pod, base, Config::default(), ports, inbox, told).run());
        Self {
            world,
            orders,
            updates,
            status: None,
            running,
            started,
        }
    }

    /// Follows the updates until the status is so; gives the seconds since the start.
    async fn until(&mut self, so: impl Fn(&PodStatus) -> bool) -> u64 {
        loop {
            match self.updates.recv().await.expect("the worker lives") {
                Update::Status(_, status) => {
                    self.status = Some(*status);
                    if self.status.as_ref().is_some_and(&so) {
                        return self.started.elapsed().as_secs();
                    }
                }
                Update::Forgotten(_) => panic!("forgotten: {:?}", self.status),
                Update::Notice(..) => {}
            }
        }
    }

    async fn forgotten(&mut self) {
        while let Some(update) = self.updates.recv().await {
            match update {
                Update::Status(_, status) => self.status = Some(*status),
                Update::Forgotten(_) => return,
                Update::Notice(..) => {}
            }
        }
        panic!("the worker ended without forgetting");
    }

    fn seen(&self) -> Vec<String> {
        self.world.seen.lock().expect("unpoisoned").clone()
    }
}

fn phase(wanted: Phase) -> impl Fn(&PodStatus) -> bool {
    move |status| status.phase == wanted
}

const SOON: Duration = Duration::from_millis(10);
