//! The composition root: the only file that names concrete types of every room.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::sync::{broadcast, mpsc, watch};

use crate::clock::RealClock;
#[cfg(unix)]
use crate::control::Server;
use crate::controllers::keep_endpoints;
use crate::engine::{Config, Notice};
use crate::events::{self, EventBook, Occurrence};
use crate::images::{
    ContentStore, ImageError, Images, Overrides, Registry, RegistrySettings, Transfer, file_of,
};
use crate::logs::{FileSettings, LogDir, LogQueue, LogReader, Retention, Rotation};
use crate::manifest::{LoadedConfigMap, LoadedPod, LoadedSecret, LoadedService, object};
use crate::model::{Allocatable, Event, EventType, ImagePullPolicy, NODE_NAME, ObjectRef, Time};
use crate::network::{NetworkSettings, NodePortFault, NodePorts, Refusal, Switch};
use crate::node::{MemoryDir, Node, PodNotice, RunDir};
use crate::ports::{
    Clock, ConfigSource, Image, ImageStore, Logs, PullError, PullRequest, ServiceSource,
};
use crate::sandbox::{HostSettings, VirtualHosts};
use crate::store::{ApiStore, Conflict, Kind};
use crate::volumes::{LocalVolumes, VolumeSettings};
use crate::wasm::{Allocation, CodeCache, Toolbox, WasmEngine, WasmRuntime};
use crate::worker::{Ports, RunningContainers};

/// For how many containers instances come from a pool: for fewer, setting it up takes longer than it saves; for more, their processes might
/// find it empty.
const POOLED_CONTAINERS: std::ops::Range<usize> = 16..1024;

/// What a host is made of.
pub struct Settings {
    /// Images, compiled code and the folders of running pods.
    pub data_dir: PathBuf,
    /// Back-off and grace.
    pub engine: Config,
    /// Images replaced by files.
    pub overrides: Overrides,
    /// Where the others come from.
    pub registries: RegistrySettings,
    /// Address ranges.
    pub network: NetworkSettings,
    /// How pods meet the machine.
    pub hosts: HostSettings,
    /// The image of commands that containers do not have themselves, or `none`.
    pub toolbox: String,
    /// How containers' output is kept.
    pub logs: LogSettings,
    /// How many containers are expected, as far as it is known.
    pub containers: usize,
    /// What pods may request in all.
    pub allocatable: Allocatable,
    /// The node's labels.
    pub node_labels: BTreeMap<String, String>,
}

/// How many events wait for whoever shows them: more than a start of some thousand pods makes at once.
const HAPPENED_MAX: usize = 16 << 10;

/// How containers' output is kept.
#[derive(Clone, Copy, Default)]
pub struct LogSettings {
    /// Of the files of one instance.
    pub rotation: Rotation,
    /// Of the logs of runs that are over.
    pub retention: Retention,
}

/// A host: a store, the node that runs its pods, and what comes out of them.
pub struct App {
    /// Every object.
    pub store: Arc<ApiStore>,
    /// What containers write.
    pub logs: LogReader,
    /// What happens to objects, each time it does; of a reader that falls far behind, not all of it.
    pub happened: mpsc::Receiver<Event>,
    /// The events of the last hour.
    pub events: Arc<Mutex<EventBook>>,
    /// What the host itself has to say, beside its pods.
    pub warnings: mpsc::UnboundedReceiver<String>,
    /// What is being compiled, by image.
    pub compiling: watch::Receiver<Vec<String>>,
    /// What is being pulled.
    pub pulling: watch::Receiver<Vec<Transfer>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The pods' network.
    pub network: Arc<Switch>,
    tasks: [tokio::task::JoinHandle<()>; 4],
    queue: Arc<LogQueue>,
    /// Removed with the app.
    _run_dir: Arc<RunDir>,
    _memory_dir: Arc<MemoryDir>,
}

