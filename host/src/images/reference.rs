//! Image references, as Docker's ecosystem spells them (the grammar of the `distribution` project's `reference` package), and files.
//!
//! Parsed by hand: the crates for it compile regular expressions of megabytes at first use, which takes ten times as long as a small
//! container runs. A test compares with one of them.

use super::ImageError;

/// Longest name: registry and repository together.
const NAME_BYTES_MAX: usize = 255;
const TAG_BYTES_MAX: usize = 128;

/// Whether the reference names a file: it ends in `.wasm` or `.wat`, or starts with `./`, `../` or `/`.
pub fn is_file(reference: &str) -> bool {
    let starts = ["./", "../", "/"];
    reference.ends_with(".wasm")
        || reference.ends_with(".wat")
        || starts.iter().any(|start| reference.starts_with(start))
}

/// The full name: `busybox` is `docker.io/library/busybox:latest`.
pub fn normalise(name: &str) -> Result<String, ImageError> {
    full(name).map_err(|detail| ImageError::Name {
        name: name.to_owned(),
        detail: detail.to_owned(),
    })
}

fn full(text: &str) -> Result<String, &'static str> {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    // A colon before the last slash parts a registry from its port.
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    let (registry, repository) = split_registry(name);
    if !registry.is_none_or(is_registry) {
        return Err("its registry is no host name");
    }
    if repository.chars().any(|c| c.is_ascii_uppercase()) {
        return Err("a repository name must be lowercase");
    }
    if !repository.split('/').all(is_path_component) {
        return Err("a repository name is made of a-z, 0-9 and single separators . _ - /");
    }
    if !tag.is_none_or(is_tag) {
        return Err("a tag is at most 128 of A-Z, a-z, 0-9, _ . - and starts with none of . -");
    }
    if !digest.is_none_or(is_digest) {
        return Err("a digest looks like sha256: and 64 hexadecimal digits");
    }
    let registry = match registry {
        None | Some("index.docker.io") => "docker.io",
        Some(registry) => registry,
    };
    let library = registry == "docker.io" && !repository.contains('/');
    let mut name = format!(
        "{registry}/{}{repository}",
        if library { "library/" } else { "" }
    );
    if name.len() > NAME_BYTES_MAX {
        return Err("a name has at most 255 characters");
    }
    if let Some(tag) = tag.or(digest.is_none().then_some("latest")) {
        name = format!("{name}:{tag}");
    }
    if let Some(digest) = digest {
        name = format!("{name}@{digest}");
    }
    Ok(name)
}

/// The first segment is a registry when it looks like a host.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), rest)
        }
        _ => (None, name),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let digits = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    if !port.is_none_or(digits) {
        return false;
    }
    if let Some(address) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return !address.is_empty() && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':');
    }
    host.split('.').all(|label| {
        let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let bytes = label.as_bytes();
        ends(bytes.first())
            && ends(bytes.last())
            && bytes
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    })
}

/// Lowercase letters and digits, parted by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends = |b: Option<&u8>| b.is_some_and(|b| word(*b));
    if !ends(bytes.first()) || !ends(bytes.last()) {
        return false;
    }
    bytes.split(|b| word(*b)).all(|between| {
        matches!(between, [] | [b'.'] | [b'_'] | [b'_', b'_']) || between.iter().all(|b| *b == b'-')
    })
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first = text.bytes().next().is_some_and(word);
    first && text.len() <= TAG_BYTES_MAX && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_digest(text: &str) -> bool {
    let lengths = [("sha256", 64), ("sha384", 96), ("sha512", 128)];
    text.split_once(':').is_some_and(|(algorithm, hex)| {
        let known = lengths
            .iter()
            .any(|(name, len)| *name == algorithm && hex.len() == *len);
        known
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{is_file, normalise};

    #[test]
    fn short_names_are_completed() {
        let full = |name| normalise(name).expect("valid");
        assert_eq!(full("busybox"), "docker.io/library/busybox:latest");
        assert_eq!(full("busybox:1.28"), "docker.io/library/busybox:1.28");
        assert_eq!(full("local/tomcat:7.0"), "docker.io/local/tomcat:7.0");
        assert_eq!(full("ghcr.io/a/b:v1"), "ghcr.io/a/b:v1");
        assert_eq!(full("localhost:5000/x"), "localhost:5000/x:latest");
        for bad in [
            "Busybox",
            "a b",
            "",
            "x:",
            "-x",
            "a//b",
            "x@sha256:12",
            "x:a/b:c",
        ] {
            assert!(normalise(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_are_told_from_names() {
        for file in ["./x", "../x.wasm", "/opt/x", "hello.wasm", "a/b.wat"] {
            assert!(is_file(file), "{file}");
        }
        for name in ["busybox", "a/b", "x:wasm", "hello.wasm:1"] {
            assert!(!is_file(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn names_mean_what_they_mean_elsewhere(
            name in "(([a-z0-9.-]{1,5}|localhost|index\\.docker\\.io|docker\\.io)(:[0-9a]{0,3})?/)?[a-z0-9._/-]{0,9}(:[A-Za-z0-9_.-]{0,4})?(@sha256:[0-9a-f]{64})?"
        ) {
            // Theirs takes some more: capitals in a repository, underscores in a registry.
            if let Ok(ours) = normalise(&name) {
                let theirs: Result<oci_spec::distribution::Reference, _> = name.parse();
                prop_assert_eq!(Some(ours), theirs.ok().map(|theirs| theirs.whole()));
            }
        }
    }
}
