//! Image references, as Docker's ecosystem spells them, and files.

use oci_spec::distribution::Reference;

use super::ImageError;

/// Whether the reference names a file: it ends in `.wasm` or `.wat`, or starts with `./`, `../` or `/`.
pub fn is_file(reference: &str) -> bool {
    let starts = ["./", "../", "/"];
    reference.ends_with(".wasm")
        || reference.ends_with(".wat")
        || starts.iter().any(|start| reference.starts_with(start))
}

/// The full name: `busybox` is `docker.io/library/busybox:latest`.
pub fn normalise(name: &str) -> Result<String, ImageError> {
    let parsed: Reference = name.parse().map_err(|error| ImageError::Name {
        name: name.to_owned(),
        detail: format!("{error}"),
    })?;
    Ok(parsed.whole())
}

#[cfg(test)]
mod tests {
    use super::{is_file, normalise};

    #[test]
    fn short_names_are_completed() {
        let full = |name| normalise(name).expect("valid");
        assert_eq!(full("busybox"), "docker.io/library/busybox:latest");
        assert_eq!(full("busybox:1.28"), "docker.io/library/busybox:1.28");
        assert_eq!(full("local/tomcat:7.0"), "docker.io/local/tomcat:7.0");
        assert_eq!(full("ghcr.io/a/b:v1"), "ghcr.io/a/b:v1");
        assert_eq!(full("localhost:5000/x"), "localhost:5000/x:latest");
        for bad in ["Busybox", "a b", "", "x:", "-x", "a//b"] {
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
}
