//! Opening a single file to be mounted.

use std::fs::OpenOptions;
use std::io;
use std::sync::Arc;

use crate::ports::MountSource;

/// Opens a regular file for as much as the machine allows; the argument says whether for writing, too. That a mount is read-only is held
/// where guests open it.
pub(super) fn open(with: impl Fn(bool) -> io::Result<std::fs::File>) -> io::Result<MountSource> {
    let file = with(true).or_else(|_| with(false))?;
    // Looked at once more: something else may have taken the name since.
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "not a regular file",
        ));
    }
    Ok(MountSource::File(Arc::new(file)))
}

/// Opening a FIFO waits for its other end, which may never come.
#[cfg(unix)]
pub(super) fn no_waiting(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
}

#[cfg(not(unix))]
pub(super) fn no_waiting(_: &mut OpenOptions) {}
