//! The state of one instance and the linker that gives it WASI and `peapod:pod`.

use std::sync::Arc;

use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView, p2, p3};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView, p2 as http2, p3 as http3};

use super::bindings::peapod::pod;
use super::file_mounts::MountedFile;
use super::http::{Hooks, Kept};
use super::limits::Share;
use super::memory_files::InMemory;
use super::mounts::{Preopens, PreopensView};
use super::open_files::OpenFiles;
use super::process::{Launch, Process};
use super::sockets;
use super::stdio::{Standard, Stdio};
use super::{file_mounts_p2, file_mounts_p3};
use crate::network::SOCKETS_MAX;

/// Handles of one instance: sockets with their streams, files, pollables. One too many is a trap, which a program cannot handle as it can
/// a socket too many; and it is others who decide how many connections a server accepts. wasi-libc keeps six handles for each.
const HANDLES_MAX: usize = 8 * SOCKETS_MAX;

/// What the host keeps for one instance.
pub(super) struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    http_kept: Kept,
    pub(super) table: ResourceTable,
    pub(super) memory: Share,
    /// The process this instance is.
    pub(super) process: Arc<Process>,
    pub(super) stdio: Stdio,
    /// Open `peapod:pod/process` streams, counted against the limit.
    pub(super) streams: usize,
    pub(super) open_files: OpenFiles,
    pub(super) in_memory: InMemory,
    /// Open queues, semaphores and segments, counted against the limit.
    pub(super) ipc_handles: usize,
    /// Set by `exec`: what the process becomes once this instance has been stopped.
    pub(super) becomes: Option<Launch>,
}

impl Guest {
    /// A store for one instance of a process. Nothing of the machine is in it but what is given here.
    pub(super) fn store(
        engine: &Engine,
        process: &Arc<Process>,
        launch: &Launch,
        memory: Share,
    ) -> Store<Self> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.args(&launch.args)
            .envs(&launch.env)
            .initial_cwd(&launch.working_dir)
            .stdin(Standard(launch.stdio.stdin.clone()))
            .stdout(Standard(launch.stdio.stdout.clone()))
            .stderr(Standard(launch.stdio.stderr.clone()))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        let mut table = ResourceTable::new();
        table.set_max_capacity(HANDLES_MAX);
        let mut store = Store::new(
            engine,
            Self {
                wasi: wasi.build(),
                http: WasiHttpCtx::new(),
                hooks: Hooks::new(process),
                http_kept: Kept::new(Arc::clone(&process.container.memory)),
                table,
                memory,
                process: Arc::clone(process),
                stdio: launch.stdio.clone(),
                streams: 0,
                open_files: OpenFiles::default(),
                in_memory: InMemory::default(),
                ipc_handles: 0,
                becomes: None,
            },
        );
        store.set_max_component_handles(HANDLES_MAX);
        store.limiter(|guest| &mut guest.memory);
        // At every tick the guest lets the host's other tasks run: one that spins can starve nobody and can be dropped.
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }
}

impl Guest {
    /// The file mounted over what the path leads to, from an open directory.
    pub(super) fn mounted_file(
        &self,
        fd: &Resource<Descriptor>,
        path: &str,
        follow: bool,
    ) -> wasmtime::Result<Option<Arc<MountedFile>>> {
        let Descriptor::Dir(dir) = self.table.get(fd)? else {
            return Ok(None);
        };
        let mounts = &self.process.container.mounts;
        Ok(mounts.files.under(&dir.dir, path, follow)?.cloned())
    }

    /// The same, if questions about the path are about that file.
    pub(super) fn shown_file(
        &self,
        fd: &Resource<Descriptor>,
        path: &str,
        follow: bool,
    ) -> wasmtime::Result<Option<Arc<MountedFile>>> {
        let file = self.mounted_file(fd, path, follow)?;
        Ok(file.filter(|file| file.is_shown()))
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.http_kept.look(&mut self.table);
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// What a component imports beyond what every component may: each of it takes time to register.
#[derive(Clone, Copy)]
pub(super) struct Wants {
    /// WASI 0.3.
    pub(super) p3: bool,
    /// `wasi:http`, of 0.2 and, with it, of 0.3.
    pub(super) http: bool,
    /// `peapod:pod/signals`, which every linker has.
    pub(super) signals: bool,
}

/// Everything a guest may import.
pub(super) fn linker(engine: &Engine, wants: Wants) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    // Ours replace the preopens and the sockets that wasmtime-wasi registers, and what must know of mounted files.
    linker.allow_shadowing(true);
    p2::add_to_linker_async(&mut linker)?;
    p2::bindings::filesystem::preopens::add_to_linker::<Guest, Preopens>(&mut linker, preopens)?;
    file_mounts_p2::add_to_linker(&mut linker)?;
    sockets::add_p2(&mut linker)?;
    if wants.http {
        http2::add_only_http_to_linker_async(&mut linker)?;
    }
    if wants.http && wants.p3 {
        http3::add_to_linker(&mut linker)?;
    }
    if wants.p3 {
        p3::add_to_linker(&mut linker)?;
        file_mounts_p3::add_to_linker(&mut linker)?;
        sockets::add_p3(&mut linker)?;
        p3::bindings::filesystem::preopens::add_to_linker::<Guest, Preopens>(
            &mut linker,
            preopens,
        )?;
    }
    pod::process::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    pod::signals::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    pod::ipc::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    pod::message_queue::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    pod::semaphore::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    pod::shared_memory::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

fn preopens(guest: &mut Guest) -> PreopensView<'_> {
    PreopensView {
        mounts: Arc::clone(&guest.process.container.mounts),
        table: &mut guest.table,
        in_memory: &mut guest.in_memory,
    }
}
