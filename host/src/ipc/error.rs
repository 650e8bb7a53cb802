//! What goes wrong, by its POSIX meaning.

/// An error of an IPC call. The bindings give it to guests by its POSIX name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum IpcError {
    /// ENOENT
    #[error("no object of that name")]
    NoEntry,
    /// EEXIST
    #[error("the object is there already")]
    Exists,
    /// EACCES: more than one slash in a queue's name, or a segment opened for reading only is written.
    #[error("permission denied")]
    Access,
    /// EINVAL
    #[error("invalid argument")]
    Invalid,
    /// ENAMETOOLONG
    #[error("name too long")]
    NameTooLong,
    /// EMSGSIZE
    #[error("message longer than the queue takes")]
    MessageSize,
    /// EAGAIN
    #[error("it would block")]
    WouldBlock,
    /// ETIMEDOUT
    #[error("timed out")]
    TimedOut,
    /// EBADF: the queue was not opened for this.
    #[error("queue not opened for this")]
    BadHandle,
    /// ENOSPC: the pod's limit of objects or of bytes is reached.
    #[error("no space left in this pod's ipc")]
    NoSpace,
    /// ENOMEM: too many bytes wait to be sent, or the machine has no memory.
    #[error("out of memory")]
    NoMemory,
    /// EOVERFLOW
    #[error("semaphore value too large")]
    Overflow,
}
