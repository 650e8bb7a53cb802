//! `peapod run`: pods from manifests, until each has ended.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, LogSettings, Settings, registry_settings};
use crate::clock::RealClock;
use crate::engine::{Backoff, Config};
use crate::images::{Overrides, normalise};
use crate::logs::{Retention, Rotation};
use crate::machine;
use crate::model::{PodUid, Seconds, Time};
use crate::network::NetworkSettings;
use crate::ports::Clock as _;
use crate::sandbox::{HostSettings, Publish};
use crate::store::{Change, ChangeKind, Object, StoredPod, Version};

use super::args::{Global, Prefix, Run};
use super::input::{self, Inputs};
use super::output::Printer;
use super::status_line::StatusLine;
use super::{complain, exit, publish, summary, warn};

/// A volume that cannot be removed is tried again for ever by its pod's machine; a command has to end.
const RELEASE_MAX: Duration = Duration::from_secs(10);

/// Threads beside those on which guests compute.
const SPARE_THREADS: usize = 2;

pub(super) fn run(args: Run, global: &Global) -> anyhow::Result<u8> {
    let now = RealClock::new().now();
    let inputs = match input::read(&args.files, args.service_cidr, now) {
        Ok(inputs) => inputs,
        Err(faults) => return Ok(refuse(&faults)),
    };
    if inputs.pods.is_empty() {
        return Ok(refuse(&["no pods in these manifests".into()]));
    }
    let data_dir = global.data_dir()?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Guests that compute take one a core at most; what must not wait for them finds a thread all the same.
        .worker_threads(cores + SPARE_THREADS)
        .enable_all()
        .build()?;
    let status = runtime.block_on(run_pods(args, inputs, data_dir, now));
    // Threads may hang in a file operation of a guest that is gone.
    runtime.shutdown_background();
    status
}

pub(super) fn refuse(faults: &[String]) -> u8 {
    for fault in faults {
        complain(format_args!("{fault}"));
    }
    exit::REFUSED
}

async fn run_pods(args: Run, inputs: Inputs, data_dir: PathBuf, now: Time) -> anyhow::Result<u8> {
    let overrides = overrides(&args)?;
    if let Err(faults) = input::check_images(&inputs.pods, &overrides) {
        return Ok(refuse(&faults));
    }
    let registries = registry_settings(&data_dir)?;
    let publish = match published(&args, &inputs) {
        Ok(publish) => publish,
        Err(faults) => return Ok(refuse(&faults)),
    };
    let containers = inputs
        .pods
        .iter()
        .map(|input| input.loaded.pod.spec.containers().count())
        .sum();
    allow_open_files();
    let allocatable = args.capacity.unwrap_or_default();
    let allocatable = allocatable.on(machine::allocatable(&data_dir));
    let mut app = App::start(Settings {
        network: NetworkSettings {
            pod_cidr: args.pod_cidr,
            service_cidr: args.service_cidr,
            ..NetworkSettings::default()
        },
        hosts: HostSettings {
            publish,
            egress: args.egress.clone(),
            // None is what a machine without a resolver has.
            resolv_conf: std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default(),
        },
        data_dir,
        engine: config(&args),
        overrides,
        registries,
        toolbox: args.toolbox.clone(),
        logs: log_settings(&args),
        containers,
        allocatable,
        node_labels: machine::labels()
            .into_iter()
            .chain(args.node_labels)
            .collect(),
    })?;
    let prefix = match args.prefix {
        Prefix::Always => true,
        Prefix::Never => false,
        Prefix::Auto => containers > 1,
    };
    // What pods look for first of all has to be there before them.
    for config_map in inputs.config_maps {
        app.add_config_map(config_map)?;
    }
    for secret in inputs.secrets {
        app.add_secret(secret)?;
    }
    for service in inputs.services {
        app.add_service(service)?;
    }
    let mut pods = Vec::with_capacity(inputs.pods.len());
    for input in inputs.pods {
        pods.push(input.loaded.pod.meta.uid.clone());
        app.add(input.loaded, input.base_dir)?;
    }
    let printer = Printer::new(prefix, args.events, args.output.is_some(), now);
    let mut session = Session {
        pods,
        last: HashMap::new(),
        gone: HashSet::new(),
        seen: 0,
        printer,
        line: StatusLine::new(),
        why: None,
    };
    session.follow(&mut app, args.timeout).await;
    let ended = session.release(&mut app).await;
    match args.output {
        Some(format) => match summary::objects(&ended, format) {
            // A reader that went away has seen all it wanted.
            Err(error) if is_broken_pipe(&error) => {}
            printed => printed?,
        },
        None if std::io::IsTerminal::is_terminal(&std::io::stdout()) => {
            // A reader that went away has seen all it wanted.
            let _ignored = summary::print_table(&ended, app.clock.now());
        }
        None => {}
    }
    Ok(match session.why {
        Some(Stopped::Interrupted) => exit::INTERRUPTED,
        Some(Stopped::TimedOut) => exit::TIMED_OUT,
        None if summary::all_succeeded(&ended) => exit::OK,
        None => exit::FAILED,
    })
}

