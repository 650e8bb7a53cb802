//! Processes of one container: every one is an instance of its own, with a pid, a parent and a status to wait for.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tokio::sync::watch;
use tokio_util::task::TaskTracker;
use wasmtime::Store;
use wasmtime_wasi::I32Exit;

use super::code::CodeCache;
use super::cpu::{Cpu, metered};
use super::guest::Guest;
use super::http;
use super::limits::{OutOfMemory, Share};
use super::lookup::KnownProgram;
use super::mounts::MountTable;
use super::program::{Entry, Program};
use super::share::Allowance;
use super::signals::SignalQueue;
use super::stdio::Stdio;
use super::stream::Stream;
use crate::budget::Memory;
use crate::ports::LogicalHost;

/// SIGKILL.
pub(super) const KILL: u32 = 9;
/// SIGTERM.
pub(super) const TERM: u32 = 15;
/// SIGCHLD, SIGCONT, SIGURG and SIGWINCH: their default action is none.
const HARMLESS: [u32; 4] = [17, 18, 23, 28];
/// What a shell reports for death by SIGABRT: how a trap ends.
const TRAPPED: u32 = 134;
/// Processes of one container at a time; a fork bomb ends here.
const PROCESSES_MAX: usize = 1024;
/// The container's first process.
pub(super) const INIT: u32 = 1;

/// What all processes of one container share.
pub(super) struct ContainerShared {
    pub(super) code: Arc<CodeCache>,
    /// The container's own component.
    pub(super) image: Arc<Program>,
    pub(super) mounts: Arc<MountTable>,
    /// The pod's logical host.
    pub(super) host: Arc<LogicalHost>,
    pub(super) memory: Arc<Memory>,
    pub(super) cpu: Arc<Cpu>,
    /// Programs in the container's root that were run before, by path.
    pub(super) digests: Mutex<HashMap<PathBuf, KnownProgram>>,
    /// How many programs of its root were loaded.
    pub(super) programs: AtomicUsize,
    /// Where a program that handles HTTP requests listens.
    pub(super) http_port: u16,
    /// The toolbox, once a command from outside needed it.
    pub(super) toolbox: OnceLock<Arc<Program>>,
    table: Mutex<Table>,
    /// Everything that runs a guest; the container is gone when these are.
    pub(super) tasks: TaskTracker,
}

#[derive(Default)]
struct Table {
    /// The container ends: what is started now would escape the killing.
    closed: bool,
    last_pid: u32,
    /// Sessions so far: those of pids that were used again are told apart by it.
    sessions: u64,
    processes: HashMap<u32, Arc<Process>>,
}

/// One process.
pub(super) struct Process {
    pub(super) pid: u32,
    parent: AtomicU32,
    /// What it was started for: the container itself or a command from outside, with all that these started.
    session: u64,
    pub(super) container: Arc<ContainerShared>,
    pub(super) signals: Arc<SignalQueue>,
    /// What it runs now.
    program: Mutex<Arc<Program>>,
    args: Mutex<Vec<String>>,
    started: Instant,
    takes_signals: AtomicBool,
    serves: AtomicBool,
    /// The signal it is to die by; 0: none.
    death: watch::Sender<u32>,
    /// The signal at which a server is to stop once it has answered what it was asked; 0: none.
    leave: watch::Sender<u32>,
    /// Its exit status, once it has ended.
    status: watch::Sender<Option<u32>>,
    /// What ran it broke: the status is nothing that it said.
    lost: AtomicBool,
}

/// What a process runs.
#[derive(Clone)]
pub(super) struct Launch {
    pub(super) program: Arc<Program>,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) working_dir: String,
    pub(super) stdio: Stdio,
}

/// Why there is no new process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoProcess {
    /// The process table is full.
    TooMany,
    /// The container ends.
    Ended,
}

