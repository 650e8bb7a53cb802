//! Commands from outside in a running container: another process of its table, with streams of its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::{OnceCell, watch};

use super::bindings::peapod::pod::process::ErrorCode;
use super::commands::Commands;
use super::lookup::{Found, fit};
use super::mounts::normalise;
use super::process::{ContainerShared, KILL, Launch, NoProcess, Process};
use super::program::Program;
use super::stdio::Stdio;
use super::stream::Stream;
use super::terminal::{Key, Terminal};
use crate::model::{Container, Exit, ExitReason, HookHandler, ImagePullPolicy, ProbeHandler};
use crate::ports::{
    Began, BoxFuture, Clock, Exec, ExecError, ExecRequest, Image, ImageStore, LogSink, LogStream,
    PullError, PullRequest, StartRequest, TerminalSize,
};

/// SIGINT.
const INT: u32 = 2;
/// SIGQUIT.
const QUIT: u32 = 3;
/// SIGWINCH.
const WINCH: u32 = 28;
/// The annotation by which a pod names another toolbox, or `none`.
const TOOLBOX: &str = "peapod.dev/toolbox";
/// What there is instead of a toolbox.
pub const NO_TOOLBOX: &str = "none";
/// Where commands are looked for in a container whose environment has no PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where commands come from that a container does not have itself.
pub struct Toolbox {
    images: Arc<dyn ImageStore>,
    /// The image of pods that do not name one.
    reference: String,
    commands: Commands,
}

impl Toolbox {
    /// A toolbox that is looked up among those images when it is first needed; the reference `none` is none. It is never pulled.
    pub fn new(images: Arc<dyn ImageStore>, reference: String) -> Self {
        Self {
            images,
            reference,
            commands: Commands::default(),
        }
    }

    /// The image, if it is there.
    async fn image(&self, reference: &str, command: &str) -> Result<Arc<Image>, ExecError> {
        let request = PullRequest {
            reference: reference.to_owned(),
            policy: ImagePullPolicy::Never,
            // A toolbox that is a file is named by its whole path.
            base_dir: std::path::Path::new("/").into(),
            namespace: String::new(),
            secrets: Vec::new(),
            began: Began::default(),
        };
        let pulled = self.images.ensure(request).await;
        pulled
            .map(|pulled| pulled.image)
            .map_err(|error| match error {
                PullError::NeverPull(_) => ExecError::NoToolbox {
                    command: command.to_owned(),
                    toolbox: reference.to_owned(),
                },
                error => unusable(reference, &error),
            })
    }
}

/// What commands need of the container they run in.
pub(super) struct Inside {
    shared: Arc<ContainerShared>,
    container: String,
    image: Arc<Image>,
    env: Vec<(String, String)>,
    working_dir: String,
    toolbox: Arc<Toolbox>,
    /// The pod's own word about the toolbox.
    annotation: Option<String>,
    /// The toolbox, once a command needed it.
    opened: OnceCell<(Arc<Program>, Arc<Image>)>,
    clock: Arc<dyn Clock>,
}

