//! A pod and a machine to drive it: every effect succeeds at once unless the story says otherwise.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::{
    Action, Config, Effect, EffectId, Event, Failure, Hook, Notice, Output, PodMachine, ProbeKind,
};
use crate::model::{
    Attempt, Condition, ConditionStatus, ConditionType, Container, ContainerRestart,
    ContainerState, ContainerStatus, Exit, ExitCodeOperator, ExitReason, Phase, Pod, PodSpec,
    PodStatus, RestartAction, RestartPolicy, RestartRule, Role, Seconds, Time, testing,
};

/// A pod of that restart policy, so far without containers.
pub(super) fn pod(policy: RestartPolicy) -> PodBuilder {
    let mut pod = testing::pod();
    let spec = Arc::make_mut(&mut pod.spec);
    spec.mains.clear();
    spec.restart_policy = policy;
    PodBuilder {
        pod,
        newest: Role::Main,
    }
}

/// A pod under construction.
pub(super) struct PodBuilder {
    pod: Pod,
    /// Where the newest container stands.
    newest: Role,
}

impl PodBuilder {
    pub(super) fn init(self, name: &str) -> Self {
        self.add(Role::Init, name)
    }

    pub(super) fn sidecar(self, name: &str) -> Self {
        self.add(Role::Sidecar, name)
    }

    pub(super) fn main(self, name: &str) -> Self {
        self.add(Role::Main, name)
    }

    fn add(mut self, role: Role, name: &str) -> Self {
        let mut container = testing::container(name);
        container.role = role;
        self.newest = role;
        let spec = Arc::make_mut(&mut self.pod.spec);
        match role {
            Role::Init | Role::Sidecar => spec.init.push(container),
            Role::Main => spec.mains.push(container),
        }
        self
    }

    /// Changes the container that was added last.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Container)) -> Self {
        let spec = Arc::make_mut(&mut self.pod.spec);
        let list = match self.newest {
            Role::Init | Role::Sidecar => &mut spec.init,
            Role::Main => &mut spec.mains,
        };
        change(list.last_mut().expect("a container was added"));
        self
    }

    /// Gives the container that was added last a policy and rules of its own: exit codes and what they do.
    pub(super) fn policy(self, policy: RestartPolicy, rules: &[(i32, RestartAction)]) -> Self {
        let rule = |(code, action): &(i32, RestartAction)| RestartRule {
            action: *action,
            operator: ExitCodeOperator::In,
            values: vec![*code],
        };
        let rules = rules.iter().map(rule).collect();
        self.with(|c| c.restart = Some(ContainerRestart { policy, rules }))
    }

    pub(super) fn spec(mut self, change: impl FnOnce(&mut PodSpec)) -> Self {
        change(Arc::make_mut(&mut self.pod.spec));
        self
    }

    pub(super) fn grace(self, seconds: u64) -> Self {
        self.spec(|spec| spec.grace = Seconds(seconds))
    }

    /// A machine for the pod that was told nothing yet.
    pub(super) fn idle(self) -> Drive {
        Drive::new(self.pod)
    }

    /// The pod, set going.
    pub(super) fn run(self) -> Drive {
        let mut drive = self.idle();
        drive.go();
        drive
    }
}

/// What becomes of an effect.
#[derive(Clone)]
enum Fate {
    Held,
    Fails(Failure),
}

/// The machine, its world and its history.
pub(super) struct Drive {
    pub(super) machine: PodMachine,
    pub(super) pod: Pod,
    pub(super) now: Time,
    fates: HashMap<String, Fate>,
    queue: VecDeque<(EffectId, Effect)>,
    held: Vec<(EffectId, Effect)>,
    /// How often the machine was told something: a planner that spins must fail a test, not hang it.
    steps: u32,
    did: Vec<String>,
    pub(super) notices: Vec<Notice>,
    pub(super) published: Vec<PodStatus>,
    pub(super) forgotten: bool,
}

/// When stories begin: 1000 s after the epoch.
pub(super) const START: Time = Time::from_unix_secs(1_000);

/// How stories name effects.
fn name(effect: &Effect) -> String {
    match effect {
        Effect::MountVolumes => "mount".into(),
        Effect::CreateHost => "create host".into(),
        Effect::Pull {
            container,
            volume: None,
            ..
        } => format!("pull {container}"),
        Effect::Pull {
            container,
            volume: Some(volume),
            ..
        } => format!("pull {container}/{volume}"),
        Effect::Start { attempt, .. } => format!("start {attempt:?}"),
        Effect::RunHook { attempt, hook } => match hook {
            Hook::PostStart => format!("post-start {attempt:?}"),
            Hook::PreStop => format!("pre-stop {attempt:?}"),
        },
        Effect::Terminate { attempt } => format!("term {attempt:?}"),
        Effect::Kill { attempt } => format!("kill {attempt:?}"),
        Effect::ReleaseHost => "release host".into(),
        Effect::UnmountVolumes => "unmount".into(),
    }
}