/// Files, and the machine's sockets behind doors, are counted by the soft limit, which most systems set for a shell, not for a host.
fn allow_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, getrlimit, setrlimit};
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // The limit that there is will do, only for fewer.
        let _ignored = setrlimit(Resource::Nofile, limit);
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
}

fn config(args: &Run) -> Config {
    Config {
        restarts: Backoff {
            base: args.backoff_base.min(args.backoff_cap),
            cap: args.backoff_cap,
            ..Backoff::default()
        },
        ..Config::default()
    }
}

const fn log_settings(args: &Run) -> LogSettings {
    LogSettings {
        rotation: Rotation {
            max_bytes: args.log_max_size,
            max_files: args.log_max_files,
        },
        retention: Retention {
            max_bytes: args.log_keep_size,
            max_age: args.log_keep_for,
        },
    }
}

fn published(args: &Run, inputs: &Inputs) -> Result<Vec<Publish>, Vec<String>> {
    let pods: Vec<_> = inputs.pods.iter().map(|input| &input.loaded.pod).collect();
    let services: Vec<_> = inputs.services.iter().map(|one| &one.service).collect();
    publish::resolve(&args.publish, &pods, &services)
}

fn overrides(args: &Run) -> anyhow::Result<Overrides> {
    let mut overrides = Overrides::new();
    for (name, file) in &args.images {
        let file = std::path::absolute(file)?;
        if let Ok(full) = normalise(name) {
            overrides.insert(full, file.clone());
        }
        overrides.insert(name.clone(), file);
    }
    Ok(overrides)
}

/// Why the pods were not left to end by themselves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopped {
    Interrupted,
    TimedOut,
}

/// One run as its user sees it.
struct Session {
    pods: Vec<PodUid>,
    /// Every pod as it was last.
    last: HashMap<PodUid, StoredPod>,
    /// Pods that were released and removed.
    gone: HashSet<PodUid>,
    seen: Version,
    printer: Printer,
    line: StatusLine,
    why: Option<Stopped>,
}

