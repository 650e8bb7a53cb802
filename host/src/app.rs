//! The composition root: the only file that names concrete types of every room.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{broadcast, mpsc, watch};

use crate::clock::RealClock;
use crate::controllers::keep_endpoints;
use crate::engine::{Config, Notice, NoticeKind};
use crate::images::{ContentStore, Images, Overrides};
use crate::logs::{LogQueue, LogReader};
use crate::manifest::{LoadedConfigMap, LoadedPod, LoadedSecret, LoadedService, object};
use crate::model::{Allocatable, ImagePullPolicy};
use crate::network::{NetworkSettings, NodePortFault, NodePorts, Refusal, Switch};
use crate::node::{MemoryDir, Node, PodNotice, RunDir};
use crate::ports::{Clock, ConfigSource, Image, ImageStore, PullError, PullRequest, ServiceSource};
use crate::sandbox::{HostSettings, VirtualHosts};
use crate::store::{ApiStore, Conflict};
use crate::volumes::{LocalVolumes, VolumeSettings};
use crate::wasm::{Allocation, CodeCache, WasmEngine, WasmRuntime};
use crate::worker::Ports;

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
    /// Address ranges.
    pub network: NetworkSettings,
    /// How pods meet the machine.
    pub hosts: HostSettings,
    /// How many containers are expected, as far as it is known.
    pub containers: usize,
    /// What pods may request in all.
    pub allocatable: Allocatable,
}

/// A host: a store, the node that runs its pods, and what comes out of them.
pub struct App {
    /// Every object.
    pub store: Arc<ApiStore>,
    /// What containers write.
    pub logs: LogReader,
    /// What happens to pods.
    pub notices: mpsc::UnboundedReceiver<PodNotice>,
    /// What is being compiled, by image.
    pub compiling: watch::Receiver<Vec<String>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The pods' network.
    pub network: Arc<Switch>,
    tasks: [tokio::task::JoinHandle<()>; 3],
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
        let (queue, logs) = LogQueue::new(Arc::clone(&clock));
        let store = Arc::new(ApiStore::default());
        let switch = Switch::new(settings.network)?;
        let images: Arc<dyn ImageStore> =
            Arc::new(Images::new(content_store(data_dir), settings.overrides));
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
                images: Arc::clone(&images),
                clock: Arc::clone(&clock),
                machine: settings.allocatable,
            })),
            images,
            runtime: Arc::new(WasmRuntime::new(code, Arc::clone(&clock))),
            logs: Arc::new(queue),
            clock: Arc::clone(&clock),
            allocatable: settings.allocatable,
            configs: Arc::clone(&store) as Arc<dyn ConfigSource>,
            services: Arc::clone(&store) as Arc<dyn ServiceSource>,
        };
        let (notes, notices) = mpsc::unbounded_channel();
        let refusals = tell_refusals(
            switch.refusals(),
            Arc::clone(&store),
            Arc::clone(&clock),
            notes.clone(),
        );
        let refusals = tokio::spawn(refusals);
        let endpoints = tokio::spawn(keep_services(Arc::clone(&store), Arc::clone(&switch)));
        let node = Node::new(Arc::clone(&store), ports, settings.engine, notes);
        let node = tokio::spawn(node.run());
        let sweeper = Arc::clone(&run_dir);
        tokio::task::spawn_blocking(move || {
            sweeper.sweep();
            MemoryDir::sweep();
        });
        Ok(Self {
            store,
            logs,
            notices,
            compiling,
            clock,
            network: switch,
            tasks: [node, refusals, endpoints],
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
    }
}

/// Keeps the network's table of Services, and a door for each NodePort.
async fn keep_services(store: Arc<ApiStore>, switch: Arc<Switch>) {
    let (tables, mut changed) = watch::channel(());
    let network = Arc::clone(&switch);
    let endpoints = keep_endpoints(store, move |table| {
        network.set_services(table);
        tables.send_replace(());
    });
    let doors = async move {
        let mut doors = NodePorts::default();
        while changed.changed().await.is_ok() {
            for fault in doors.apply(&switch, &switch.services()).await {
                let NodePortFault {
                    namespace, name, ..
                } = &fault;
                tracing::warn!(
                    "service {namespace}/{name}: node port {}: {}",
                    fault.port,
                    fault.error
                );
            }
        }
    };
    tokio::join!(endpoints, doors);
}

/// What a pod was refused of the real network becomes an event of it.
async fn tell_refusals(
    mut refusals: broadcast::Receiver<Refusal>,
    store: Arc<ApiStore>,
    clock: Arc<dyn Clock>,
    notes: mpsc::UnboundedSender<PodNotice>,
) {
    loop {
        let refusal = match refusals.recv().await {
            Ok(refusal) => refusal,
            Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let Some(object) = store.pod(&refusal.pod) else {
            continue;
        };
        let notice = Notice {
            container: None,
            kind: NoticeKind::Warning,
            reason: "EgressDenied",
            message: format!("{}: denied by the pod's egress rules", refusal.what),
        };
        let _ignored = notes.send(PodNotice {
            pod: object.pod,
            at: clock.now(),
            notice,
        });
    }
}

/// The content store of a data directory.
pub fn content_store(data_dir: &Path) -> ContentStore {
    ContentStore::new(data_dir.join("images"))
}

/// Compiles an image's component, so that its first start compiles nothing; says what is wrong with one that cannot run here.
pub fn compile_image(data_dir: &Path, name: &str, image: &Image) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let engine = WasmEngine::new(Allocation::OnDemand).map_err(anyhow::Error::from)?;
    let code = Arc::new(CodeCache::new(engine, &code_dir(data_dir)));
    let compiled = runtime.block_on(code.prepare(image, name));
    compiled.with_context(|| format!("image {name}"))
}

fn code_dir(data_dir: &Path) -> PathBuf {
    data_dir.join("cache").join("code")
}

/// Whether an image that is a file can be read and is a program, before anything starts; nothing is said of images of the store, which
/// may yet be loaded while the pod waits.
pub fn check_image_file(images: &Images, request: &PullRequest) -> Result<(), String> {
    use std::io::Read as _;
    let Some(path) = images.file_of(&request.reference, &request.base_dir) else {
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
