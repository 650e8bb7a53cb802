//! The [`ContainerRuntime`] of components.

use std::io;
use std::sync::Arc;

use cap_std::fs::Dir;
use tokio::sync::watch;

use super::code::CodeCache;
use super::cpu::Cpu;
use super::exec::{Inside, Toolbox};
use super::file_mounts::{Access, MountedFile};
use super::mounts::MountTable;
use super::process::{ContainerShared, INIT, KILL, Process, TERM};
use super::root;
use super::share::PodLimits;
use super::stdio::Stdio;
use super::stream::Stream;
use super::termination;
use crate::budget::Memory;
use crate::model::{Exit, ExitReason, Protocol};
use crate::ports::{
    BoxFuture, Clock, Container, ContainerRuntime, Exec, ExecError, ExecRequest, LogStream,
    MountSource, Signal, StartError, StartRequest, Usage,
};

/// Where a server listens whose container names no port.
const HTTP_PORT: u16 = 8080;

/// Starts components as containers.
pub struct WasmRuntime {
    code: Arc<CodeCache>,
    toolbox: Arc<Toolbox>,
    clock: Arc<dyn Clock>,
    pods: PodLimits,
}

impl WasmRuntime {
    /// A runtime over that code; commands that containers do not have are the toolbox's.
    pub fn new(code: Arc<CodeCache>, toolbox: Toolbox, clock: Arc<dyn Clock>) -> Self {
        Self {
            code,
            toolbox: Arc::new(toolbox),
            clock,
            pods: PodLimits::default(),
        }
    }

    async fn create(&self, request: StartRequest) -> Result<WasmContainer, StartError> {
        let image = &request.image;
        let program = self
            .code
            .load_image(image, &request.image_name())
            .await
            .map_err(|error| StartError::Create(error.to_string()))?;
        let mounts = mount_table(&request)
            .map_err(|(what, error)| StartError::Create(format!("{what}: {error}")))?;
        let allowance = self.pods.allow(&request, self.code.cores());
        let (memory, cpu) = (Arc::clone(&allowance.memory), Arc::clone(&allowance.cpu));
        let stdin_open = request.stdin.then(|| Stream::pipe(&memory));
        let stdio = Stdio {
            stdin: stdin_open
                .as_ref()
                .map_or(Stream::Null, |(reader, _)| reader.clone()),
            stdout: Stream::Log(Arc::clone(&request.log), LogStream::Stdout),
            stderr: Stream::Log(Arc::clone(&request.log), LogStream::Stderr),
        };
        let shared = ContainerShared::new(
            Arc::clone(&self.code),
            program,
            mounts,
            Arc::clone(&request.host),
            allowance,
            request.http_port(),
        );
        let inside = Inside::new(&shared, &request, &self.toolbox, &self.clock);
        let spec = request.pod.spec.container(&request.attempt.container);
        if let Some(spec) = spec {
            inside.prepare(spec).await;
        }
        let launch = shared
            .first(
                request.args.clone(),
                request.env.clone(),
                &request.working_dir,
                stdio,
            )
            .await
            .map_err(StartError::Run)?;
        share_memory(&request, &memory);
        let init = shared
            .start(0, launch)
            .map_err(|_| StartError::Run("no first process".into()))?;
        let id = format!("wasm://{}", uuid::Uuid::new_v4().simple());
        let (ended, exit) = watch::channel(None);
        let clock = Arc::clone(&self.clock);
        tokio::spawn(supervise(shared, Arc::clone(&init), request, clock, ended));
        Ok(WasmContainer {
            id,
            init,
            inside,
            exit,
            memory,
            cpu,
            _stdin: stdin_open.map(|(_, writer)| writer),
        })
    }
}

impl StartRequest {
    /// What the image is called in messages.
    fn image_name(&self) -> String {
        self.pod
            .spec
            .container(&self.attempt.container)
            .map_or_else(
                || self.image.id.clone(),
                |container| container.image.clone(),
            )
    }

    /// Where a program that only handles HTTP requests listens: the first TCP port the container names.
    fn http_port(&self) -> u16 {
        let container = self.pod.spec.container(&self.attempt.container);
        let ports = container.map_or(&[][..], |container| &container.ports);
        ports
            .iter()
            .find(|port| port.protocol == Protocol::Tcp)
            .map_or(HTTP_PORT, |port| port.port)
    }
}

impl ContainerRuntime for WasmRuntime {
    fn start(
        &self,
        request: StartRequest,
    ) -> BoxFuture<'_, Result<Arc<dyn Container>, StartError>> {
        Box::pin(async move {
            let container = self.create(request).await?;
            Ok(Arc::new(container) as Arc<dyn Container>)
        })
    }
}

struct WasmContainer {
    id: String,
    init: Arc<Process>,
    inside: Arc<Inside>,
    exit: watch::Receiver<Option<Exit>>,
    memory: Arc<Memory>,
    cpu: Arc<Cpu>,
    /// The other end of a standard input that stays open.
    _stdin: Option<Stream>,
}

impl Container for WasmContainer {
    fn id(&self) -> &str {
        &self.id
    }

