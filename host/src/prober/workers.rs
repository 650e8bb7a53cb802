//! A worker per container and probe: its ticks, its runs, its reports.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::http::Get;
use super::judge::{Judge, Look, Next};
use super::{Outcome, VERSION, dial, exec, grpc, port};
use crate::engine::{Notice, NoticeKind, ProbeKind};
use crate::model::{
    Attempt, Container as Spec, ContainerName, Pod, PodSpec, PortRef, Probe, ProbeHandler, Time,
};
use crate::ports::{Clock, Container, LogicalHost};

/// How often a probe that could not be run is tried before nothing is made of it (rule D7).
const TRIES: usize = 3;

/// Workers begin at multiples of this: a thousand of them are woken twenty times a second, not a thousand times.
const GRID: Duration = Duration::from_millis(50);

/// Reports of one pod that wait for its worker; probes wait while there are more.
const REPORTS_MAX: usize = 16;

/// An instance that can be asked.
#[derive(Clone)]
pub struct Instance {
    /// Which.
    pub attempt: Attempt,
    /// The instance itself, for commands.
    pub container: Arc<dyn Container>,
    /// Its pod's logical host, for everything else.
    pub host: Arc<LogicalHost>,
}

/// What probes see of a container: its published status.
#[derive(Clone, Default)]
pub struct Sight {
    /// The instance that runs, and since when.
    pub running: Option<(Instance, Time)>,
    /// It is past its startup probe.
    pub started: bool,
    /// It takes traffic.
    pub ready: bool,
    /// The pod is coming to its end.
    pub ending: bool,
}

/// What a probe has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A stored result changed (rule D5).
    Verdict {
        /// About which instance.
        attempt: Attempt,
        /// By which probe.
        probe: ProbeKind,
        /// To what.
        healthy: bool,
    },
    /// A raw result that a user is to be told (rules D7, D10, D16).
    Notice(Notice),
}

/// The probes of one pod; they end when it is dropped.
pub struct PodProbes {
    sights: Vec<(ContainerName, watch::Sender<Sight>)>,
    reports: mpsc::Receiver<Report>,
    _workers: JoinSet<()>,
}

impl PodProbes {
    /// Starts a worker for each probe of the pod; none if it has none. Their ticks are counted from now (rule D3).
    pub fn start(pod: &Pod, clock: &Arc<dyn Clock>) -> Option<Self> {
        let (told, reports) = mpsc::channel(REPORTS_MAX);
        let mut workers = JoinSet::new();
        let mut sights = Vec::new();
        for (at, spec) in pod.spec.containers().enumerate() {
            let probes = &spec.probes;
            let (sight, seen) = watch::channel(Sight::default());
            for (kind, probe) in [
                (ProbeKind::Startup, &probes.startup),
                (ProbeKind::Liveness, &probes.liveness),
                (ProbeKind::Readiness, &probes.readiness),
            ] {
                let Some(probe) = probe else { continue };
                let worker = Worker {
                    pod: Arc::clone(&pod.spec),
                    container: at,
                    kind,
                    judge: Judge::new(kind, probe.clone()),
                    seen: seen.clone(),
                    told: told.clone(),
                    clock: Arc::clone(clock),
                };
                workers.spawn(worker.work(probe.period.duration()));
            }
            if !sight.is_closed() {
                sights.push((spec.name.clone(), sight));
            }
        }
        drop(told);
        (!workers.is_empty()).then_some(Self {
            sights,
            reports,
            _workers: workers,
        })
    }

    /// Shows a container's status as it is now. A container that has started and is not ready is asked at once whether it is, each time
    /// this is called (rule D3).
    pub fn show(&self, container: &ContainerName, sight: Sight) {
        let found = self.sights.iter().find(|(name, _)| name == container);
        if let Some((_, seen)) = found {
            seen.send_replace(sight);
        }
    }

    /// The next report; nothing once no probe will ever report again.
    pub async fn report(&mut self) -> Option<Report> {
        self.reports.recv().await
    }
}

struct Worker {
    pod: Arc<PodSpec>,
    /// Which of the pod's containers.
    container: usize,
    kind: ProbeKind,
    judge: Judge,
    seen: watch::Receiver<Sight>,
    told: mpsc::Sender<Report>,
    clock: Arc<dyn Clock>,
}