impl ContainerShared {
    pub(super) fn new(
        code: Arc<CodeCache>,
        image: Arc<Program>,
        mounts: MountTable,
        host: Arc<LogicalHost>,
        allowance: Allowance,
        http_port: u16,
    ) -> Arc<Self> {
        let shared = Arc::new(Self {
            code,
            image,
            mounts: Arc::new(mounts),
            host,
            memory: allowance.memory,
            cpu: allowance.cpu,
            digests: Mutex::default(),
            programs: AtomicUsize::new(0),
            http_port,
            toolbox: OnceLock::new(),
            table: Mutex::default(),
            tasks: TaskTracker::new(),
        });
        // As under a kubelet (memory.oom.group): the whole container goes, not one process of it.
        let weak = Arc::downgrade(&shared);
        shared.memory.on_exceeded(move || {
            let shared: Option<Arc<Self>> = weak.upgrade();
            let init = shared.and_then(|shared| shared.process(INIT));
            init.iter().for_each(|init| init.die(KILL));
        });
        shared
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process; one without a parent (0) begins a session.
    #[expect(clippy::disallowed_methods, reason = "only shown, as a process's age")]
    pub(super) fn start(
        self: &Arc<Self>,
        parent: u32,
        launch: Launch,
    ) -> Result<Arc<Process>, NoProcess> {
        let mut table = self.table();
        if table.closed {
            return Err(NoProcess::Ended);
        }
        if table.processes.len() >= PROCESSES_MAX {
            return Err(NoProcess::TooMany);
        }
        let session = match table.processes.get(&parent) {
            Some(parent) => parent.session,
            None => {
                table.sessions += 1;
                table.sessions
            }
        };
        let mut pid = table.last_pid;
        loop {
            pid = if pid == u32::MAX { 2 } else { pid + 1 };
            if !table.processes.contains_key(&pid) {
                break;
            }
        }
        table.last_pid = pid;
        let process = Arc::new(Process {
            pid,
            parent: AtomicU32::new(parent),
            session,
            container: Arc::clone(self),
            signals: Arc::default(),
            program: Mutex::new(Arc::clone(&launch.program)),
            args: Mutex::new(launch.args.clone()),
            started: Instant::now(),
            takes_signals: AtomicBool::new(launch.program.takes_signals),
            serves: AtomicBool::new(launch.program.entry.serves()),
            death: watch::Sender::new(0),
            leave: watch::Sender::new(0),
            status: watch::Sender::new(None),
            lost: AtomicBool::new(false),
        });
        table.processes.insert(pid, Arc::clone(&process));
        drop(table);
        self.tasks.spawn(run(Arc::clone(&process), launch));
        Ok(process)
    }

    pub(super) fn process(&self, pid: u32) -> Option<Arc<Process>> {
        self.table().processes.get(&pid).cloned()
    }

    /// Every process, by pid.
    pub(super) fn processes(&self) -> Vec<Arc<Process>> {
        let mut list: Vec<_> = self.table().processes.values().cloned().collect();
        list.sort_by_key(|process| process.pid);
        list
    }

    /// A child that was waited for leaves the table.
    pub(super) fn reap(&self, pid: u32) {
        self.table().processes.remove(&pid);
    }

    /// Whether the container has ended, or is about to.
    pub(super) fn ended(&self) -> bool {
        self.table().closed
    }

    /// The processes of a session that run.
    pub(super) fn session(&self, session: u64) -> Vec<Arc<Process>> {
        let mut list = self.processes();
        list.retain(|process| process.session == session && process.status_now().is_none());
        list
    }

    /// Kills whatever still runs and waits until it is gone.
    pub(super) async fn end(&self) {
        self.table().closed = true;
        for process in self.processes() {
            process.die(KILL);
        }
        self.tasks.close();
        self.tasks.wait().await;
        // Each of them holds the container that holds it: without this, nothing of a container would ever be given back.
        self.table().processes.clear();
    }

    /// Children of a process that ended have nobody to wait for them any more: those that ended too go at once, others when they end.
    fn orphan(&self, parent: u32) {
        let mut table = self.table();
        table.processes.retain(|_, process| {
            if process.parent.load(Ordering::Acquire) != parent {
                return true;
            }
            process.parent.store(0, Ordering::Release);
            process.status.borrow().is_none()
        });
    }
}

impl Process {
    pub(super) fn parent(&self) -> u32 {
        self.parent.load(Ordering::Acquire)
    }