impl Inside {
    pub(super) fn new(
        shared: &Arc<ContainerShared>,
        request: &StartRequest,
        toolbox: &Arc<Toolbox>,
        clock: &Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            container: request.attempt.container.as_str().to_owned(),
            image: Arc::clone(&request.image),
            env: request.env.clone(),
            working_dir: normalise(&request.working_dir),
            toolbox: Arc::clone(toolbox),
            annotation: request.pod.meta.annotations.get(TOOLBOX).cloned(),
            opened: OnceCell::new(),
            clock: Arc::clone(clock),
        })
    }

    /// Starts a command.
    pub(super) async fn exec(&self, request: ExecRequest) -> Result<Arc<dyn Exec>, ExecError> {
        if self.shared.ended() {
            return Err(self.not_running());
        }
        let env = self.environment(&request);
        if !fit(&request.command, &env) {
            return Err(ExecError::Start("argument list too long".into()));
        }
        let (stdio, input) = streams(&request, &self.shared);
        let (program, args) = self.look_up(request.command, &stdio.stderr).await?;
        let launch = Launch {
            program,
            args,
            env,
            working_dir: self.working_dir.clone(),
            stdio,
        };
        let process = self.shared.start(0, launch).map_err(|error| match error {
            NoProcess::Ended => self.not_running(),
            NoProcess::TooMany => {
                ExecError::Start("the container has as many processes as it may have".into())
            }
        })?;
        let (ended, exit) = watch::channel(None);
        tokio::spawn(supervise(
            Arc::clone(&process),
            request.output,
            Arc::clone(&self.clock),
            ended,
        ));
        Ok(Arc::new(Command {
            process,
            input: Mutex::new(input),
            exit,
        }))
    }

    /// Makes ready what the container's probes and hooks run, before it starts: a toolbox that is compiled at its first use would take its time
    /// from a hook's grace. What is not found now may be there when it is run, and is told then.
    pub(super) async fn prepare(&self, container: &Container) {
        let Container { probes, hooks, .. } = container;
        let probes = [&probes.startup, &probes.liveness, &probes.readiness];
        let probes = probes.into_iter().flatten();
        let probes = probes.filter_map(|probe| match &probe.handler {
            ProbeHandler::Exec(command) => Some(command),
            _ => None,
        });
        let hooks = [&hooks.post_start, &hooks.pre_stop].into_iter().flatten();
        let hooks = hooks.filter_map(|hook| match hook {
            HookHandler::Exec(command) => Some(command),
            _ => None,
        });
        for command in probes.chain(hooks) {
            let found = self.look_up(command.clone(), &Stream::Null).await;
            if let Err(error) = found {
                tracing::debug!(container = self.container, %error, "a probe's or hook's command");
            }
        }
    }

    /// The container's environment; the terminal's kind is what it is for any pod. WASI has no way to ask for its size, so that it is told
    /// here as shells tell it; a program that starts later in a window of another size is told the old one.
    fn environment(&self, request: &ExecRequest) -> Vec<(String, String)> {
        let mut env = self.env.clone();
        if !request.tty {
            return env;
        }
        if !env.iter().any(|(name, _)| name == "TERM") {
            env.push(("TERM".into(), "xterm".into()));
        }
        // A terminal that does not know its size says 0.
        let size = request
            .size
            .filter(|size| size.columns > 0 && size.rows > 0);
        if let Some(TerminalSize { columns, rows }) = size {
            for (name, value) in [("COLUMNS", columns), ("LINES", rows)] {
                env.retain(|(other, _)| other != name);
                env.push((name.into(), value.to_string()));
            }
        }
        env
    }

    fn not_running(&self) -> ExecError {
        ExecError::NotRunning(self.container.clone())
    }

    /// The program a command line means, with the arguments it gets: a file of the container, else the container's own component, else the
    /// toolbox.
    async fn look_up(
        &self,
        args: Vec<String>,
        stderr: &Stream,
    ) -> Result<(Arc<Program>, Vec<String>), ExecError> {
        let Some(word) = args.first().filter(|word| !word.is_empty()).cloned() else {
            return Err(ExecError::NotFound(String::new()));
        };
        let mut refused = None;
        for path in self.paths(&word) {
            let mut args = args.clone();
            match self.shared.find(path.clone(), &mut args, stderr).await {
                Ok(Found::Program(program)) => return Ok((program, args)),
                Ok(Found::Interpreter(interpreter)) => {
                    return Ok((self.answering(&interpreter).await?, args));
                }
                Err(ErrorCode::NoEntry | ErrorCode::NotDirectory) => {}
                Err(error) => {
                    refused.get_or_insert((path, error));
                }
            }
        }
        match (self.answering(&word).await, refused) {
            (Ok(program), _) => Ok((program, args)),
            // What stands there says more than that nobody else answers.
            (Err(ExecError::NotFound(_)), Some((path, error))) => Err(ExecError::Start(format!(
                "exec: \"{path}\": {}",
                why(error)
            ))),
            (Err(error), _) => Err(error),
        }
    }

    /// Where a command's first word may stand in the container's root, as execvp(3) has it.
    fn paths(&self, word: &str) -> Vec<String> {
        let absolute = |path: &str| normalise(&format!("{}/{path}", self.working_dir));
        if word.starts_with('/') {
            return vec![normalise(word)];
        }
        if word.contains('/') {
            return vec![absolute(word)];
        }
        let path = self.env.iter().find(|(name, _)| name == "PATH");
        let path = path.map_or(PATH, |(_, value)| value.as_str());
        let file = |folder: &str| match folder.strip_prefix('/') {
            Some(_) => normalise(&format!("{folder}/{word}")),
            None => absolute(&format!("{folder}/{word}")),
        };
        path.split(':').map(file).collect()
    }

    /// Whoever answers to the last segment of a path that leads to no file.
    async fn answering(&self, path: &str) -> Result<Arc<Program>, ExecError> {
        let last = path.rsplit('/').next().unwrap_or_default();
        let name = last.strip_suffix(".wasm").unwrap_or(last);
        let own = self.image.entrypoint.iter().chain(&self.image.cmd).next();
        let is_own = own.is_some_and(|own| own.rsplit('/').next() == Some(name));
        let commands = &self.toolbox.commands;
        if is_own
            || commands
                .of(&self.image)
                .await
                .is_some_and(|names| names.contains(name))
        {
            return Ok(Arc::clone(&self.shared.image));
        }
        let reference = self.annotation.as_ref().unwrap_or(&self.toolbox.reference);
        if reference == NO_TOOLBOX {
            return Err(ExecError::NotFound(path.to_owned()));
        }
        let open = || self.open_toolbox(reference, path);
        let (program, image) = self.opened.get_or_try_init(open).await?;
        match commands.of(image).await {
            Some(names) if !names.contains(name) => Err(ExecError::NotFound(path.to_owned())),
            // One that does not say what it answers to says so when it is run.
            _ => Ok(Arc::clone(program)),
        }
    }

    async fn open_toolbox(
        &self,
        reference: &str,
        command: &str,
    ) -> Result<(Arc<Program>, Arc<Image>), ExecError> {
        let image = self.toolbox.image(reference, command).await?;
        let load = {
            let (code, image) = (Arc::clone(&self.shared.code), Arc::clone(&image));
            let reference = reference.to_owned();
            async move { code.load_image(&image, &reference).await }
        };
        // A probe has given up long before a toolbox is compiled: it must not begin anew with each.
        let program = match tokio::spawn(load).await {
            Ok(Ok(program)) => program,
            Ok(Err(error)) => return Err(unusable(reference, &error)),
            Err(error) => return Err(unusable(reference, &error)),
        };
        let _known = self.shared.toolbox.set(Arc::clone(&program));
        Ok((program, image))
    }
}

