//! Names in archives: made relative to the folder they are unpacked into, or refused.

use super::LayerError;

const PATH_BYTES_MAX: usize = 4096;
const NAME_BYTES_MAX: usize = 255;
/// Whoever removes the folder goes as deep.
const DEPTH_MAX: usize = 128;

/// `./a//b/` and `/a/b` are `a/b`; the folder itself is the empty text. What goes up is refused: no tool that makes images writes it, only
/// somebody who wants to see where it leads.
pub(super) fn inside(bytes: &[u8]) -> Result<String, LayerError> {
    let shown = || {
        let start = &bytes[..bytes.len().min(NAME_BYTES_MAX)];
        String::from_utf8_lossy(start).into_owned()
    };
    let refuse = |why| LayerError::Entry(shown(), why);
    // Guests know no other names, so nothing could open it.
    let text = std::str::from_utf8(bytes).map_err(|_| refuse("its name is not UTF-8"))?;
    if text.contains('\0') {
        return Err(refuse("its name holds a zero byte"));
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    if parts.contains(&"..") {
        return Err(refuse("its name leads out of the container's root"));
    }
    if parts.len() > DEPTH_MAX {
        return Err(refuse("it lies too deep"));
    }
    if text.len() > PATH_BYTES_MAX || parts.iter().any(|part| part.len() > NAME_BYTES_MAX) {
        return Err(refuse("its name is too long"));
    }
    Ok(parts.join("/"))
}

/// What a symbolic link at `path` has to hold to lead, without leaving the root, where its target leads in a container whose root is `/`:
/// guests cannot follow a link that starts with `/`, and above the root there is nothing.
pub(super) fn link_target(path: &str, target: &str) -> String {
    let depth = path.matches('/').count();
    let (mut up, rest) = match target.strip_prefix('/') {
        Some(rest) => (depth, rest),
        None => (0, target),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split('/') {
        match part {
            "" | "." => {}
            // Up from a name may lead elsewhere than back, if the name is a link: only what can only be the root is cut off.
            ".." if parts.is_empty() => up = (up + 1).min(depth),
            part => parts.push(part),
        }
    }
    let ups = std::iter::repeat_n("..", up);
    let joined = ups.chain(parts).collect::<Vec<_>>().join("/");
    if joined.is_empty() {
        ".".to_owned()
    } else {
        joined
    }
}

/// The folder of a path and the name in it.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}
