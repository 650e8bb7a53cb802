//! `wasi:filesystem/types` of WASI 0.2 where files are mounted: the functions that take a path look first whether it leads to one.
//! All others, and these for every other path, are wasmtime-wasi's own.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{
    Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView, WasiFilesystemView,
};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, ErrorCode, HostDescriptor, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult};

use super::file_mounts::{Access, MountedFile};
use super::guest::Guest;
use super::memory_files;

/// As wasmtime-wasi registers it; a test notices when that changes.
const TYPES: &str = "wasi:filesystem/types@0.2.12";

type Fd = Resource<Descriptor>;
type Store<'a> = StoreContextMut<'a, Guest>;
type Answer<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;

/// Replaces those functions.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store: Store<'_>,
         (fd, how, path, open, flags): (Fd, PathFlags, String, OpenFlags, DescriptorFlags)| {
            Box::new(async move {
                let guest = store.data_mut();
                // WASI has no EMFILE.
                if !guest.may_open() {
                    return Ok((Err(ErrorCode::Quota),));
                }
                let access = access(open, flags);
                let file = guest.mounted_file(&fd, &path, follows(how))?;
                if let Some(file) = file.filter(|file| file.opens(access)) {
                    let opened = if open.contains(OpenFlags::DIRECTORY) {
                        Err(ErrorCode::NotDirectory)
                    } else {
                        file.open_descriptor(access).map_err(refusal)
                    };
                    return Ok((match opened {
                        Ok(descriptor) => {
                            let fd = guest.table.push(descriptor)?;
                            guest.opened(&fd, file.memory())?;
                            Ok(fd)
                        }
                        Err(error) => Err(error),
                    },));
                }
                let volume = guest.in_memory.of(fd.rep()).cloned();
                let opened = guest.filesystem().open_at(fd, how, path, open, flags).await;
                if let Ok(fd) = &opened {
                    guest.opened(fd, volume.as_ref())?;
                }
                answer(opened)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.stat-at",
        |mut store: Store<'_>, (fd, how, path): (Fd, PathFlags, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                answer(match guest.shown_file(&fd, &path, follows(how))? {
                    Some(file) => alone(&file, async |view, fd| view.stat(fd).await).await,
                    None => guest.filesystem().stat_at(fd, how, path).await,
                })
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.metadata-hash-at",
        |mut store: Store<'_>, (fd, how, path): (Fd, PathFlags, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                answer(match guest.shown_file(&fd, &path, follows(how))? {
                    Some(file) => alone(&file, async |view, fd| view.metadata_hash(fd).await).await,
                    None => guest.filesystem().metadata_hash_at(fd, how, path).await,
                })
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.set-times-at",
        |mut store: Store<'_>,
         (fd, how, path, read, written): (Fd, PathFlags, String, NewTimestamp, NewTimestamp)| {
            Box::new(async move {
                let guest = store.data_mut();
                answer(match guest.shown_file(&fd, &path, follows(how))? {
                    Some(file) => {
                        alone(&file, async |view, fd| {
                            view.set_times(fd, read, written).await
                        })
                        .await
                    }
                    None => {
                        let mut view = guest.filesystem();
                        view.set_times_at(fd, how, path, read, written).await
                    }
                })
            })
        },
    )?;
    names(&mut types)?;
    memory_files::add_p2(linker, TYPES)
}

/// What would take a mount point away is refused as Linux does it.
fn names(types: &mut wasmtime::component::LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    types.func_wrap_async(
        "[method]descriptor.unlink-file-at",
        |mut store: Store<'_>, (fd, path): (Fd, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                if guest.mounted_file(&fd, &path, false)?.is_some() {
                    return Ok((Err(ErrorCode::Busy),));
                }
                answer(guest.filesystem().unlink_file_at(fd, path).await)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.rename-at",
        |mut store: Store<'_>, (old, from, new, to): (Fd, String, Fd, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                if guest.mounted_file(&old, &from, false)?.is_some()
                    || guest.mounted_file(&new, &to, false)?.is_some()
                {
                    return Ok((Err(ErrorCode::Busy),));
                }
                if !guest.in_memory.are_together(&old, &new) {
                    return Ok((Err(ErrorCode::CrossDevice),));
                }
                answer(guest.filesystem().rename_at(old, from, new, to).await)
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.link-at",
        |mut store: Store<'_>, (old, how, from, new, to): (Fd, PathFlags, String, Fd, String)| {
            Box::new(async move {
                let guest = store.data_mut();
                if guest.mounted_file(&old, &from, follows(how))?.is_some()
                    || !guest.in_memory.are_together(&old, &new)
                {
                    return Ok((Err(ErrorCode::CrossDevice),));
                }
                answer(guest.filesystem().link_at(old, how, from, new, to).await)
            })
        },
    )
}

fn follows(how: PathFlags) -> bool {
    how.contains(PathFlags::SYMLINK_FOLLOW)
}

fn access(open: OpenFlags, flags: DescriptorFlags) -> Access {
    Access {
        read: flags.contains(DescriptorFlags::READ),
        write: flags.contains(DescriptorFlags::WRITE),
        append: false,
        truncate: open.contains(OpenFlags::TRUNCATE),
        create: open.contains(OpenFlags::CREATE),
        exclusive: open.contains(OpenFlags::EXCLUSIVE),
    }
}

fn refusal(error: std::io::Error) -> ErrorCode {
    match error.kind() {
        std::io::ErrorKind::ReadOnlyFilesystem => ErrorCode::ReadOnly,
        _ => ErrorCode::from(error),
    }
}

fn answer<T>(result: FsResult<T>) -> Answer<T> {
    Ok((match result {
        Ok(value) => Ok(value),
        Err(error) => Err(FsError::downcast(error)?),
    },))
}

/// Asks a mounted file itself, in a table of its own: nothing stays behind in the guest's when the guest is stopped in between.
async fn alone<T>(
    file: &MountedFile,
    ask: impl AsyncFnOnce(&mut WasiFilesystemCtxView<'_>, Fd) -> FsResult<T>,
) -> FsResult<T> {
    let mut table = ResourceTable::new();
    let fd = table.push(file.descriptor())?;
    let mut view = WasiFilesystemCtxView {
        ctx: &mut WasiFilesystemCtx::default(),
        table: &mut table,
    };
    ask(&mut view, fd).await
}