    /// Its session.
    pub(super) fn session(&self) -> u64 {
        self.session
    }

    /// What it runs now.
    pub(super) fn program(&self) -> Arc<Program> {
        Arc::clone(&self.program.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn args(&self) -> Vec<String> {
        self.args
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn set_program(&self, program: &Arc<Program>) {
        *self.program.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(program);
    }

    fn set_args(&self, args: Vec<String>) {
        *self.args.lock().unwrap_or_else(PoisonError::into_inner) = args;
    }

    pub(super) fn age_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn takes_signals(&self) -> bool {
        self.takes_signals.load(Ordering::Acquire)
    }

    /// Its exit status, if it has ended.
    pub(super) fn status_now(&self) -> Option<u32> {
        *self.status.borrow()
    }

    /// Waits for its exit status.
    pub(super) async fn status(&self) -> u32 {
        let mut status = self.status.subscribe();
        match status.wait_for(Option::is_some).await {
            Ok(status) => status.unwrap_or(128 + KILL),
            // The sender lives in `self`.
            Err(_) => 128 + KILL,
        }
    }

    /// Whether nobody knows how it ended (rule B5).
    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Acquire)
    }

    /// Whether it is a server of HTTP requests.
    pub(super) fn serves(&self) -> bool {
        self.serves.load(Ordering::Acquire)
    }

    /// Delivers a signal: KILL ends it; any other goes to a process that takes signals, and has its default action on one that does not.
    /// A server ends by it, too, but first answers what it was asked.
    pub(super) fn signal(&self, number: u32) {
        if number != KILL && self.takes_signals() {
            self.signals.push(number);
        } else if HARMLESS.contains(&number) {
        } else if number != KILL && self.serves() {
            set_first(&self.leave, number);
        } else {
            self.die(number);
        }
    }

    /// The signal it is to die by, if there is one.
    pub(super) fn dies(&self) -> Option<u32> {
        Some(*self.death.borrow()).filter(|signal| *signal != 0)
    }

    fn die(&self, number: u32) {
        set_first(&self.death, number);
    }

    /// The signal at which a server is to stop.
    pub(super) async fn leaves(&self) -> u32 {
        let mut leave = self.leave.subscribe();
        match leave.wait_for(|signal| *signal != 0).await {
            Ok(signal) => *signal,
            // The sender lives in `self`.
            Err(_) => KILL,
        }
    }
}

/// Only the first signal counts.
fn set_first(signal: &watch::Sender<u32>, number: u32) {
    signal.send_if_modified(|signal| {
        let first = *signal == 0;
        if first {
            *signal = number;
        }
        first
    });
}

/// How one instance ended.
enum Ended {
    Exit(u32),
    Becomes(Box<Launch>),
}

/// Runs when what it is kept beside panics.
struct OnPanic<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)();
        }
    }
}

async fn run(process: Arc<Process>, mut launch: Launch) {
    // Or whoever waits for it would wait for ever: its container could neither be restarted nor stopped.
    let _told = OnPanic(|| {
        process.lost.store(true, Ordering::Release);
        process.status.send_replace(Some(128 + KILL));
    });
    let mut death = process.death.subscribe();
    let status = loop {
        let ended = tokio::select! {
            biased;
            killed = death.wait_for(|signal| *signal != 0) => {
                // Dropping the other branch drops the store: whatever the guest was in is over.
                Ended::Exit(128 + killed.map_or(KILL, |signal| *signal))
            }
            ended = instance(&process, &launch) => ended,
        };
        match ended {
            Ended::Exit(status) => break status,
            Ended::Becomes(next) => {
                process
                    .takes_signals
                    .store(next.program.takes_signals, Ordering::Release);
                process
                    .serves
                    .store(next.program.entry.serves(), Ordering::Release);
                process.set_program(&next.program);
                process.set_args(next.args.clone());
                if !next.program.takes_signals {
                    // What the program before did not take has its default action now.
                    while let Some(number) = process.signals.take() {
                        process.signal(number);
                    }
                }
                launch = *next;
            }
        }
    };
    // Before the status is seen: a reader of this process's pipes must find them closed once it is said to have ended.
    drop(launch);
    process.container.orphan(process.pid);
    process.set_args(Vec::new());
    process.status.send_replace(Some(status));
    if process.parent() == 0 && process.pid != INIT {
        process.container.reap(process.pid);
    }
}

