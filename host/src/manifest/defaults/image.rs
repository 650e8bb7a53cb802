//! The pull policy an image reference defaults to.

/// I1: a reference without tag and digest, or tagged `latest`, is asked for at each start; anything else only when absent. What is
/// no reference (a path such as `./hello.wasm`) has no tag, so it counts as anything else, as on a real server.
pub(super) fn pull_policy(image: &str) -> &'static str {
    match tag(image) {
        Some("latest") => "Always",
        _ => "IfNotPresent",
    }
}

fn tag(image: &str) -> Option<&str> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let (repository, tag) = match name.get(last..)?.rfind(':') {
        Some(at) => (name.get(..last + at)?, Some(name.get(last + at + 1..)?)),
        None => (name, None),
    };
    if !is_repository(repository) {
        return None;
    }
    tag.or_else(|| digest.is_none().then_some("latest"))
}

fn is_repository(name: &str) -> bool {
    let mut parts: Vec<&str> = name.split('/').collect();
    let domain = parts.len() > 1
        && parts.first().is_some_and(|first| {
            first.contains(['.', ':'])
                || *first == "localhost"
                || first.chars().any(char::is_uppercase)
        });
    if domain {
        let first = parts.remove(0);
        let (host, port) = first.split_once(':').unwrap_or((first, "0"));
        let label = |label: &str| {
            !label.is_empty()
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if !host.split('.').all(label) || !port.bytes().all(|b| b.is_ascii_digit()) {
            return false;
        }
    }
    parts.into_iter().all(|part| {
        let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        part.bytes()
            .all(|b| inner(b) || matches!(b, b'.' | b'_' | b'-'))
            && part.bytes().next().is_some_and(inner)
            && part.bytes().next_back().is_some_and(inner)
            && !part.contains("..")
    })
}

#[cfg(test)]
mod tests {
    use super::pull_policy;

    #[test]
    fn i1_no_tag_or_latest_is_always_anything_else_if_not_present() {
        for (image, policy) in [
            ("busybox", "Always"),
            ("busybox:latest", "Always"),
            ("busybox:1.36", "IfNotPresent"),
            ("localhost:5000/busybox", "Always"),
            ("a/b@sha256:0123", "IfNotPresent"),
            ("./hello.wasm", "IfNotPresent"),
            ("/srv/hello.wasm", "IfNotPresent"),
            ("registry.example/App", "IfNotPresent"),
        ] {
            assert_eq!(pull_policy(image), policy, "{image}");
        }
    }
}
