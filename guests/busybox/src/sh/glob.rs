//! Pathname expansion.

use std::path::Path;

use super::expand::Piece;
use super::pattern::{Pattern, is_special, source};

/// The paths that a field matches, sorted; none where it is no pattern or matches nothing.
pub(crate) fn paths(field: &[Piece], cwd: &str) -> Option<Vec<String>> {
    let special = |piece: &Piece| {
        !matches!(piece, Piece::Quoted(_)) && piece.text().contains(['*', '?', '['])
    };
    if !field.iter().any(special) {
        return None;
    }
    // A quoted slash separates like any other.
    let pattern = source(field).replace("\\/", "/");
    if !is_special(&pattern) {
        return None;
    }
    let (start, relative) = if pattern.starts_with('/') {
        ("/", pattern.trim_start_matches('/'))
    } else {
        ("", pattern.as_str())
    };
    let mut found = vec![start.to_owned()];
    let mut parts = relative.split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        found = found
            .iter()
            .flat_map(|base| step(base, part, last, cwd))
            .collect();
        if found.is_empty() {
            return None;
        }
    }
    found.sort_unstable();
    Some(found)
}

/// The paths that one more segment makes of `base`.
fn step(base: &str, part: &str, last: bool, cwd: &str) -> Vec<String> {
    let path = |name: &str| {
        if last {
            format!("{base}{name}")
        } else {
            format!("{base}{name}/")
        }
    };
    if part.is_empty() {
        return vec![base.to_owned()];
    }
    if !is_special(part) {
        let path = path(&part.replace('\\', ""));
        return if Path::new(cwd).join(&path).symlink_metadata().is_ok() {
            vec![path]
        } else {
            Vec::new()
        };
    }
    let pattern = Pattern::parse(part);
    let folder = Path::new(cwd).join(base);
    let Ok(entries) = folder.read_dir() else {
        return Vec::new();
    };
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    // A leading dot is never matched by a wildcard.
    let wanted = names
        .filter(|name| name.starts_with('.') == part.starts_with('.') && pattern.matches(name));
    wanted
        .filter(|name| last || folder.join(name).is_dir())
        .map(|name| path(&name))
        .collect()
}