impl App {
    /// Starts a host without pods.
    pub fn start(settings: Settings) -> anyhow::Result<Self> {
        let data_dir = &settings.data_dir;
        let unusable = || format!("data directory {}", data_dir.display());
        let run_dir = Arc::new(RunDir::create(data_dir).with_context(unusable)?);
        let allocation = if POOLED_CONTAINERS.contains(&settings.containers) {
            Allocation::Pooling
        } else {
            Allocation::OnDemand
        };
        let engine = WasmEngine::new(allocation).map_err(anyhow::Error::from)?;
        let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
        let code = Arc::new(CodeCache::new(engine, &code_dir(data_dir)));
        let compiling = code.compiling();
        let (warn, warnings) = mpsc::unbounded_channel();
        let files = FileSettings {
            root: logs_dir(data_dir),
            rotation: settings.logs.rotation,
            warn: Box::new(move |warning| drop(warn.send(warning))),
        };
        let (queue, logs) = LogQueue::with_files(Arc::clone(&clock), files);
        let queue = Arc::new(queue);
        let store = Arc::new(ApiStore::default());
        let switch = Switch::new(settings.network)?;
        let content = Arc::new(content_store(data_dir));
        let images = Arc::new(Images::new(
            Arc::clone(&content),
            settings.overrides,
            Arc::new(Registry::new(content, settings.registries)),
            Some(Arc::clone(&store) as Arc<dyn ConfigSource>),
            Arc::clone(&clock),
        ));
        let pulling = images.progress();
        let images: Arc<dyn ImageStore> = images;
        let toolbox = Toolbox::new(Arc::clone(&images), settings.toolbox);
        let running = Arc::<RunningContainers>::default();
        let memory_dir = Arc::new(MemoryDir::default());
        let ports = Ports {
            hosts: Arc::new(VirtualHosts::new(Arc::clone(&switch), settings.hosts)),
            volumes: Arc::new(LocalVolumes::new(VolumeSettings {
                disk: run_dir.pods(),
                memory: {
                    // Not kept alive by a pod's task that outlives the app.
                    let memory = Arc::downgrade(&memory_dir);
                    Arc::new(move || memory.upgrade()?.pods())
                },
                configs: Arc::clone(&store) as Arc<dyn ConfigSource>,
                clock: Arc::clone(&clock),
                machine: settings.allocatable,
            })),
            images,
            runtime: Arc::new(WasmRuntime::new(code, toolbox, Arc::clone(&clock))),
            logs: Arc::clone(&queue) as Arc<dyn Logs>,
            running: Arc::clone(&running),
            clock: Arc::clone(&clock),
            configs: Arc::clone(&store) as Arc<dyn ConfigSource>,
            services: Arc::clone(&store) as Arc<dyn ServiceSource>,
            allocatable: settings.allocatable,
        };
        let (told, happened) = mpsc::channel(HAPPENED_MAX);
        let events = Arc::new(Mutex::new(EventBook::new(NODE_NAME)));
        let recorder = Recorder {
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            book: Arc::clone(&events),
            told,
        };
        let refusals = tokio::spawn(tell_refusals(switch.refusals(), recorder.clone()));
        let services = keep_services(Arc::clone(&store), Arc::clone(&switch), recorder.clone());
        let endpoints = tokio::spawn(services);
        let control = tokio::spawn(control(&run_dir, Arc::clone(&store), running));
        let record = move |note: PodNotice| {
            recorder.record(note.at, events::of_pod(&note.pod, note.notice));
        };
        let labels = settings.node_labels;
        let node = Node::new(Arc::clone(&store), ports, settings.engine, labels, record);
        let node = tokio::spawn(node.run());
        let sweeper = Arc::clone(&run_dir);
        let (logs_dir, retention, now) = (logs_dir(data_dir), settings.logs.retention, clock.now());
        tokio::task::spawn_blocking(move || {
            sweeper.sweep();
            MemoryDir::sweep();
            crate::logs::sweep(&logs_dir, retention, now);
        });
        Ok(Self {
            store,
            logs,
            happened,
            events,
            warnings,
            compiling,
            pulling,
            clock,
            network: switch,
            tasks: [node, refusals, endpoints, control],
            queue,
            _run_dir: run_dir,
            _memory_dir: memory_dir,
        })
    }

    /// Adds a pod; the node starts it at once.
    pub fn add(&self, loaded: LoadedPod, base_dir: Arc<Path>) -> Result<(), Conflict> {
        let added = self.store.create_pod(loaded.pod, loaded.object, base_dir);
        added.map(drop)
    }

    /// Adds a Service; its endpoints follow from the pods.
    pub fn add_service(&self, loaded: LoadedService) -> Result<(), Conflict> {
        let document = object::service(&loaded.object);
        let added = self.store.create_service(loaded.service, document);
        added.map(drop)
    }

    /// Adds a ConfigMap.
    pub fn add_config_map(&self, loaded: LoadedConfigMap) -> Result<(), Conflict> {
        let document = object::config_map(&loaded.object);
        let added = self.store.create_config_map(loaded.config_map, document);
        added.map(drop)
    }

    /// Changes a ConfigMap; volumes that are made of it follow.
    pub fn update_config_map(&self, loaded: LoadedConfigMap) -> Result<(), Conflict> {
        let document = object::config_map(&loaded.object);
        let updated = self.store.update_config_map(loaded.config_map, document);
        updated.map(drop)
    }

    /// Changes a Secret; volumes that are made of it follow.
    pub fn update_secret(&self, loaded: LoadedSecret) -> Result<(), Conflict> {
        let document = object::secret(&loaded.object);
        let updated = self.store.update_secret(loaded.secret, document);
        updated.map(drop)
    }

    /// Adds a Secret.
    pub fn add_secret(&self, loaded: LoadedSecret) -> Result<(), Conflict> {
        let document = object::secret(&loaded.object);
        let added = self.store.create_secret(loaded.secret, document);
        added.map(drop)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.queue.finish();
    }
}

