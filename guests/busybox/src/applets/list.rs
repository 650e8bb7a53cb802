//! `ls [-1aAdFhlpRrSt] [FILE …]`.

use std::fs::Metadata;
use std::path::Path;
use std::time::SystemTime;

use super::io::{complain, print, reason};
use super::options::{self, Options};
use super::stat::{date, mode};

/// A file to list: its name as it is shown.
struct Entry {
    name: String,
    path: std::path::PathBuf,
    metadata: Option<Metadata>,
}

impl Entry {
    fn new(name: String, path: &Path, follow: bool) -> Result<Self, std::io::Error> {
        let own = path.symlink_metadata()?;
        let metadata = if follow {
            path.metadata().unwrap_or(own)
        } else {
            own
        };
        Ok(Self {
            name,
            path: path.to_owned(),
            metadata: Some(metadata),
        })
    }

    fn is_dir(&self) -> bool {
        self.metadata.as_ref().is_some_and(Metadata::is_dir)
    }

    fn modified(&self) -> SystemTime {
        self.metadata
            .as_ref()
            .and_then(|metadata| metadata.modified().ok())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    fn size(&self) -> u64 {
        self.metadata.as_ref().map_or(0, Metadata::len)
    }
}

pub(super) fn ls(args: &[String]) -> i32 {
    let options = match options::parse(
        args,
        "1aAdFhlnpRrStCxiLHcu",
        &[
            ("all", 'a'),
            ("almost-all", 'A'),
            ("directory", 'd'),
            ("color", 'C'),
        ],
    ) {
        Ok(options) => options,
        Err(why) => {
            complain("ls", why);
            return 2;
        }
    };
    let paths = if options.operands.is_empty() {
        vec![".".to_owned()]
    } else {
        options.operands.clone()
    };
    let (mut files, mut folders, mut status) = (Vec::new(), Vec::new(), 0);
    for path in &paths {
        // A link on the command line stands for what it leads to, except in a long listing.
        match Entry::new(
            path.clone(),
            Path::new(path),
            !options.has('l') && !options.has('d'),
        ) {
            Ok(entry) if entry.is_dir() && !options.has('d') => folders.push(entry),
            Ok(entry) => files.push(entry),
            Err(e) => {
                complain("ls", format_args!("{path}: {}", reason(&e)));
                status = 1;
            }
        }
    }
    sort(&mut files, &options);
    sort(&mut folders, &options);
    let mut text = String::new();
    let headers = paths.len() > 1 || options.has('R');
    text += &lines(&files, &options);
    for folder in folders {
        list(&folder, &options, headers, &mut text, &mut status);
    }
    status.max(print(text.as_bytes()))
}

/// One directory, with those in it under `-R`.
fn list(folder: &Entry, options: &Options, header: bool, text: &mut String, status: &mut i32) {
    if header {
        if !text.is_empty() {
            text.push('\n');
        }
        *text += &format!("{}:\n", folder.name);
    }
    let entries = match folder.path.read_dir() {
        Ok(entries) => entries,
        Err(e) => {
            complain("ls", format_args!("{}: {}", folder.name, reason(&e)));
            *status = 1;
            return;
        }
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let shown = names.filter(|name| options.has('a') || options.has('A') || !name.starts_with('.'));
    let entry = |name: String| {
        let path = folder.path.join(&name);
        // A file that goes away meanwhile is still listed, by its name.
        Entry::new(name.clone(), &path, false).unwrap_or(Entry {
            name,
            path,
            metadata: None,
        })
    };
    let mut entries: Vec<Entry> = shown.map(entry).collect();
    if options.has('a') {
        // Above the sandbox's root there is nothing: it stands for its own parent.
        let above = Path::new(&folder.path)
            .join("..")
            .symlink_metadata()
            .ok()
            .or(folder.metadata.clone());
        entries.push(entry(".".to_owned()));
        entries.push(Entry {
            name: "..".to_owned(),
            path: folder.path.join(".."),
            metadata: above,
        });
    }
    sort(&mut entries, options);
    if options.has('l') {
        *text += &format!(
            "total {}\n",
            entries
                .iter()
                .map(|entry| entry.size().div_ceil(1024))
                .sum::<u64>()
        );
    }
    *text += &lines(&entries, options);
    if options.has('R') {
        for mut entry in entries
            .into_iter()
            .filter(|entry| entry.is_dir() && entry.name != "." && entry.name != "..")
        {
            entry.name = format!("{}/{}", folder.name.trim_end_matches('/'), entry.name);
            list(&entry, options, true, text, status);
        }
    }
}

fn sort(entries: &mut [Entry], options: &Options) {
    entries.sort_by(|one, other| {
        let by = match (options.has('t'), options.has('S')) {
            (true, _) => other.modified().cmp(&one.modified()),
            (false, true) => other.size().cmp(&one.size()),
            (false, false) => std::cmp::Ordering::Equal,
        };
        by.then_with(|| one.name.cmp(&other.name))
    });
    if options.has('r') {
        entries.reverse();
    }
}

fn lines(entries: &[Entry], options: &Options) -> String {
    let size = |entry: &Entry| {
        if options.has('h') {
            human(entry.size())
        } else {
            entry.size().to_string()
        }
    };
    let width = entries
        .iter()
        .map(|entry| size(entry).len())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for entry in entries {
        if options.has('l')
            && let Some(metadata) = &entry.metadata
        {
            let time = date(entry.modified(), "%b %e %H:%M");
            text += &format!(
                "{}    1 root     root     {:>width$} {time} ",
                mode(metadata),
                size(entry)
            );
        }
        text += &entry.name;
        text += mark(entry, options);
        if options.has('l')
            && let Ok(target) = entry.path.read_link()
        {
            text += &format!(" -> {}", target.display());
        }
        text.push('\n');
    }
    text
}

/// What `-F` and `-p` put behind a name.
fn mark(entry: &Entry, options: &Options) -> &'static str {
    match &entry.metadata {
        Some(metadata) if metadata.is_dir() && (options.has('F') || options.has('p')) => "/",
        Some(metadata) if metadata.is_symlink() && options.has('F') && !options.has('l') => "@",
        _ => "",
    }
}

/// A size as people read it: `1.5K`.
fn human(bytes: u64) -> String {
    let Some(power) = (1..5).rev().find(|power| bytes >> (10 * power) > 0) else {
        return bytes.to_string();
    };
    let unit = ["", "K", "M", "G", "T"]
        .get(power)
        .copied()
        .unwrap_or_default();
    let tenths = (bytes >> (10 * (power - 1))) * 10 / 1024;
    if tenths < 100 {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    } else {
        format!("{}{unit}", tenths / 10)
    }
}
