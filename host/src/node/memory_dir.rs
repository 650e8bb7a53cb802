//! The folder of one run of peapod in memory: for volumes that are not to be written to a disk.

use std::path::PathBuf;
use std::sync::OnceLock;

use super::run_dir::{self, RunDir};

/// Made when it is first asked for, removed with this value. Linux has a file system in memory that everybody may use, `/dev/shm`; where
/// there is none, there is no such folder.
#[derive(Default)]
pub struct MemoryDir(OnceLock<Option<RunDir>>);

impl MemoryDir {
    /// Where pods' folders go.
    pub fn pods(&self) -> Option<PathBuf> {
        let run = self.0.get_or_init(|| {
            let made = RunDir::under(&own(true)?);
            made.inspect_err(
                |error| tracing::warn!(%error, "no folder in memory: volumes go to the disk"),
            )
            .ok()
        });
        run.as_ref().map(RunDir::pods)
    }

    /// Removes what processes left that are gone.
    pub fn sweep() {
        if let Some(runs) = own(false) {
            run_dir::sweep(&runs);
        }
    }
}

/// This user's folder, of which nobody else can see anything.
#[cfg(target_os = "linux")]
fn own(make: bool) -> Option<PathBuf> {
    let user = rustix::process::geteuid().as_raw();
    own_in(std::path::Path::new("/dev/shm"), user, make)
}

#[cfg(target_os = "linux")]
fn own_in(shm: &std::path::Path, user: u32, make: bool) -> Option<PathBuf> {
    use std::fs::{self, DirBuilder};
    use std::io::ErrorKind;
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};

    const TMPFS: rustix::fs::FsWord = 0x0102_1994;
    // A plain folder of that name is on a disk.
    if rustix::fs::statfs(shm).ok()?.f_type != TMPFS {
        return None;
    }
    let own = shm.join(format!("peapod-{user}"));
    if make {
        match DirBuilder::new().mode(0o700).create(&own) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return None,
            _ => {}
        }
    }
    // Anybody can have made something of that name first, to read what pods keep secret or to lead their files elsewhere.
    let found = fs::symlink_metadata(&own).ok()?;
    let private = found.is_dir() && found.uid() == user && found.mode() & 0o077 == 0;
    private.then_some(own)
}

#[cfg(not(target_os = "linux"))]
fn own(_make: bool) -> Option<PathBuf> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::{MemoryDir, own_in};

    #[test]
    fn g2_a_folder_in_memory_is_private_and_goes_with_its_run() {
        let memory = MemoryDir::default();
        let Some(pods) = memory.pods() else {
            assert!(
                own_in(Path::new("/dev/shm"), 0, false).is_none(),
                "no tmpfs here"
            );
            return;
        };
        assert_eq!(memory.pods(), Some(pods.clone()), "one a run");
        let run = pods.parent().expect("the run's").to_owned();
        let user = run.parent().expect("the user's");
        let mode = user.metadata().expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        MemoryDir::sweep();
        assert!(run.exists(), "a sweep leaves those that are alive");
        drop(memory);
        assert!(!run.exists());
    }

    #[test]
    fn a_folder_that_somebody_else_made_or_that_is_on_a_disk_is_not_used() {
        let shm = Path::new("/dev/shm");
        let user = rustix::process::geteuid().as_raw();
        let Ok(place) = tempfile::tempdir_in(shm) else {
            return;
        };
        let name = place.path().join(format!("peapod-{user}"));
        if own_in(place.path(), user, false).is_some() || own_in(place.path(), user, true).is_none()
        {
            // No tmpfs here.
            return;
        }
        std::fs::set_permissions(&name, std::fs::Permissions::from_mode(0o755)).expect("changed");
        assert!(own_in(place.path(), user, true).is_none(), "open to others");
        std::fs::remove_dir(&name).expect("removed");
        symlink("/tmp", &name).expect("linked");
        assert!(own_in(place.path(), user, true).is_none(), "a link");
        assert!(own_in(Path::new("/proc"), user, true).is_none(), "no tmpfs");
    }
}
