//! Names of objects, by the rules of mq_overview(7), sem_overview(7) and shm_open(3).

use super::IpcError;
use super::budget::Kind;

/// NAME_MAX: bytes after the slash.
const NAME_MAX_BYTES: usize = 255;

/// A slash, then 1 to 255 bytes without one. Linux answers a wrong name of a queue otherwise than of the other two.
pub(super) fn check(name: &str, kind: Kind) -> Result<(), IpcError> {
    let rest = name.strip_prefix('/').ok_or(IpcError::Invalid)?;
    let queue = kind == Kind::Queue;
    if rest.is_empty() {
        return Err(if queue {
            IpcError::NoEntry
        } else {
            IpcError::Invalid
        });
    }
    if rest.contains('/') {
        return Err(if queue {
            IpcError::Access
        } else {
            IpcError::Invalid
        });
    }
    if rest.contains('\0') || rest == "." || rest == ".." {
        return Err(IpcError::Invalid);
    }
    if rest.len() > NAME_MAX_BYTES {
        return Err(IpcError::NameTooLong);
    }
    Ok(())
}