async fn instance(process: &Arc<Process>, launch: &Launch) -> Ended {
    if launch.program.entry.serves() {
        return Ended::Exit(http::serve(process, launch).await);
    }
    let memory = Share::new(Arc::clone(&process.container.memory));
    let (mut store, result) = metered(&process.container.cpu, call(process, launch, memory)).await;
    if let Some(next) = store.data_mut().becomes.take() {
        return Ended::Becomes(Box::new(next));
    }
    drop(store);
    match result {
        Ok(Ok(())) => Ended::Exit(0),
        Ok(Err(())) => Ended::Exit(1),
        // Before the death that its container dies of it: the log is to say why.
        Err(error) if error.is::<OutOfMemory>() => {
            Ended::Exit(failed(&error, &launch.stdio.stderr).await)
        }
        Err(_) if process.dies().is_some() => Ended::Exit(128 + process.dies().unwrap_or(KILL)),
        Err(error) => Ended::Exit(failed(&error, &launch.stdio.stderr).await),
    }
}

/// Makes an instance and calls what it exports.
async fn call(
    process: &Arc<Process>,
    launch: &Launch,
    memory: Share,
) -> (Store<Guest>, wasmtime::Result<Result<(), ()>>) {
    let engine = launch.program.engine.wasmtime();
    let mut store = Guest::store(engine, process, launch, memory);
    let result = match &launch.program.entry {
        Entry::P2(pre) => match pre.instantiate_async(&mut store).await {
            Ok(command) => command.wasi_cli_run().call_run(&mut store).await,
            Err(error) => Err(error),
        },
        Entry::P3(pre) => match pre.instantiate_async(&mut store).await {
            Ok(command) => store
                .run_concurrent(async |accessor| command.wasi_cli_run().call_run(accessor).await)
                .await
                .and_then(|result| result),
            Err(error) => Err(error),
        },
        Entry::Http(_) => Err(wasmtime::format_err!("a server is no command")),
    };
    (store, result)
}

/// The status of a run that ended in an error: `exit`, too much memory, or a trap, which is told on standard error.
async fn failed(error: &wasmtime::Error, stderr: &Stream) -> u32 {
    if let Some(I32Exit(code)) = error.downcast_ref() {
        return code.cast_unsigned() & 0xff;
    }
    let (text, status) = if error.downcast_ref::<OutOfMemory>().is_some() {
        (format!("{OutOfMemory}\n"), 128 + KILL)
    } else {
        (trap_text(error), TRAPPED)
    };
    // Nobody may be reading any more; the status is reported all the same.
    let _ignored = stderr.write(text.as_bytes()).await;
    status
}

/// The trap's text, its causes and the wasm backtrace; never a backtrace of the host, which `{:?}` would print under RUST_BACKTRACE.
pub(super) fn trap_text(error: &wasmtime::Error) -> String {
    let mut text = format!("{error}\n");
    for (depth, cause) in error.chain().skip(1).enumerate() {
        if depth == 0 {
            text.push_str("\nCaused by:\n");
        }
        text.push_str(&format!("    {cause}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::OnPanic;

    #[test]
    fn b5_a_panic_is_told_to_whoever_waits_and_an_ordinary_end_is_not_a_panic() {
        let told = Cell::new(0);
        drop(OnPanic(|| told.set(told.get() + 1)));
        assert_eq!(told.get(), 0);
        let broken = catch_unwind(AssertUnwindSafe(|| {
            let _told = OnPanic(|| told.set(told.get() + 1));
            panic!("the host broke");
        }));
        assert!(broken.is_err());
        assert_eq!(told.get(), 1);
    }
}