/// Lets other processes of the user reach the containers. The pods run without it, too.
#[cfg(unix)]
fn control(
    run_dir: &RunDir,
    store: Arc<ApiStore>,
    running: Arc<RunningContainers>,
) -> impl Future<Output = ()> + use<> {
    let server = Server::new(run_dir.path(), store, running);
    async {
        match server {
            Ok(server) => server.run().await,
            Err(error) => tracing::warn!(%error, "peapod exec will not find these pods"),
        }
    }
}

/// There are no unix sockets here.
#[cfg(not(unix))]
async fn control(_: &RunDir, _: Arc<ApiStore>, _: Arc<RunningContainers>) {}

/// Keeps the network's table of Services, and a door for each NodePort.
async fn keep_services(store: Arc<ApiStore>, switch: Arc<Switch>, recorder: Recorder) {
    let (tables, mut changed) = watch::channel(());
    let network = Arc::clone(&switch);
    let endpoints = keep_endpoints(store, move |table| {
        network.set_services(table);
        tables.send_replace(());
    });
    let doors = async move {
        let mut doors = NodePorts::default();
        while doors.due(&mut changed).await {
            for fault in doors.apply(&switch, &switch.services()).await {
                recorder.node_port(&fault);
            }
        }
    };
    tokio::join!(endpoints, doors);
}

/// What a pod was refused of the real network becomes an event of it.
async fn tell_refusals(mut refusals: broadcast::Receiver<Refusal>, recorder: Recorder) {
    loop {
        match refusals.recv().await {
            Ok(refusal) => recorder.refusal(&refusal),
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// Where everything that happens comes together.
#[derive(Clone)]
struct Recorder {
    store: Arc<ApiStore>,
    clock: Arc<dyn Clock>,
    book: Arc<Mutex<EventBook>>,
    told: mpsc::Sender<Event>,
}

impl Recorder {
    fn record(&self, at: Time, what: Occurrence) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        let event = book.record(at, what).event;
        drop(book);
        // A guest can make events happen, and a terminal can stand still: what is too much is in the book alone.
        let _full = self.told.try_send(event);
    }

    fn refusal(&self, refusal: &Refusal) {
        let Some(object) = self.store.pod(&refusal.pod) else {
            return;
        };
        let notice = Notice {
            container: None,
            kind: EventType::Warning,
            reason: "EgressDenied",
            message: format!("{}: denied by the pod's egress rules", refusal.what),
        };
        self.record(self.clock.now(), events::of_pod(&object.pod, notice));
    }

    fn node_port(&self, fault: &NodePortFault) {
        let NodePortFault {
            namespace, name, ..
        } = fault;
        let Some(service) = self.store.named(Kind::Service, namespace, name) else {
            return;
        };
        let about = ObjectRef {
            kind: "Service",
            namespace: namespace.as_str().into(),
            name: name.clone(),
            uid: service.uid(),
            field_path: None,
        };
        let what = Occurrence {
            about,
            kind: EventType::Warning,
            reason: "FailedNodePort",
            message: format!("node port {}: {}", fault.port, fault.error),
            component: "peapod",
        };
        self.record(self.clock.now(), what);
    }
}

/// The content store of a data directory.
pub fn content_store(data_dir: &Path) -> ContentStore {
    ContentStore::new(data_dir.join("images"))
}

/// What `registries.yaml` of a data directory says.
pub fn registry_settings(data_dir: &Path) -> Result<RegistrySettings, ImageError> {
    RegistrySettings::read(&data_dir.join("registries.yaml"))
}

/// Compiles an image's component, so that its first start compiles nothing; says what is wrong with one that cannot run here.
pub fn compile_image(data_dir: &Path, name: &str, image: &Image) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let engine = WasmEngine::new(Allocation::OnDemand).map_err(anyhow::Error::from)?;
    let code = Arc::new(CodeCache::new(engine, &code_dir(data_dir)));
    let compiled = runtime.block_on(code.prepare(image, name));
    compiled.with_context(|| format!("image {name}"))
}

/// The logs of a data directory.
pub fn logs(data_dir: &Path) -> LogDir {
    LogDir::new(logs_dir(data_dir))
}

fn logs_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("logs")
}

fn code_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("cache").join("code")
}

/// Whether an image that is a file can be read and is a program, before anything starts; nothing is said of images of the store, which
/// may yet be loaded while the pod waits.
pub fn check_image_file(overrides: &Overrides, request: &PullRequest) -> Result<(), String> {
    use std::io::Read as _;
    let Some(path) = file_of(overrides, &request.reference, &request.base_dir) else {
        return Ok(());
    };
    // Its first bytes tell; the whole of it is read and hashed when the pod starts.
    let mut start = [0; 64];
    let read = std::fs::File::open(&path).and_then(|mut file| file.read(&mut start));
    match read {
        Ok(len) if crate::wasm::looks_like_wasm(&start[..len]) => Ok(()),
        Ok(_) => Err(format!("{}: not a WebAssembly file", path.display())),
        Err(_) if request.policy == ImagePullPolicy::Never => {
            Err(PullError::NeverPull(request.reference.clone()).to_string())
        }
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}
