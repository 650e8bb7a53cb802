//! The project's tests, and what their names and comments claim.

use std::path::{Path, PathBuf};

pub(crate) struct Test {
    /// `tests/e2e/probes.rs::d6_…`; without `host/src/` in front.
    pub(crate) name: String,
    /// What stands above it: tests of Kubernetes' suites, as written.
    pub(crate) stands_for: Vec<String>,
}

pub(crate) struct Scan {
    pub(crate) tests: Vec<Test>,
    pub(crate) faults: Vec<String>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

pub(crate) fn scan() -> Scan {
    let root = root();
    let mut paths = Vec::new();
    files(&root.join("host/src"), &mut paths);
    files(&root.join("tests"), &mut paths);
    let mut found = Scan {
        tests: Vec::new(),
        faults: Vec::new(),
    };
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("text");
        let inside = path.strip_prefix(&root).expect("inside");
        let inside = inside.to_string_lossy().replace('\\', "/");
        let file = inside.strip_prefix("host/src/").unwrap_or(&inside);
        scan_file(file, &text, &mut found);
    }
    found.tests.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The functions of a file that stand under a test's attribute, those of `proptest!` too.
pub(crate) fn scan_file(file: &str, text: &str, found: &mut Scan) {
    let mut test = false;
    let mut stands_for = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", at + 1);
        let line = line.trim_start();
        if let Some(comment) = line.strip_prefix("//") {
            let comment = comment.trim_start_matches('/').trim();
            if let Some(other) = comment.strip_prefix("conformance:") {
                let claims = one_by_one(other.trim());
                let well = claims.iter().all(|claim| suite_test(claim).is_some());
                if !well || !line.starts_with("// conformance: [sig-") {
                    let form = "// conformance: [sig-node] name (file.go)";
                    found
                        .faults
                        .push(format!("{place}: not of the form `{form}`"));
                }
                stands_for.extend(claims);
            }
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            test = true;
        } else if let Some(name) = function(line) {
            if test {
                found.tests.push(Test {
                    name: format!("{file}::{name}"),
                    stands_for: std::mem::take(&mut stands_for),
                });
            }
            test = false;
        } else if !test && !line.starts_with("#[") && !stands_for.is_empty() {
            found
                .faults
                .push(format!("{place}: `conformance` stands above no test"));
            stands_for.clear();
        }
    }
}

/// `a {b|c} d` is two names.
fn one_by_one(text: &str) -> Vec<String> {
    let Some((head, (choices, tail))) = text
        .split_once('{')
        .and_then(|(head, rest)| Some((head, rest.split_once('}')?)))
    else {
        return vec![text.to_owned()];
    };
    let tails = one_by_one(tail);
    let choices = choices.split('|');
    choices
        .flat_map(|choice| {
            tails
                .iter()
                .map(move |tail| format!("{head}{choice}{tail}"))
        })
        .collect()
}

pub(crate) fn function(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("async ").unwrap_or(line);
    let rest = rest.strip_prefix("fn ")?;
    rest.split(['(', '<']).next()
}

/// `[sig-node] name (file.go)` as file and name.
pub(crate) fn suite_test(text: &str) -> Option<(&str, &str)> {
    let rest = text.trim().strip_prefix("[sig-")?;
    let (_, rest) = rest.split_once("] ")?;
    let (name, file) = rest.strip_suffix(')')?.rsplit_once(" (")?;
    file.ends_with(".go").then_some((file, name))
}
