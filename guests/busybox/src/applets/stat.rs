//! `stat [-L] [-c FORMAT] FILE …`, and how files are shown elsewhere.

use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

use super::io::{complain, print, reason};
use super::options;

/// A file's type and permissions as `ls -l` has them. WASI's files have no modes: what can be used is shown as such.
pub(super) fn mode(metadata: &Metadata) -> &'static str {
    match (
        metadata.is_dir(),
        metadata.is_symlink(),
        metadata.permissions().readonly(),
    ) {
        (true, ..) => "drwxr-xr-x",
        (_, true, _) => "lrwxrwxrwx",
        (.., true) => "-r--r--r--",
        _ => "-rw-r--r--",
    }
}

/// A point in time, in UTC.
pub(super) fn date(time: SystemTime, format: &str) -> String {
    jiff::Timestamp::try_from(time)
        .map(|time| time.strftime(format).to_string())
        .unwrap_or_default()
}

pub(super) fn stat(args: &[String]) -> i32 {
    let options = match options::parse(args, "Lc:t", &[("format", 'c'), ("dereference", 'L')]) {
        Ok(options) if !options.operands.is_empty() => options,
        Ok(_) => {
            complain("stat", "missing operand");
            return 1;
        }
        Err(why) => {
            complain("stat", why);
            return 1;
        }
    };
    let mut status = 0;
    for path in &options.operands {
        let metadata = if options.has('L') {
            Path::new(path).metadata()
        } else {
            Path::new(path).symlink_metadata()
        };
        match metadata {
            Ok(metadata) => {
                let text = options.value('c').map_or_else(
                    || long(path, &metadata),
                    |format| formatted(format, path, &metadata) + "\n",
                );
                status = status.max(print(text.as_bytes()));
            }
            Err(e) => {
                complain("stat", format_args!("cannot stat '{path}': {}", reason(&e)));
                status = 1;
            }
        }
    }
    status
}

fn kind(metadata: &Metadata) -> &'static str {
    match (
        metadata.is_dir(),
        metadata.is_symlink(),
        metadata.is_file(),
        metadata.len(),
    ) {
        (true, ..) => "directory",
        (_, true, ..) => "symbolic link",
        (.., true, 0) => "regular empty file",
        (.., true, _) => "regular file",
        _ => "character special file",
    }
}

/// The permissions in octal.
fn octal(metadata: &Metadata) -> &'static str {
    match mode(metadata) {
        "-r--r--r--" => "444",
        "-rw-r--r--" => "644",
        "lrwxrwxrwx" => "777",
        _ => "755",
    }
}

fn long(path: &str, metadata: &Metadata) -> String {
    let time = |time: std::io::Result<SystemTime>| {
        date(
            time.unwrap_or(SystemTime::UNIX_EPOCH),
            "%Y-%m-%d %H:%M:%S.%9f %z",
        )
    };
    format!(
        "  File: {path}\n  Size: {}\t{}\nAccess: (0{}/{})  Uid: (    0/    root)   Gid: (    0/    root)\nAccess: {}\nModify: {}\n",
        metadata.len(),
        kind(metadata),
        octal(metadata),
        mode(metadata),
        time(metadata.accessed()),
        time(metadata.modified())
    )
}

fn formatted(format: &str, path: &str, metadata: &Metadata) -> String {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => text += path,
            Some('s') => text += &metadata.len().to_string(),
            Some('F') => text += kind(metadata),
            Some('a') => text += octal(metadata),
            Some('A') => text += mode(metadata),
            Some('U' | 'G') => text += "root",
            Some('u' | 'g') => text += "0",
            Some('Y') => text += &date(modified, "%s"),
            Some('y') => text += &date(modified, "%Y-%m-%d %H:%M:%S.%9f %z"),
            Some('%') => text.push('%'),
            Some(_) | None => text.push('?'),
        }
    }
    text
}
