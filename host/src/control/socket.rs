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
    let listener = near(run, |path| UnixListener::bind(path))?;
    fs::set_permissions(run.join(NAME), fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Connects to the peapod whose run has that folder.
pub(super) async fn connect(run: &Path) -> io::Result<UnixStream> {
    // What is to be waited for is in the connection, not in the path.
    let stream = near(run, |path| {
        let stream = std::os::unix::net::UnixStream::connect(path)?;
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    })?;
    if is_trusted(&stream)? {
        Ok(stream)
    } else {
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "another user's peapod",
        ))
    }
}

/// Whether the other end is this user's, or root's, or this is root.
pub(super) fn is_trusted(stream: &UnixStream) -> io::Result<bool> {
    let (own, theirs) = (
        rustix::process::geteuid().as_raw(),
        stream.peer_cred()?.uid(),
    );
    Ok(theirs == own || theirs == 0 || own == 0)
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

/// Uses the socket of a run, by a shorter path where its own is longer than an address holds.
fn near<T>(run: &Path, use_it: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = run.join(NAME);
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return use_it(&path);
    }
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd as _;
        let folder = fs::File::open(run)?;
        let link = format!("/proc/self/fd/{}", folder.as_raw_fd());
        use_it(&Path::new(&link).join(NAME))
    }
    #[cfg(not(target_os = "linux"))]
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "the data directory's path is too long for a socket",
    ))
}
