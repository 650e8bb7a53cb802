//! `wasi:filesystem/types` of WASI 0.3 where files are mounted; as in 0.2, only the functions that take a path.

use wasmtime::component::{Accessor, Linker, LinkerInstance, Resource};
use wasmtime_wasi::TrappableError;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemView};
use wasmtime_wasi::p3::bindings::filesystem::types::{
    DescriptorFlags, ErrorCode, HostDescriptorWithStore, NewTimestamp, OpenFlags, PathFlags,
};

use super::file_mounts::{Access, MountedFile};
use super::guest::Guest;
use super::memory_files;

/// As wasmtime-wasi registers it; a test notices when that changes.
const TYPES: &str = "wasi:filesystem/types@0.3.0";

type Fd = Resource<Descriptor>;
type Store = Accessor<Guest>;
type Answer<T> = wasmtime::Result<(Result<T, ErrorCode>,)>;
type Mounted = wasmtime::Result<Option<std::sync::Arc<MountedFile>>>;

/// Replaces those functions.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut types = linker.instance(TYPES)?;
    types.func_wrap_concurrent(
        "[method]descriptor.open-at",
        |store: &Store,
         (fd, how, path, open, flags): (Fd, PathFlags, String, OpenFlags, DescriptorFlags)| {
            Box::pin(async move {
                // WASI has no EMFILE.
                if !store.with(|mut store| store.data_mut().may_open()) {
                    return Ok((Err(ErrorCode::Quota),));
                }
                let access = access(open, flags);
                let file = mounted(store, &fd, &path, follows(how))?;
                if let Some(file) = file.filter(|file| file.opens(access)) {
                    let opened = if open.contains(OpenFlags::DIRECTORY) {
                        Err(ErrorCode::NotDirectory)
                    } else {
                        file.open_descriptor(access).map_err(refusal)
                    };
                    return Ok((match opened {
                        Ok(descriptor) => {
                            let fd = push(store, descriptor)?;
                            store.with(|mut store| store.data_mut().opened(&fd, file.memory()))?;
                            Ok(fd)
                        }
                        Err(error) => Err(error),
                    },));
                }
                let volume = store.with(|mut store| {
                    let guest = store.data_mut();
                    guest.in_memory.of(fd.rep()).cloned()
                });
                let files = files(store);
                let opened = WasiFilesystem::open_at(&files, fd, how, path, open, flags).await;
                if let Ok(fd) = &opened {
                    store.with(|mut store| store.data_mut().opened(fd, volume.as_ref()))?;
                }
                answer(opened)
            })
        },
    )?;
    types.func_wrap_concurrent(
        "[method]descriptor.stat-at",
        |store: &Store, (fd, how, path): (Fd, PathFlags, String)| {
            Box::pin(async move {
                let files = files(store);
                answer(match shown(store, &fd, &path, follows(how))? {
                    Some(file) => {
                        let rep = push(store, file.descriptor())?.rep();
                        let own = Resource::new_borrow(rep);
                        let result = WasiFilesystem::stat(&files, own).await;
                        release(store, rep)?;
                        result
                    }
                    None => WasiFilesystem::stat_at(&files, fd, how, path).await,
                })
            })
        },
    )?;
    types.func_wrap_concurrent(
        "[method]descriptor.metadata-hash-at",
        |store: &Store, (fd, how, path): (Fd, PathFlags, String)| {
            Box::pin(async move {
                let files = files(store);
                answer(match shown(store, &fd, &path, follows(how))? {
                    Some(file) => {
                        let rep = push(store, file.descriptor())?.rep();
                        let own = Resource::new_borrow(rep);
                        let result = WasiFilesystem::metadata_hash(&files, own).await;
                        release(store, rep)?;
                        result
                    }
                    None => WasiFilesystem::metadata_hash_at(&files, fd, how, path).await,
                })
            })
        },
    )?;
    types.func_wrap_concurrent(
        "[method]descriptor.set-times-at",
        |store: &Store,
         (fd, how, path, read, written): (Fd, PathFlags, String, NewTimestamp, NewTimestamp)| {
            Box::pin(async move {
                let files = files(store);
                answer(match shown(store, &fd, &path, follows(how))? {
                    Some(file) => {
                        let rep = push(store, file.descriptor())?.rep();
                        let own = Resource::new_borrow(rep);
                        let result = WasiFilesystem::set_times(&files, own, read, written).await;
                        release(store, rep)?;
                        result
                    }
                    None => {
                        WasiFilesystem::set_times_at(&files, fd, how, path, read, written).await
                    }
                })
            })
        },
    )?;
    names(&mut types)?;
    memory_files::add_p3(linker, TYPES)
}

/// What would take a mount point away is refused as Linux does it.
fn names(types: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    types.func_wrap_concurrent(
        "[method]descriptor.unlink-file-at",
        |store: &Store, (fd, path): (Fd, String)| {
            Box::pin(async move {
                if mounted(store, &fd, &path, false)?.is_some() {
                    return Ok((Err(ErrorCode::Busy),));
                }
                answer(WasiFilesystem::unlink_file_at(&files(store), fd, path).await)
            })
        },
    )?;
    types.func_wrap_concurrent(
        "[method]descriptor.rename-at",
        |store: &Store, (old, from, new, to): (Fd, String, Fd, String)| {
            Box::pin(async move {
                if mounted(store, &old, &from, false)?.is_some()
                    || mounted(store, &new, &to, false)?.is_some()
                {
                    return Ok((Err(ErrorCode::Busy),));
                }
                if !are_together(store, &old, &new) {
                    return Ok((Err(ErrorCode::CrossDevice),));
                }
                answer(WasiFilesystem::rename_at(&files(store), old, from, new, to).await)
            })
        },
    )?;
    types.func_wrap_concurrent(
        "[method]descriptor.link-at",
        |store: &Store, (old, how, from, new, to): (Fd, PathFlags, String, Fd, String)| {
            Box::pin(async move {
                if mounted(store, &old, &from, follows(how))?.is_some()
                    || !are_together(store, &old, &new)
                {
                    return Ok((Err(ErrorCode::CrossDevice),));
                }
                answer(WasiFilesystem::link_at(&files(store), old, how, from, new, to).await)
            })
        },
    )
}

fn files(store: &Store) -> Accessor<Guest, WasiFilesystem> {
    store.with_getter::<WasiFilesystem>(Guest::filesystem)
}

fn are_together(store: &Store, one: &Fd, other: &Fd) -> bool {
    store.with(|mut access| access.get().in_memory.are_together(one, other))
}

fn mounted(store: &Store, fd: &Fd, path: &str, follow: bool) -> Mounted {
    store.with(|mut access| access.get().mounted_file(fd, path, follow))
}

fn shown(store: &Store, fd: &Fd, path: &str, follow: bool) -> Mounted {
    store.with(|mut access| access.get().shown_file(fd, path, follow))
}

fn push(store: &Store, descriptor: Descriptor) -> wasmtime::Result<Fd> {
    store.with(|mut access| Ok(access.get().table.push(descriptor)?))
}

/// Ends a handle that a mounted file had for one question. A guest that cancels the call before keeps it: it counts against its own limit.
fn release(store: &Store, rep: u32) -> wasmtime::Result<()> {
    store.with(|mut access| {
        let own = Resource::<Descriptor>::new_own(rep);
        access.get().table.delete(own)?;
        Ok(())
    })
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

fn answer<T>(result: Result<T, TrappableError<ErrorCode>>) -> Answer<T> {
    Ok((match result {
        Ok(value) => Ok(value),
        Err(error) => Err(error.downcast()?),
    },))
}