fn unusable(toolbox: &str, why: &dyn std::fmt::Display) -> ExecError {
    ExecError::Start(format!("toolbox image \"{toolbox}\": {why}"))
}

/// Why a file cannot be run, in the words of execve(2).
fn why(error: ErrorCode) -> String {
    match error {
        ErrorCode::Access | ErrorCode::IsDirectory => "permission denied".into(),
        ErrorCode::NotExecutable => "exec format error".into(),
        ErrorCode::TooBig => "file too large".into(),
        error => error.name().to_owned(),
    }
}

/// Tells how a command ended.
async fn supervise(
    process: Arc<Process>,
    output: Arc<dyn LogSink>,
    clock: Arc<dyn Clock>,
    ended: watch::Sender<Option<Exit>>,
) {
    let status = process.status().await;
    output.close();
    let oom = process.container.memory.exceeded() && status == 128 + KILL;
    ended.send_replace(Some(Exit {
        code: i32::try_from(status & 0xff).unwrap_or(255),
        reason: match status {
            0 => ExitReason::Completed,
            _ if oom => ExitReason::OomKilled,
            _ => ExitReason::Error,
        },
        message: None,
        at: clock.now(),
    }));
}

/// The streams of a command, and where its input comes in.
fn streams(request: &ExecRequest, shared: &ContainerShared) -> (Stdio, Option<Input>) {
    if request.tty {
        let terminal = Terminal::new(Arc::clone(&request.output));
        let stream = || Stream::Terminal(Arc::clone(&terminal));
        let stdio = Stdio {
            stdin: if request.stdin {
                stream()
            } else {
                Stream::Null
            },
            stdout: stream(),
            stderr: stream(),
        };
        return (stdio, request.stdin.then_some(Input::Keyboard(terminal)));
    }
    let output = |stream| Stream::Log(Arc::clone(&request.output), stream);
    let (stdin, writer) = if request.stdin {
        let (reader, writer) = Stream::pipe(&shared.memory);
        (reader, Some(Input::Pipe(writer)))
    } else {
        (Stream::Null, None)
    };
    let stdio = Stdio {
        stdin,
        stdout: output(LogStream::Stdout),
        stderr: output(LogStream::Stderr),
    };
    (stdio, writer)
}