impl Drive {
    fn new(pod: Pod) -> Self {
        Self {
            machine: PodMachine::new(pod.clone(), Config::default()),
            pod,
            now: START,
            fates: HashMap::new(),
            queue: VecDeque::new(),
            held: Vec::new(),
            steps: 0,
            did: Vec::new(),
            notices: Vec::new(),
            published: Vec::new(),
            forgotten: false,
        }
    }

    /// Sends one event and plays out everything that follows from it at this instant.
    pub(super) fn send(&mut self, event: Event) {
        self.step(event);
        while let Some((id, effect)) = self.queue.pop_front() {
            self.carry_out(id, effect);
        }
    }

    pub(super) fn go(&mut self) {
        self.send(Event::Tick);
    }

    fn step(&mut self, event: Event) {
        self.steps += 1;
        assert!(self.steps < 10_000, "the machine spins: {event:?}");
        let actions = self.machine.step(self.now, event);
        let again = self.machine.step(self.now, Event::Tick);
        assert!(again.is_empty(), "planning twice yields {again:?}");
        for action in actions {
            match action {
                Action::Run(id, effect) => {
                    self.did.push(name(&effect));
                    self.queue.push_back((id, effect));
                }
                Action::Abandon(id) => {
                    let held = self.held.iter().find(|(held, _)| *held == id);
                    let what = held.map_or_else(|| format!("{id:?}"), |(_, e)| name(e));
                    self.did.push(format!("abandon {what}"));
                }
                Action::Publish(status) => self.published.push(*status),
                Action::Record(notice) => self.notices.push(notice),
                Action::Forget => self.forgotten = true,
            }
        }
    }

    fn carry_out(&mut self, id: EffectId, effect: Effect) {
        match self.fate(&name(&effect)) {
            Some(Fate::Held) => self.held.push((id, effect)),
            Some(Fate::Fails(failure)) => self.step(Event::Done {
                id,
                result: Err(failure),
            }),
            None => self.succeed(id, effect),
        }
    }

    /// The fate of that very effect, or of all effects whose name begins so.
    fn fate(&self, name: &str) -> Option<Fate> {
        let fits = |(key, _): &(&String, &Fate)| name.starts_with(key.as_str());
        self.fates.iter().find(fits).map(|(_, fate)| fate.clone())
    }

    fn succeed(&mut self, id: EffectId, effect: Effect) {
        let output = match &effect {
            Effect::CreateHost => Output::Host {
                pod_ip: Some("10.0.0.7".into()),
                host_ip: Some("192.0.2.1".into()),
            },
            Effect::Pull { image, .. } => Output::Image {
                image_id: format!("sha256:{image}"),
                already_present: true,
                size: 1_000,
                took: Duration::from_millis(1_200),
                took_with_waiting: Duration::from_millis(1_200),
            },
            Effect::Start { attempt, .. } => Output::Started {
                container_id: format!("wasm://{attempt:?}"),
                at: self.now,
            },
            _ => Output::Unit,
        };
        self.step(Event::Done {
            id,
            result: Ok(output),
        });
        if let Effect::Kill { attempt } = effect {
            self.step(exited(attempt, 137, self.now));
        }
    }

    /// Effects whose name begins so are asked for, and not answered.
    pub(super) fn hold(&mut self, effects: &str) {
        self.fates.insert(effects.into(), Fate::Held);
    }

    /// Effects whose name begins so fail.
    pub(super) fn fail(&mut self, effects: &str, reason: &'static str) {
        let message = "it is broken".into();
        let fate = Fate::Fails(Failure { reason, message });
        self.fates.insert(effects.into(), fate);
    }

    /// Takes a fate back.
    pub(super) fn heal(&mut self, effects: &str) {
        self.fates.remove(effects);
    }

    /// Lets a held effect end well.
    pub(super) fn release(&mut self, effect: &str) {
        let (id, effect) = self.take_held(effect);
        self.succeed(id, effect);
        self.play();
    }

    /// Lets a held effect end badly.
    pub(super) fn break_off(&mut self, effect: &str, reason: &'static str) {
        self.break_off_saying(effect, reason, "it is broken");
    }

    pub(super) fn break_off_saying(&mut self, effect: &str, reason: &'static str, why: &str) {
        let (id, _) = self.take_held(effect);
        let message = why.into();
        self.send(Event::Done {
            id,
            result: Err(Failure { reason, message }),
        });
    }

