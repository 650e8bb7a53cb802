//! Tries file operations in the order they are given, and prints for each what came of it: `OP PATH: ok …` or `OP PATH: KIND (WORDS)`,
//! the kind of error as Rust calls it (NotFound, PermissionDenied, ReadOnlyFilesystem …). It goes on after an error and exits 0.
//!
//! Operations: `read PATH`, `write PATH TEXT`, `append PATH TEXT`, `mkdir PATH`, `rm PATH`, `mv FROM TO`, `link FROM TO`, `symlink TARGET LINK`,
//! `readlink PATH`, `stat PATH`, `ls PATH`.

use std::ffi::CString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};

const USAGE: &str = "files OP PATH [TEXT|TO] …";

fn main() {
    let mut args = behaviours::Args::new(USAGE);
    while let Some(op) = args.next() {
        let path: String = args.need();
        let outcome = match op.as_str() {
            "read" => fs::read_to_string(&path).map(|text| text.trim_end_matches('\n').to_owned()),
            "write" => fs::write(&path, args.need::<String>()).map(|()| String::new()),
            "append" => append(&path, &args.need::<String>()),
            "mkdir" => fs::create_dir(&path).map(|()| String::new()),
            "rm" => remove(&path),
            "mv" => fs::rename(&path, args.need::<String>()).map(|()| String::new()),
            "link" => fs::hard_link(&path, args.need::<String>()).map(|()| String::new()),
            "symlink" => symlink(&path, &args.need::<String>()),
            "readlink" => fs::read_link(&path).map(|to| to.display().to_string()),
            "stat" => stat(&path),
            "ls" => list(&path),
            _ => behaviours::usage(USAGE),
        };
        match outcome {
            Ok(text) if text.is_empty() => println!("{op} {path}: ok"),
            Ok(text) => println!("{op} {path}: ok {text}"),
            Err(e) => println!("{op} {path}: {:?} ({})", e.kind(), words(&e)),
        }
    }
}

/// The error in words, without its number: that one is WASI's, and nobody knows it by heart.
fn words(e: &io::Error) -> String {
    let text = e.to_string();
    text.split_once(" (os error")
        .map_or(text.clone(), |(words, _)| words.to_owned())
}

fn append(path: &str, text: &str) -> io::Result<String> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)?
        .write_all(text.as_bytes())?;
    Ok(String::new())
}

fn remove(path: &str) -> io::Result<String> {
    if fs::symlink_metadata(path)?.is_dir() {
        fs::remove_dir(path)?
    } else {
        fs::remove_file(path)?
    }
    Ok(String::new())
}

fn stat(path: &str) -> io::Result<String> {
    let it = fs::symlink_metadata(path)?;
    let kind = if it.is_dir() {
        "directory"
    } else if it.is_symlink() {
        "symlink"
    } else {
        "file"
    };
    Ok(format!("{kind} {}", it.len()))
}

fn list(path: &str) -> io::Result<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names.join(" "))
}

/// std has no stable way to make a symlink on WASI.
fn symlink(target: &str, link: &str) -> io::Result<String> {
    let (target, link) = (CString::new(target)?, CString::new(link)?);
    // SAFETY: both are strings that end in a zero byte and live until after the call.
    if unsafe { libc::symlink(target.as_ptr(), link.as_ptr()) } == 0 {
        Ok(String::new())
    } else {
        Err(io::Error::last_os_error())
    }
}
