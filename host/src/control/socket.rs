//! The socket's place and who may connect. Whoever does has the power of the user who runs peapod.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

/// Its name in the folder of a run.
const NAME: &str = "control.sock";
/// What a socket's address holds of a path, with the final NUL: 108 bytes on Linux, fewer elsewhere.
const PATH_BYTES_MAX: usize = 100;

/// Listens in the folder of a run, which only its user may enter: between the making of a socket and the narrowing of its mode, nobody else
/// gets as far as the socket.
pub(super) fn listen(run: &Path) -> io::Result<UnixListener> {
    if fs::metadata(run)?.permissions().mode() & 0o077 != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "others may enter the folder of the control socket",
        ));
    }
    let listener = UnixListener::bind(Near::to(run)?.path())?;
    fs::set_permissions(run.join(NAME), fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the peapod whose run has that folder; an error at once where as many wait already as may, which is so where it was stopped.
pub(super) async fn connect(run: &Path) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(Near::to(run)?.path()).await?;
    if may_answer(&stream)? {
        Ok(stream)
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "another user's peapod",
        ))
    }
}

/// Whether the one who asks may: this user, and root, who may do everything anyway. Where this is root, nobody else.
pub(super) fn may_ask(stream: &UnixStream) -> io::Result<bool> {
    let theirs = stream.peer_cred()?.uid();
    Ok(theirs == own() || theirs == 0)
}

/// Whether the one who answers is to be told what is typed: not another user's peapod in a folder that others may write to, unless this is
/// root, who asks whom they like.
fn may_answer(stream: &UnixStream) -> io::Result<bool> {
    Ok(own() == 0 || may_ask(stream)?)
}

fn own() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The runs of a data directory that have a socket, whether somebody listens there or not.
pub(super) fn runs(data_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(data_dir.join("run")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.join(NAME).exists()).collect())
}

/// The socket of a run, by a shorter path where its own is longer than an address holds.
struct Near {
    path: PathBuf,
    /// What the shorter path leads through.
    _folder: Option<fs::File>,
}

impl Near {
    fn to(run: &Path) -> io::Result<Self> {
        let path = run.join(NAME);
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self {
                path,
                _folder: None,
            });
        }
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd as _;
            let folder = fs::File::open(run)?;
            let link = format!("/proc/self/fd/{}", folder.as_raw_fd());
            Ok(Self {
                path: Path::new(&link).join(NAME),
                _folder: Some(folder),
            })
        }
        #[cfg(not(target_os = "linux"))]
        Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the data directory's path is too long for a socket",
        ))
    }

    fn path(&self) -> &Path {
        &self.path
    }
}
