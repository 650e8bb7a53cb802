//! The wasmtime engines of a host and their linkers.

use std::sync::{Arc, OnceLock};

use wasmtime::component::Linker;
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::cpu::Cores;
use super::guest::{self, Guest, Wants};

/// Stack for wasm frames. A shell recurses, so twice wasmtime's default.
const WASM_STACK_BYTES: usize = 1 << 20;
/// The fiber's whole stack: wasm frames and the host calls on top of them.
const FIBER_STACK_BYTES: usize = 2 << 20;
/// Slots of the pool; one process of a guest takes one instance slot and up to three memories and tables.
const POOL_INSTANCES: u32 = 4096;
/// Core instances of one component: its own modules and adapters.
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;

/// A wasmtime engine set up for containers.
pub struct WasmEngine {
    engine: Engine,
    allocation: Allocation,
    /// It runs components of WASI 0.3, too.
    concurrent: bool,
    /// One for each combination of what components want.
    linkers: [OnceLock<Linker<Guest>>; 4],
    cores: Arc<Cores>,
}

/// How instances get their memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// Mapped as needed: quickest to set up, right for a handful of containers.
    OnDemand,
    /// From slots mapped once: right for many short-lived instances.
    Pooling,
}

impl WasmEngine {
    /// An engine for components of WASI 0.2; pooling falls back to allocation on demand where the address space is too small for the pool.
    pub fn new(allocation: Allocation) -> wasmtime::Result<Arc<Self>> {
        Self::on(allocation, false, Cores::new())
    }

    /// Another engine, whose guests take turns with this one's; `concurrent` for components of WASI 0.3. Only for these: what lets functions
    /// of a component run at once makes each of its calls to the host a quarter slower.
    pub(super) fn beside(
        &self,
        allocation: Allocation,
        concurrent: bool,
    ) -> wasmtime::Result<Arc<Self>> {
        Self::on(allocation, concurrent, Arc::clone(&self.cores))
    }

    fn on(
        allocation: Allocation,
        concurrent: bool,
        cores: Arc<Cores>,
    ) -> wasmtime::Result<Arc<Self>> {
        let make = |pooling| Engine::new(&config(pooling, concurrent));
        let engine = match allocation {
            Allocation::Pooling => make(true).or_else(|error| {
                tracing::debug!(%error, "no pooling allocator here, allocating on demand");
                make(false)
            })?,
            Allocation::OnDemand => make(false)?,
        };
        cores.ticker().advances(engine.weak());
        Ok(Arc::new(Self {
            engine,
            allocation,
            concurrent,
            linkers: Default::default(),
            cores,
        }))
    }

    /// Whether it is right for many short-lived instances, or as right as one can be here.
    pub(super) fn is_pooling(&self) -> bool {
        self.allocation == Allocation::Pooling
    }

    /// What its guests run on.
    pub(super) fn cores(&self) -> &Arc<Cores> {
        &self.cores
    }

    /// Whether components of WASI 0.3 run on it.
    pub(super) fn is_concurrent(&self) -> bool {
        self.concurrent
    }

    pub(super) fn wasmtime(&self) -> &Engine {
        &self.engine
    }

    /// What a component may import. Registering WASI 0.3 takes as long as a small container runs, so only those who need it pay; so with
    /// HTTP.
    pub(super) fn linker(&self, wants: Wants) -> wasmtime::Result<&Linker<Guest>> {
        let [plain, p3, http, both] = &self.linkers;
        let cell = match (wants.p3, wants.http) {
            (false, false) => plain,
            (true, false) => p3,
            (false, true) => http,
            (true, true) => both,
        };
        if let Some(linker) = cell.get() {
            return Ok(linker);
        }
        let linker = guest::linker(&self.engine, wants)?;
        Ok(cell.get_or_init(|| linker))
    }
}

fn config(pooling: bool, concurrent: bool) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(concurrent)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES);
    if pooling {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(POOL_INSTANCES)
            .total_core_instances(POOL_INSTANCES * 4)
            .total_memories(POOL_INSTANCES)
            .total_tables(POOL_INSTANCES * 4)
            .total_stacks(POOL_INSTANCES)
            .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
            .max_memories_per_component(4)
            .max_tables_per_component(16)
            .table_elements(200_000)
            .max_component_instance_size(4 << 20)
            .max_core_instance_size(4 << 20);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}
