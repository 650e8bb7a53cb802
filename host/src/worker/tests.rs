//! The loop, under paused time and with fakes of every port.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::{Order, Ports, RunningContainers, Update, Worker};
use crate::engine::Config;
use crate::model::{
    ConfigKind, ConfigMap, ConfigRef, Container as Spec, EnvFrom, Exit, ExitReason, Phase, Pod,
    PodStatus, PodUid, RestartPolicy, Seconds, Secret, Service, Time, testing,
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
    fn in_memory(&self) -> crate::model::Bytes {
        crate::model::Bytes(0)
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
        Box::pin(async move {
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

#[tokio::test(start_paused = true)]
async fn b2_a_pod_that_succeeds_is_forgotten_once_deleted() {
    let mut test = Test::new(RestartPolicy::Never, &[Act::Exit(SOON, 0)]);
    test.until(phase(Phase::Succeeded)).await;
    test.orders.send(Order::Delete(None)).expect("heard");
    test.forgotten().await;
    assert_eq!(
        test.seen(),
        [
            "mount",
            "create host",
            "start c#0",
            "release host",
            "unmount"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn b9_restarts_wait_0_10_20_and_40_seconds() {
    let acts = [Act::Exit(SOON, 1); 5];
    let mut test = Test::new(RestartPolicy::Always, &acts);
    let mut times = Vec::new();
    for restarts in 1..=4 {
        times.push(
            test.until(|status| status.mains[0].restart_count == restarts)
                .await,
        );
    }
    assert_eq!(times, [0, 10, 30, 70]);
}

#[tokio::test(start_paused = true)]
async fn b15_the_message_falls_back_to_the_log() {
    let mut test = Test::of(&[Act::Exit(SOON, 1)], |spec| {
        spec.mains[0].termination_message_policy =
            crate::model::TerminationMessagePolicy::FallbackToLogsOnError;
    });
    test.until(phase(Phase::Failed)).await;
    let status = test.status.expect("seen");
    let crate::model::ContainerState::Terminated(ended) = &status.mains[0].state else {
        panic!("{:?}", status.mains[0].state);
    };
    assert_eq!(ended.message.as_deref(), Some("the last words"));
}

#[tokio::test(start_paused = true)]
async fn f4_kill_comes_when_the_grace_is_over() {
    let mut test = Test::new(RestartPolicy::Always, &[Act::IgnoreTerm]);
    test.until(phase(Phase::Running)).await;
    let asked = test.started.elapsed();
    test.orders
        .send(Order::Delete(Some(Seconds(7))))
        .expect("heard");
    test.forgotten().await;
    assert_eq!((test.started.elapsed() - asked).as_secs(), 7);
    assert_eq!(
        test.seen(),
        [
            "mount",
            "create host",
            "start c#0",
            "Term",
            "Kill",
            "release host",
            "unmount"
        ]
    );
    assert_eq!(test.status.expect("seen").phase, Phase::Failed, "B4");
}

#[tokio::test(start_paused = true)]
async fn f2_a_second_delete_shortens_the_grace() {
    let mut test = Test::new(RestartPolicy::Always, &[Act::IgnoreTerm]);
    test.until(phase(Phase::Running)).await;
    test.orders
        .send(Order::Delete(Some(Seconds(600))))
        .expect("heard");
    tokio::time::sleep(Duration::from_secs(5)).await;
    test.orders
        .send(Order::Delete(Some(Seconds(0))))
        .expect("heard");
    test.forgotten().await;
    assert!(
        test.started.elapsed().as_secs() <= 8,
        "{:?}",
        test.started.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn b6_a_start_that_fails_is_told_and_tried_again() {
    let mut test = Test::new(RestartPolicy::Never, &[Act::Refuse, Act::Exit(SOON, 0)]);
    let refused = |status: &PodStatus| {
        matches!(&status.mains[0].state, crate::model::ContainerState::Waiting { reason, message }
            if reason == "CreateContainerError" && message.as_deref() == Some("no such import"))
    };
    test.until(refused).await;
    test.until(phase(Phase::Succeeded)).await;
}

#[tokio::test(start_paused = true)]
async fn h5_a_container_waits_for_its_config_map_and_starts_when_it_is_there() {
    let mut test = Test::of(&[Act::Exit(SOON, 0)], |spec| {
        spec.mains[0].env_from = vec![EnvFrom {
            prefix: String::new(),
            object: ConfigRef {
                kind: ConfigKind::ConfigMap,
                name: "late".into(),
                optional: false,
            },
        }];
    });
    let missing = |status: &PodStatus| {
        matches!(&status.mains[0].state, crate::model::ContainerState::Waiting { reason, message }
            if reason == "CreateContainerConfigError" && message.as_deref() == Some("configmap \"late\" not found"))
    };
    test.until(missing).await;
    assert_eq!(test.seen(), ["mount", "create host"], "nothing was started");
    tokio::time::sleep(Duration::from_secs(300)).await;
    let late = Arc::new(testing::config_map("late", &[("A", "b")]));
    test.world
        .config_maps
        .lock()
        .expect("unpoisoned")
        .push(late);
    let before = test.started.elapsed();
    test.until(phase(Phase::Succeeded)).await;
    let waited = test.started.elapsed() - before;
    assert!(waited < Duration::from_secs(2), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_delete_does_not_wait_for_a_slow_start() {
    let mut test = Test::new(RestartPolicy::Always, &[Act::Slow]);
    tokio::time::sleep(SOON).await;
    test.orders.send(Order::Delete(None)).expect("heard");
    test.forgotten().await;
    assert!(test.started.elapsed().as_secs() < 5);
    assert_eq!(
        test.seen(),
        [
            "mount",
            "create host",
            "start c#0",
            "release host",
            "unmount"
        ]
    );
}

fn command(words: &str) -> ExecRequest {
    ExecRequest {
        command: words.split_whitespace().map(str::to_owned).collect(),
        stdin: false,
        tty: false,
        size: None,
        output: Arc::new(Tail),
    }
}

#[tokio::test(start_paused = true)]
async fn l15_a_command_runs_in_a_running_container_and_in_no_other() {
    let mut test = Test::new(RestartPolicy::Never, &[Act::Stay]);
    let (pod, c, x) = ("uid".into(), "c".into(), "x".into());
    let refused = |name: &str| ExecError::NotRunning(name.to_owned());
    let early = test.running.exec(&pod, &c, command("true")).await;
    assert_eq!(early.err(), Some(refused("c")));
    assert_eq!(refused("c").to_string(), "container not found (\"c\")");
    test.until(phase(Phase::Running)).await;
    let exec = test.running.exec(&pod, &c, command("ls -l /")).await;
    let Ok(exec) = exec else { panic!("it runs") };
    assert_eq!(exec.wait().await.code, 3);
    let other = test.running.exec(&pod, &x, command("ls")).await;
    assert_eq!(other.err(), Some(refused("x")));
    let other = test.running.exec(&"other".into(), &c, command("ls")).await;
    assert_eq!(other.err(), Some(refused("c")));
    test.orders.send(Order::Delete(None)).expect("heard");
    test.forgotten().await;
    let late = test.running.exec(&pod, &c, command("ls")).await;
    assert_eq!(late.err(), Some(refused("c")));
    let commands = test
        .seen()
        .into_iter()
        .filter(|what| what.starts_with("exec"));
    assert_eq!(commands.collect::<Vec<_>>(), ["exec ls -l /"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_host_goes_away_ends_at_rest() {
    let test = Test::new(RestartPolicy::Never, &[Act::Exit(SOON, 0)]);
    let Test {
        orders,
        mut updates,
        ..
    } = test;
    drop(orders);
    while updates.recv().await.is_some() {}
}

#[tokio::test(start_paused = true)]
async fn f10_an_evicted_pod_is_killed_after_its_short_grace_and_its_object_stays() {
    let mut test = Test::new(RestartPolicy::Always, &[Act::IgnoreTerm]);
    test.until(phase(Phase::Running)).await;
    let asked = test.started.elapsed();
    let (reason, message) = ("Evicted", "it holds too much".to_owned());
    test.orders
        .send(Order::Evict { reason, message })
        .expect("heard");
    test.until(phase(Phase::Failed)).await;
    assert_eq!((test.started.elapsed() - asked).as_secs(), 2, "E3");
    let status = test.status.clone().expect("seen");
    assert_eq!(status.reason.as_deref(), Some("Evicted"));
    assert_eq!(status.message.as_deref(), Some("it holds too much"));
    assert_eq!(
        test.seen()[3..],
        ["Term", "Kill", "release host", "unmount"]
    );
}

/// A pod whose only container has these.
fn probed(change: impl FnOnce(&mut Spec)) -> Test {
    Test::of(&[Act::Stay; 4], |spec| {
        spec.restart_policy = RestartPolicy::Always;
        change(&mut spec.mains[0]);
    })
}

fn is_ready(status: &PodStatus) -> bool {
    status.mains[0].ready
}

#[tokio::test(start_paused = true)]
async fn d6_a_liveness_probe_that_fails_restarts_the_container() {
    // Nothing listens, so every 10 seconds the connection is refused.
    let mut test = probed(|spec| spec.probes.liveness = Some(testing::probe()));
    let restarted = |status: &PodStatus| status.mains[0].restart_count == 1;
    assert_eq!(test.until(restarted).await, 30);
    assert!(test.seen().ends_with(&["Term".into(), "start c#1".into()]));
}

#[tokio::test(start_paused = true)]
async fn d13_a_startup_probes_own_grace_ends_a_container_that_ignores_term() {
    let mut test = Test::of(&[Act::IgnoreTerm, Act::Stay], |spec| {
        spec.restart_policy = RestartPolicy::Always;
        spec.grace = Seconds(600);
        let probe = testing::probe();
        spec.mains[0].probes.startup = Some(crate::model::Probe {
            failure_threshold: 1,
            termination_grace: Some(Seconds(5)),
            ..probe
        });
    });
    let restarted = |status: &PodStatus| status.mains[0].restart_count == 1;
    assert_eq!(test.until(restarted).await, 15, "the tick of second 10");
}

#[tokio::test(start_paused = true)]
async fn d12_a_container_without_a_passed_readiness_probe_is_not_ready() {
    let mut test = probed(|spec| spec.probes.readiness = Some(testing::probe()));
    test.until(phase(Phase::Running)).await;
    let ready = tokio::time::timeout(Duration::from_secs(600), test.until(is_ready)).await;
    assert!(ready.is_err(), "nothing listens");
    assert_eq!(test.status.expect("seen").mains[0].restart_count, 0);
}

#[tokio::test(start_paused = true)]
async fn e1_e6_a_post_start_hook_that_sleeps_holds_back_the_start() {
    let mut test = probed(|spec| {
        spec.hooks.post_start = Some(crate::model::HookHandler::Sleep(Seconds(7)));
    });
    assert_eq!(test.until(phase(Phase::Running)).await, 7);
}

#[tokio::test(start_paused = true)]
async fn e1_e7_a_tcp_socket_post_start_hook_has_the_container_killed() {
    let mut test = probed(|spec| {
        spec.hooks.post_start = Some(crate::model::HookHandler::TcpSocket);
    });
    let failed = |status: &PodStatus| {
        matches!(&status.mains[0].state, crate::model::ContainerState::Waiting { reason, .. }
            if reason == "PostStartHookError")
    };
    test.until(failed).await;
    test.until(|status| status.mains[0].last_state.is_some())
        .await;
    assert!(test.seen().contains(&"Term".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn e2_e6_a_pre_stop_hook_that_sleeps_comes_before_term() {
    let mut test = probed(|spec| {
        spec.hooks.pre_stop = Some(crate::model::HookHandler::Sleep(Seconds(7)));
    });
    test.until(phase(Phase::Running)).await;
    let asked = test.started.elapsed();
    test.orders.send(Order::Delete(None)).expect("heard");
    test.forgotten().await;
    assert_eq!((test.started.elapsed() - asked).as_secs(), 7);
}

#[tokio::test(start_paused = true)]
async fn e2_a_pre_stop_hook_is_given_up_when_the_grace_is_over() {
    let mut test = probed(|spec| {
        spec.hooks.pre_stop = Some(crate::model::HookHandler::Sleep(Seconds(20)));
    });
    test.until(phase(Phase::Running)).await;
    let asked = test.started.elapsed();
    let grace = Some(Seconds(3));
    test.orders.send(Order::Delete(grace)).expect("heard");
    test.forgotten().await;
    assert_eq!((test.started.elapsed() - asked).as_secs(), 3);
}
