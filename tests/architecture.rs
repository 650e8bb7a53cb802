//! Holds the source against the map in ARCHITECTURE.md: who may use whom, what a pure room may not contain, how long a file may be.

#![expect(clippy::expect_used, reason = "tests end by panics")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may name. What is missing here is an error, too: a new room is entered on the map first.
const MAY_USE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("engine", &["model"]),
    ("scheduling", &["model"]),
    ("manifest", &["model"]),
    ("events", &["model", "engine"]),
    ("sim", &["model", "engine"]),
    // The logical host's parts know nobody but the model, so that the contracts can carry them as plain values.
    ("budget", &["model"]),
    ("network", &["model", "budget"]),
    ("ipc", &["model"]),
    ("ports", &["model", "budget", "network", "ipc"]),
    ("sandbox", &["model", "ports", "network", "ipc"]),
    ("controllers", &["model", "store", "network"]),
    ("images", &["model", "ports", "layers", "tree"]),
    ("tree", &[]),
    ("layers", &[]),
    ("volumes", &["model", "ports", "tree", "layers", "budget"]),
    (
        "wasm",
        &[
            "model", "ports", "tree", "layers", "budget", "network", "ipc",
        ],
    ),
    ("logs", &["model", "ports", "tree"]),
    ("clock", &["model", "ports"]),
    ("machine", &["model"]),
    ("prober", &["model", "ports", "engine", "network"]),
    ("worker", &["model", "ports", "engine", "prober"]),
    ("store", &["model"]),
    (
        "node",
        &[
            "model",
            "ports",
            "engine",
            "scheduling",
            "store",
            "worker",
            "tree",
        ],
    ),
    ("control", &["model", "ports", "store", "worker"]),
    // The composition root and the commands see every room; nothing sees them.
    ("app", &["*"]),
    ("cli", &["*"]),
];

/// No async, no I/O, no clock, no randomness.
const PURE: &[&str] = &[
    "model",
    "engine",
    "events",
    "manifest",
    "sim",
    "scheduling",
    "budget",
];

const IMPURE: &[&str] = &[
    "tokio",
    "wasmtime",
    "rustix",
    "cap_std",
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::thread",
    "std::process",
    "Instant::now",
    "SystemTime",
    "async fn",
    ".await",
];

const LINES_MAX: usize = 600;

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with its room and whether it is a test. `main.rs` and `lib.rs` belong to no room.
fn rooms() -> Vec<(String, PathBuf, String, bool)> {
    let mut all = Vec::new();
    files(&source(), &mut all);
    all.sort();
    let mut list = Vec::new();
    for path in all {
        let inside = path.strip_prefix(source()).expect("inside").to_owned();
        let parts: Vec<_> = inside
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        let room = parts[0].trim_end_matches(".rs").to_owned();
        if room == "main" || room == "lib" {
            continue;
        }
        let test = parts.iter().any(|part| part.starts_with("test"));
        let text = std::fs::read_to_string(&path).expect("text");
        list.push((room, inside, text, test));
    }
    list
}

/// The part of a file that is no test, without comments.
fn code(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let lines = text[..end]
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn rooms_use_only_what_the_map_allows() {
    let allowed: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let mut faults = Vec::new();
    for (room, path, text, test) in rooms() {
        let Some(may) = allowed.get(room.as_str()) else {
            faults.push(format!("{}: room {room} is not on the map", path.display()));
            continue;
        };
        if test || may.contains(&"*") {
            continue;
        }
        for (at, _) in code(&text).match_indices("crate::") {
            let code = code(&text);
            let rest = &code[at + "crate::".len()..];
            let used: String = rest
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || *c == '_')
                .collect();
            if used != room && !used.is_empty() && !may.contains(&used.as_str()) {
                faults.push(format!("{}: {room} must not use {used}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn pure_rooms_are_pure() {
    let mut faults = Vec::new();
    for (room, path, text, test) in rooms() {
        if !PURE.contains(&room.as_str()) || test {
            continue;
        }
        let code = code(&text);
        faults.extend(
            IMPURE
                .iter()
                .filter(|word| code.contains(**word))
                .map(|word| format!("{}: {word}", path.display())),
        );
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn files_stay_readable_and_rooms_introduce_themselves() {
    let mut faults = Vec::new();
    for (room, path, text, test) in rooms() {
        let lines = text.lines().count();
        if lines > LINES_MAX && !test {
            faults.push(format!("{}: {lines} lines", path.display()));
        }
        let head = path == Path::new(&room).join("mod.rs");
        if head
            && !["owns:", "never does:", "talks to:"]
                .iter()
                .all(|word| text.contains(word))
        {
            faults.push(format!("{}: owns, never does, talks to", path.display()));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_map_names_every_room() {
    let map = std::fs::read_to_string(source().join("../../ARCHITECTURE.md")).expect("the map");
    assert!(map.lines().count() <= 150, "a map fits on a page or two");
    for (room, _) in MAY_USE {
        assert!(
            map.contains(&format!("  {room}")),
            "{room} is not on the map"
        );
    }
}
