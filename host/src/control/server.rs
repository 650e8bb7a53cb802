//! The listening end.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ask::{Answer, Ask, ContainerUsage, Found, Hello, Refusal, Target, VERSION};
use super::frame::{self, Kind};
use super::outbox::Outbox;
use super::{session, socket};
use crate::model::{Container, ContainerName, PodUid};
use crate::ports::{Exec, ExecError, ExecRequest, TerminalSize, Usage};
use crate::store::{ApiStore, Kind as Object, StoredPod};
use crate::worker::RunningContainers;

/// Connections at a time; more wait for one of them to end.
const CONNECTIONS_MAX: usize = 1024;
/// A client that has connected and asks nothing.
const ASK_MAX: Duration = Duration::from_secs(10);
/// After an error of the listener itself, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);
/// The annotation by which a pod names the container that is meant where none is named.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// Answers what is asked over the socket of one run.
pub struct Server {
    listener: UnixListener,
    host: Arc<Host>,
}

/// What there is to ask about.
struct Host {
    store: Arc<ApiStore>,
    running: Arc<RunningContainers>,
}

impl Server {
    /// A server in the folder of a run.
    pub fn new(
        run: &Path,
        store: Arc<ApiStore>,
        running: Arc<RunningContainers>,
    ) -> io::Result<Self> {
        Ok(Self {
            listener: socket::listen(run)?,
            host: Arc::new(Host { store, running }),
        })
    }

    /// Serves until it is dropped; the commands end with it.
    pub async fn run(self) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let host = Arc::clone(&self.host);
                    connections.spawn(async move {
                        let _place = place;
                        if let Err(error) = host.serve(stream).await {
                            tracing::debug!(%error, "a control connection ended");
                        }
                    });
                }
                Err(error) => {
                    tracing::debug!(%error, "no control connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

impl Host {
    async fn serve(&self, stream: UnixStream) -> io::Result<()> {
        // The folder keeps others out already; this holds where somebody widened it.
        if !socket::may_ask(&stream)? {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut wire = frame::wire(stream);
        let asked = tokio::time::timeout(ASK_MAX, wire.next()).await?;
        let Some(asked) = asked else {
            return Ok(());
        };
        let answer = match read_ask(asked?)? {
            Ok(Ask::Find { namespace, pod }) => Answer::Found(self.find(&namespace, &pod)),
            Ok(Ask::Usage) => Answer::Usage(self.usage()),
            Ok(Ask::Exec(target)) => {
                let outbox = Arc::<Outbox>::default();
                match self.exec(target, &outbox).await {
                    Ok(exec) => {
                        outbox.start(Kind::Answer.json(&Answer::Started)?);
                        return session::run(wire, exec, outbox).await;
                    }
                    Err(refusal) => Answer::Refused(refusal),
                }
            }
            Err(refusal) => Answer::Refused(refusal),
        };
        wire.send(Kind::Answer.json(&answer)?).await
    }

    fn find(&self, namespace: &str, name: &str) -> Option<Found> {
        let object = self.store.named(Object::Pod, namespace, name)?;
        let pod = &object.as_pod()?.pod;
        let (mains, init) = (&pod.spec.mains, &pod.spec.init);
        let names = |list: &[Container]| -> Vec<String> {
            list.iter().map(|c| c.name.as_str().to_owned()).collect()
        };
        let containers = [names(mains), names(init)].concat();
        let annotated = pod.meta.annotations.get(DEFAULT_CONTAINER);
        let annotated = annotated.filter(|name| containers.contains(name));
        Some(Found {
            uid: pod.meta.uid.as_str().to_owned(),
            process: std::process::id(),
            default: annotated.or(containers.first())?.clone(),
            default_is_plain: annotated.is_some() || containers.len() == 1,
            mains: mains.len(),
            containers,
        })
    }

    fn usage(&self) -> Vec<ContainerUsage> {
        let of = |(uid, container, usage): (PodUid, ContainerName, Usage)| {
            // One that goes at this moment is not there any more.
            let meta = self.store.pod(&uid)?.pod.meta;
            Some(ContainerUsage {
                namespace: meta.namespace.as_str().to_owned(),
                pod: meta.name.as_str().to_owned(),
                container: container.as_str().to_owned(),
                cpu_nanoseconds: u64::try_from(usage.cpu.as_nanos()).unwrap_or(u64::MAX),
                memory_bytes: usage.memory.0,
                memory_peak_bytes: usage.memory_peak.0,
            })
        };
        self.running.usage().into_iter().filter_map(of).collect()
    }

    async fn exec(&self, target: Target, outbox: &Arc<Outbox>) -> Result<Arc<dyn Exec>, Refusal> {
        let uid = PodUid::new(target.pod);
        let object = self.store.pod(&uid);
        let object =
            object.ok_or_else(|| Refusal::NotFound(format!("pods \"{uid}\" not found")))?;
        let container = ContainerName::new(target.container);
        admit(&object, &container)?;
        if target.command.is_empty() {
            let what = "you must specify at least one command for the container";
            return Err(Refusal::BadRequest(what.into()));
        }
        let request = ExecRequest {
            command: target.command,
            stdin: target.stdin,
            tty: target.tty,
            size: target.size.map(TerminalSize::from),
            output: Arc::clone(outbox) as _,
        };
        let started = self.running.exec(&uid, &container, request).await;
        started.map_err(|error| match error {
            ExecError::NotRunning(_) => {
                Refusal::Client(format!("unable to upgrade connection: {error}"))
            }
            error => Refusal::Internal(format!("error executing command in container: {error}")),
        })
    }
}

/// Rule L15, and the containers there are.
fn admit(object: &StoredPod, container: &ContainerName) -> Result<(), Refusal> {
    let pod = &object.pod;
    if let Some(status) = object.status.as_ref().filter(|s| s.phase.is_terminal()) {
        return Err(Refusal::Client(format!(
            "cannot exec into a container in a completed pod; current phase is {}",
            status.phase.as_str()
        )));
    }
    if pod.spec.container(container).is_none() {
        return Err(Refusal::BadRequest(format!(
            "container {container} is not valid for pod {}",
            pod.meta.name
        )));
    }
    if object
        .status
        .as_ref()
        .is_none_or(|status| status.pod_ip.is_none())
    {
        return Err(Refusal::BadRequest(format!(
            "pod {} does not have a host assigned",
            pod.meta.name
        )));
    }
    Ok(())
}

/// The question, or that this peapod does not understand it.
fn read_ask(frame: bytes::BytesMut) -> io::Result<Result<Ask, Refusal>> {
    let (kind, payload) = frame::split(frame)?;
    if kind != Kind::Ask {
        return Err(frame::invalid(
            "a connection that does not begin with a question",
        ));
    }
    let hello: Hello = frame::value(&payload)?;
    if hello.version != VERSION {
        return Ok(Err(Refusal::Client(format!(
            "the running peapod (process {}) speaks version {VERSION} of the control protocol, this one version {}",
            std::process::id(),
            hello.version
        ))));
    }
    match serde_json::from_value(hello.ask) {
        Ok(ask) => Ok(Ok(ask)),
        Err(error) => Ok(Err(Refusal::BadRequest(error.to_string()))),
    }
}