impl Worker {
    async fn work(mut self, period: Duration) {
        let mut ticks = interval_at(Instant::now() + to_grid(self.clock.now()), period);
        // As a Go ticker: a run that took long is followed by one at once, and then by the old rhythm.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let watches = self.kind == ProbeKind::Readiness;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = self.seen.changed(), if watches => match changed {
                    Ok(()) if self.is_awaited() => {}
                    Ok(()) => continue,
                    Err(_) => return,
                }
            }
            if !self.tick().await {
                return;
            }
        }
    }

    /// Started, and only this probe keeps it from being ready.
    fn is_awaited(&mut self) -> bool {
        let seen = self.seen.borrow_and_update();
        seen.started && !seen.ready
    }

    /// One tick. Answers whether there is to be another.
    async fn tick(&mut self) -> bool {
        let now = self.clock.now();
        let instance = {
            let seen = self.seen.borrow_and_update();
            let running = seen.running.as_ref();
            let look = Look {
                running: running.map(|(instance, since)| (&instance.attempt, *since)),
                started: seen.started,
                ending: seen.ending,
            };
            match (self.judge.look(now, look), running) {
                (Next::Run, Some((instance, _))) => instance.clone(),
                (Next::Run | Next::Wait, _) => return true,
                (Next::Stop, _) => return false,
            }
        };
        // Boxed: of thousands of workers that wait for their tick, each would else be as large as a request under way.
        let outcome = Box::pin(self.probe(&instance)).await;
        let (healthy, told) = match outcome {
            Outcome::Success => (Some(true), None),
            Outcome::Warning(text) => (Some(true), Some(("ProbeWarning", "probe warning", text))),
            Outcome::Failure(text) => (Some(false), Some(("Unhealthy", "probe failed", text))),
            Outcome::Errored(text) => {
                let what = "probe errored and resulted in unknown state";
                (None, Some(("Unhealthy", what, text)))
            }
        };
        if let Some((reason, what, text)) = told {
            let notice = self.notice(reason, format!("{} {what}: {text}", title(self.kind)));
            if self.told.send(Report::Notice(notice)).await.is_err() {
                return false;
            }
        }
        let Some(healthy) = healthy.and_then(|healthy| self.judge.take(healthy)) else {
            return true;
        };
        let verdict = Report::Verdict {
            attempt: instance.attempt,
            probe: self.kind,
            healthy,
        };
        self.told.send(verdict).await.is_ok()
    }

    async fn probe(&self, instance: &Instance) -> Outcome {
        let mut outcome = Outcome::Success;
        let (Some(spec), Some(probe)) = (self.spec(), self.settings()) else {
            return outcome;
        };
        for _ in 0..TRIES {
            outcome = run(spec, probe, instance).await;
            if !matches!(outcome, Outcome::Errored(_)) {
                break;
            }
        }
        outcome
    }

    fn spec(&self) -> Option<&Spec> {
        self.pod.containers().nth(self.container)
    }

    fn settings(&self) -> Option<&Probe> {
        let probes = &self.spec()?.probes;
        match self.kind {
            ProbeKind::Startup => probes.startup.as_ref(),
            ProbeKind::Liveness => probes.liveness.as_ref(),
            ProbeKind::Readiness => probes.readiness.as_ref(),
        }
    }

    fn notice(&self, reason: &'static str, message: String) -> Notice {
        Notice {
            container: self.spec().map(|spec| (spec.role, spec.name.clone())),
            kind: NoticeKind::Warning,
            reason,
            message,
        }
    }
}

/// How long it is to the next multiple of [`GRID`].
fn to_grid(now: Time) -> Duration {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let since = now.unix_nanos() % nanos(GRID);
    let left = (nanos(GRID) - since) % nanos(GRID);
    Duration::from_nanos(left)
}

/// How events call a probe (rule D16).
const fn title(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Startup => "Startup",
        ProbeKind::Liveness => "Liveness",
        ProbeKind::Readiness => "Readiness",
    }
}

async fn run(spec: &Spec, probe: &Probe, instance: &Instance) -> Outcome {
    let net = &instance.host.net;
    let timeout = probe.timeout.duration();
    match &probe.handler {
        ProbeHandler::Exec(command) => {
            exec::probe(&instance.container, spec, command, timeout).await
        }
        ProbeHandler::HttpGet(http) => {
            match Get::new(http, spec, net, &format!("kube-probe/{VERSION}")) {
                Ok(get) => get.probe(net, timeout).await,
                Err(why) => Outcome::Errored(why),
            }
        }
        ProbeHandler::TcpSocket { host, port } => {
            tcp(spec, instance, host.as_deref(), port, timeout).await
        }
        ProbeHandler::Grpc { port, service } => grpc::probe(net, *port, service, timeout).await,
    }
}

/// A connection is enough (rule D11).
async fn tcp(
    spec: &Spec,
    instance: &Instance,
    host: Option<&str>,
    port: &PortRef,
    timeout: Duration,
) -> Outcome {
    let net = &instance.host.net;
    let port = match port::resolve(port, spec) {
        Ok(port) => port,
        Err(why) => return Outcome::Errored(why),
    };
    let own = net.ip().to_string();
    let host = host.unwrap_or(&own);
    match tokio::time::timeout(timeout, dial::dial(net, host, port)).await {
        Ok(Ok(_)) => Outcome::Success,
        Ok(Err(why)) => Outcome::Failure(why),
        Err(_) => Outcome::Failure(format!("dial tcp {host}:{port}: i/o timeout")),
    }
}