impl Session {
    /// Shows what happens until every pod is terminal.
    async fn follow(&mut self, app: &mut App, timeout: Option<Duration>) {
        let mut versions = app.store.versions();
        let mut signals = Signals::new();
        let deadline = async move {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(deadline);
        loop {
            self.catch_up(app);
            if self.pods.iter().all(|uid| self.is_terminal(uid)) {
                return;
            }
            tokio::select! {
                lines = app.logs.next() => {
                    let printer = &mut self.printer;
                    self.line.aside(|| printer.lines(lines));
                    if self.printer.closed && self.why.is_none() {
                        self.stop(app, Stopped::Interrupted);
                    }
                }
                Some(event) = app.happened.recv() => {
                    let printer = &self.printer;
                    self.line.aside(|| printer.event(&event));
                }
                Some(warning) = app.warnings.recv() => {
                    self.line.aside(|| warn(format_args!("{warning}")));
                }
                Ok(()) = app.compiling.changed() => {
                    let names = app.compiling.borrow_and_update().clone();
                    self.line.compiling(&names);
                }
                Ok(()) = app.pulling.changed() => {
                    let transfers = app.pulling.borrow_and_update().clone();
                    self.line.pulling(&transfers);
                }
                Ok(()) = versions.changed() => {}
                () = signals.next() => self.stop(app, Stopped::Interrupted),
                () = &mut deadline, if self.why.is_none() => self.stop(app, Stopped::TimedOut),
            }
        }
    }

    /// Deletes every pod: gracefully at first, at once when asked again.
    fn stop(&mut self, app: &App, why: Stopped) {
        let grace = self.why.map(|_| Seconds(0));
        self.why.get_or_insert(why);
        for pod in &self.pods {
            let _ignored = app.store.delete(pod, app.clock.now(), grace);
        }
    }

    /// Takes in what changed. From the log of changes, not by a look at the store: a pod that was deleted may be terminal and gone
    /// between two looks.
    fn catch_up(&mut self, app: &App) {
        match app.store.since(self.seen) {
            Ok(changes) => {
                for Change { kind, object } in changes {
                    self.seen = object.version();
                    // Services, ConfigMaps and Secrets do not hold a run open.
                    let Object::Pod(pod) = object else {
                        continue;
                    };
                    let uid = pod.pod.meta.uid.clone();
                    if kind == ChangeKind::Deleted {
                        self.gone.insert(uid.clone());
                    }
                    self.last.insert(uid, pod);
                }
            }
            Err(_) => {
                let (version, there) = app.store.list();
                self.seen = version;
                self.gone = self.pods.iter().cloned().collect();
                for pod in there.iter().filter_map(Object::as_pod) {
                    let uid = pod.pod.meta.uid.clone();
                    self.gone.remove(&uid);
                    self.last.insert(uid, pod.clone());
                }
            }
        }
    }

    fn is_terminal(&self, uid: &PodUid) -> bool {
        let status = self.last.get(uid).and_then(|pod| pod.status.as_ref());
        self.gone.contains(uid) || status.is_some_and(|status| status.phase.is_terminal())
    }

    /// Lets go of what the pods hold, shows what is left to show, and gives the pods as they ended.
    async fn release(&mut self, app: &mut App) -> Vec<StoredPod> {
        self.line.clear();
        let mut versions = app.store.versions();
        for uid in &self.pods {
            let _ignored = app.store.delete(uid, app.clock.now(), None);
        }
        // The status that is shown at the end is the last one: what comes after the terminal phase belongs to it.
        let released = async {
            loop {
                self.catch_up(app);
                if self.gone.len() == self.pods.len() || versions.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(RELEASE_MAX, released).await.is_err() {
            complain(format_args!("not everything of the pods could be removed"));
        }
        let lines = app.logs.now();
        self.printer.lines(lines);
        while let Ok(event) = app.happened.try_recv() {
            self.printer.event(&event);
        }
        while let Ok(warning) = app.warnings.try_recv() {
            warn(format_args!("{warning}"));
        }
        let last = &mut self.last;
        let pods = self.pods.iter().filter_map(|uid| last.remove(uid));
        // The deletion is this command's housekeeping, not something that happened to the pod.
        let interrupted = self.why.is_some();
        pods.map(|pod| StoredPod {
            deletion: pod.deletion.filter(|_| interrupted),
            ..pod
        })
        .collect()
    }
}

/// Ctrl-C, and what a service manager sends.
struct Signals {
    #[cfg(unix)]
    term: Option<tokio::signal::unix::Signal>,
    interrupt: Arc<tokio::sync::Notify>,
}

impl Signals {
    fn new() -> Self {
        let interrupt = Arc::new(tokio::sync::Notify::new());
        let told = Arc::clone(&interrupt);
        tokio::spawn(async move {
            let mut times = 0;
            while tokio::signal::ctrl_c().await.is_ok() {
                times += 1;
                if times > 2 {
                    // Nothing else has helped: the reader of our output may have stopped reading, and printing waits for it.
                    std::process::exit(exit::INTERRUPTED.into());
                }
                told.notify_one();
            }
        });
        Self {
            #[cfg(unix)]
            term: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok(),
            interrupt,
        }
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        {
            let term = async {
                let received = match &mut self.term {
                    Some(term) => term.recv().await,
                    None => None,
                };
                if received.is_none() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::select! {
                () = self.interrupt.notified() => {}
                () = term => {}
            }
        }
        #[cfg(not(unix))]
        self.interrupt.notified().await;
    }
}