    fn take_held(&mut self, wanted: &str) -> (EffectId, Effect) {
        let place = self.held.iter().position(|(_, e)| name(e) == wanted);
        let held = || self.held.iter().map(|(_, e)| name(e)).collect::<Vec<_>>();
        let place = place.unwrap_or_else(|| panic!("{wanted} is not held, but {:?}", held()));
        self.held.remove(place)
    }

    fn play(&mut self) {
        while let Some((id, effect)) = self.queue.pop_front() {
            self.carry_out(id, effect);
        }
    }

    /// The newest instance of the container ends by itself.
    pub(super) fn exit(&mut self, container: &str, code: i32) {
        let attempt = self.attempt(container);
        let event = exited(attempt, code, self.now);
        self.send(event);
    }

    /// The newest instance of the container that a start was asked for.
    pub(super) fn attempt(&self, container: &str) -> Attempt {
        let status = self.container(container);
        let running = matches!(status.state, ContainerState::Running { .. });
        let before =
            status.last_state.is_some() || matches!(status.state, ContainerState::Terminated(_));
        Attempt {
            container: container.into(),
            number: status.restart_count + u32::from(before && !running),
        }
    }

    pub(super) fn probe(&mut self, container: &str, probe: ProbeKind, healthy: bool) {
        let attempt = self.attempt(container);
        self.send(Event::Probed {
            attempt,
            probe,
            healthy,
        });
    }

    pub(super) fn delete(&mut self, grace: Option<u64>) {
        let grace = grace.map(Seconds);
        self.send(Event::Delete { grace });
    }

    /// Lets time pass, waking the machine when it asked for it and not otherwise.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(wake) = self.machine.wake_at().filter(|wake| *wake <= until) {
            self.now = self.now.max(wake);
            self.go();
        }
        self.now = until;
    }

    pub(super) fn pass_secs(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// The effects asked for since this was last asked.
    pub(super) fn did(&mut self) -> Vec<String> {
        std::mem::take(&mut self.did)
    }

    /// Whether the effect was asked for since [`did`](Self::did) was last asked.
    pub(super) fn has_done(&self, effect: &str) -> bool {
        self.did.iter().any(|did| did == effect)
    }

    pub(super) fn status(&self) -> PodStatus {
        self.machine.status()
    }

    pub(super) fn phase(&self) -> Phase {
        self.status().phase
    }

    pub(super) fn container(&self, name: &str) -> ContainerStatus {
        let PodStatus { init, mains, .. } = self.status();
        let mut all = init.into_iter().chain(mains);
        all.find(|c| c.name.as_str() == name).expect("it exists")
    }

    /// `Running`, `Waiting Reason` or `Terminated Reason code`.
    pub(super) fn state(&self, container: &str) -> String {
        match self.container(container).state {
            ContainerState::Waiting { reason, .. } => format!("Waiting {reason}"),
            ContainerState::Running { .. } => "Running".into(),
            ContainerState::Terminated(t) => format!("Terminated {} {}", t.reason, t.exit_code),
        }
    }

    /// The detail of a waiting container.
    pub(super) fn waiting_message(&self, container: &str) -> String {
        match self.container(container).state {
            ContainerState::Waiting { message, .. } => message.unwrap_or_default(),
            other => panic!("{container} is not waiting but {other:?}"),
        }
    }

    pub(super) fn condition(&self, kind: ConditionType) -> Condition {
        let conditions = self.status().conditions;
        let found = conditions.into_iter().find(|c| c.kind == kind);
        found.expect("the condition exists")
    }

    /// `True`, or `False` with reason and message, as far as there are any.
    pub(super) fn says(&self, kind: ConditionType) -> String {
        let condition = self.condition(kind);
        let status = match condition.status {
            ConditionStatus::True => "True",
            ConditionStatus::False => "False",
        };
        let details = [condition.reason, condition.message];
        let details = details.into_iter().flatten();
        let words: Vec<String> = std::iter::once(status.into()).chain(details).collect();
        words.join(": ")
    }

    /// `Reason: message` of every notice so far.
    pub(super) fn told(&self) -> Vec<String> {
        let told = |n: &Notice| format!("{}: {}", n.reason, n.message);
        self.notices.iter().map(told).collect()
    }

    pub(super) fn was_told(&self, notice: &str) -> bool {
        self.told().iter().any(|told| told == notice)
    }

    /// How long from now until the machine wants to be woken.
    pub(super) fn sleeps(&self) -> Option<Duration> {
        self.machine.wake_at().map(|at| at - self.now)
    }
}

/// An instance that ends by itself, the reason as a runtime gives it.
pub(super) fn exited(attempt: Attempt, code: i32, at: Time) -> Event {
    let reason = if code == 0 {
        ExitReason::Completed
    } else {
        ExitReason::Error
    };
    let message = None;
    Event::Exited {
        attempt,
        exit: Exit {
            code,
            reason,
            message,
            at,
        },
    }
}