/// The other end of a command's standard input.
#[derive(Clone)]
enum Input {
    Pipe(Stream),
    Keyboard(Arc<Terminal>),
}

/// A command that runs.
struct Command {
    process: Arc<Process>,
    /// Where its input comes in, while it is open.
    input: Mutex<Option<Input>>,
    exit: watch::Receiver<Option<Exit>>,
}

impl Command {
    fn input(&self) -> MutexGuard<'_, Option<Input>> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, bytes: &[u8]) -> bool {
        let input = self.input().clone();
        match input {
            Some(Input::Pipe(pipe)) => pipe.write(bytes).await.is_ok(),
            Some(Input::Keyboard(terminal)) => {
                for key in terminal.typed(bytes).await {
                    self.interrupt(match key {
                        Key::Interrupt => INT,
                        Key::Quit => QUIT,
                    });
                }
                self.process.status_now().is_none()
            }
            None => false,
        }
    }

    /// What the terminal's keys do: what runs in the foreground gets the signal, and the command itself where it has started nothing. A shell
    /// thus outlives what it was told to run.
    fn interrupt(&self, number: u32) {
        let container = &self.process.container;
        let started = container.session(self.process.session());
        let mut started: Vec<_> = started
            .into_iter()
            .filter(|process| process.pid != self.process.pid)
            .collect();
        if started.is_empty() {
            started.push(Arc::clone(&self.process));
        }
        started.iter().for_each(|process| process.signal(number));
    }
}

impl Exec for Command {
    fn wait(&self) -> BoxFuture<'static, Exit> {
        let mut exit = self.exit.clone();
        Box::pin(async move {
            let ended = exit.wait_for(Option::is_some).await;
            match ended.ok().and_then(|ended| ended.clone()) {
                Some(exit) => exit,
                // The host is shutting down and took the supervisor with it; there is nobody left to tell.
                None => std::future::pending().await,
            }
        })
    }

    fn kill(&self) {
        let container = &self.process.container;
        for process in container.session(self.process.session()) {
            process.signal(KILL);
        }
    }

    fn write_stdin(&self, bytes: Bytes) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.write(&bytes).await })
    }

    fn close_stdin(&self) {
        if let Some(Input::Keyboard(terminal)) = self.input().take() {
            terminal.hang_up();
        }
    }

    fn resize(&self, _: TerminalSize) {
        // There is no way to ask for the size; whoever takes signals hears of the change.
        for process in self.process.container.session(self.process.session()) {
            process.signal(WINCH);
        }
    }
}