    fn wait(&self) -> BoxFuture<'static, Exit> {
        let mut exit = self.exit.clone();
        Box::pin(async move {
            loop {
                if let Some(exit) = exit.borrow_and_update().clone() {
                    return exit;
                }
                if exit.changed().await.is_err() {
                    // The host is shutting down and took the supervisor with it; there is nobody left to tell.
                    std::future::pending::<()>().await;
                }
            }
        })
    }

    fn usage(&self) -> Usage {
        Usage {
            cpu: self.cpu.used(),
            memory: self.memory.used(),
            memory_peak: self.memory.peak(),
        }
    }

    fn signal(&self, signal: Signal) {
        self.init.signal(match signal {
            Signal::Term => TERM,
            Signal::Kill => KILL,
        });
    }

    fn exec(&self, request: ExecRequest) -> BoxFuture<'static, Result<Arc<dyn Exec>, ExecError>> {
        let inside = Arc::clone(&self.inside);
        Box::pin(async move { inside.exec(request).await })
    }
}

/// What the container puts into volumes in memory is its own.
fn share_memory(request: &StartRequest, memory: &Arc<Memory>) {
    let volumes = request.mounts.iter().filter_map(|m| m.memory.clone());
    let volumes: Vec<_> = volumes.collect();
    if volumes.is_empty() {
        return;
    }
    volumes.iter().for_each(|volume| volume.enter(memory));
    memory.before_refusal(move || volumes.iter().for_each(|volume| volume.look()));
}

/// Waits for the first process, ends the others, and tells how the container ended.
async fn supervise(
    shared: Arc<ContainerShared>,
    init: Arc<Process>,
    request: StartRequest,
    clock: Arc<dyn Clock>,
    ended: watch::Sender<Option<Exit>>,
) {
    let status = init.status().await;
    shared.end().await;
    for volume in request.mounts.iter().filter_map(|m| m.memory.as_ref()) {
        volume.leave(&shared.memory);
    }
    request.log.close();
    let reason = if shared.memory.exceeded() && status != 0 {
        ExitReason::OomKilled
    } else if status == 0 {
        ExitReason::Completed
    } else {
        ExitReason::Error
    };
    let code = if reason == ExitReason::OomKilled {
        128 + KILL
    } else {
        status
    };
    let message = termination::read(&shared.mounts, &request.termination_message_path);
    let at = clock.now();
    // The instance's own files end with it; its volumes do not.
    let scratch = request.scratch.clone();
    drop(request);
    let removed = tokio::task::spawn_blocking(move || crate::tree::remove(&scratch)).await;
    if let Ok(Err(error)) = removed {
        tracing::debug!(%error, "a container's root is left behind");
    }
    let exit = if init.is_lost() {
        Exit::lost(at)
    } else {
        Exit {
            code: i32::try_from(code & 0xff).unwrap_or(255),
            reason,
            message,
            at,
        }
    };
    ended.send_replace(Some(exit));
}

/// The root, the mounts and a fresh termination message file.
fn mount_table(request: &StartRequest) -> Result<MountTable, (String, io::Error)> {
    let root = root::create(request).map_err(|error| ("container root".to_owned(), error))?;
    // Mount points are made before the root may turn read-only, each in what covers it.
    let mut mounts = mount_all(&root, false, request)?;
    let message = &request.termination_message_path;
    let what = |error| (format!("file {message}"), error);
    make_dir(&mounts, parent(message)).map_err(what)?;
    let own = termination::make(&mut mounts, &request.scratch, message).map_err(what)?;
    if !request.read_only_root {
        return Ok(mounts);
    }
    let mut sealed = mount_all(&root, true, request)?;
    // The termination message is a mount of its own in Kubernetes, writable whatever the root is.
    let file = match own {
        Some(own) => own,
        None => {
            let file = mounts.open(message, Access::READ).map_err(what)?;
            MountedFile::new(&file, false).map_err(what)?
        }
    };
    sealed.add_file(message, file).map_err(what)?;
    Ok(sealed)
}

fn mount_all(
    root: &Dir,
    sealed: bool,
    request: &StartRequest,
) -> Result<MountTable, (String, io::Error)> {
    let base = |error| ("container root".to_owned(), error);
    let mut mounts = MountTable::new(root, sealed).map_err(base)?;
    // Before the volumes, which may cover it.
    if let Some(null) = MountedFile::null() {
        mounts.add_file("/dev/null", null).map_err(base)?;
    }
    for mount in &request.mounts {
        let what = |error| (format!("mount point {}", mount.path), error);
        let folder = match mount.source {
            MountSource::Dir(_) => &mount.path,
            MountSource::File(_) => parent(mount.path.trim_end_matches('/')),
        };
        make_dir(&mounts, folder).map_err(what)?;
        mounts.add_source(mount).map_err(what)?;
    }
    Ok(mounts)
}

fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(parent, _)| parent)
}

/// Makes a directory in whatever covers it; nothing is made in a mount that is read-only.
fn make_dir(mounts: &MountTable, path: &str) -> io::Result<()> {
    let (dir, rest, read_only): (&Dir, _, _) = mounts.resolve(path);
    if read_only && !dir.is_dir(&rest) {
        return Err(io::ErrorKind::ReadOnlyFilesystem.into());
    }
    root::make_dir(dir, &rest)
}

/// A container's first process is always pid 1.
const _: () = assert!(INIT == 1);
