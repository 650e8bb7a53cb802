//! Following files as they grow: the part of `tail` that does not end.

use std::fs::File;
use std::io::{ErrorKind, Seek, SeekFrom};
use std::time::Duration;

use uucore::fs::FileInformation;

use super::io::{complain, reason};
use super::tail::{copy, header};

/// How often to look. WASI has no way to be told.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// A file that is followed.
pub(super) struct Followed {
    pub(super) path: String,
    /// How much of it has been shown.
    pub(super) position: u64,
    open: Option<File>,
    /// It has been said that the file is not there.
    missed: bool,
}

impl Followed {
    pub(super) fn new(path: String) -> Self {
        Self {
            path,
            position: 0,
            open: None,
            missed: false,
        }
    }

    pub(super) fn attach(&mut self, file: File) {
        self.open = Some(file);
    }

    /// By name: takes up the file that now has the name, if it is another one than before, or the first.
    fn reopen(&mut self) {
        let there = File::open(&self.path)
            .and_then(|file| FileInformation::from_file(&file).map(|facts| (file, facts)));
        match there {
            Ok((file, facts)) => {
                let same = self
                    .open
                    .as_ref()
                    .and_then(|open| FileInformation::from_file(open).ok())
                    .is_some_and(|open| open == facts);
                if !same {
                    if self.open.is_some() {
                        complain(
                            "tail",
                            format_args!("'{}' has been replaced;  following new file", self.path),
                        );
                    } else {
                        complain(
                            "tail",
                            format_args!("'{}' has appeared;  following new file", self.path),
                        );
                    }
                    self.position = 0;
                    self.open = Some(file);
                }
                self.missed = false;
            }
            Err(e) if !self.missed => {
                // What has been written to the old file until now is still shown: it stays open until another takes its place.
                if self.open.is_some() && e.kind() == ErrorKind::NotFound {
                    complain(
                        "tail",
                        format_args!("'{}' has become inaccessible: {}", self.path, reason(&e)),
                    );
                }
                self.missed = true;
            }
            Err(_) => {}
        }
    }

    /// Shows what is new; whether there was anything.
    fn show_news(&mut self, head: impl FnOnce(&str)) -> bool {
        let Some(file) = &mut self.open else {
            return false;
        };
        let Ok(length) = file.metadata().map(|metadata| metadata.len()) else {
            return false;
        };
        if length < self.position {
            complain("tail", format_args!("{}: file truncated", self.path));
            self.position = 0;
        }
        if length == self.position || file.seek(SeekFrom::Start(self.position)).is_err() {
            return false;
        }
        head(&self.path);
        // A read that fails is tried again in the next round.
        self.position += copy(file).unwrap_or(0);
        true
    }
}

/// Follows the files for ever; returns where there is nothing to wait for.
pub(super) fn follow(
    mut files: Vec<Followed>,
    by_name: bool,
    headers: bool,
    mut last_shown: Option<usize>,
    pause: Duration,
) -> i32 {
    // Standard input has been read to its end, which does not move.
    files.retain(|file| file.path != "-");
    if files.is_empty() || !by_name && files.iter().all(|file| file.open.is_none()) {
        return i32::from(!files.is_empty());
    }
    loop {
        for (index, file) in files.iter_mut().enumerate() {
            // First the rest of the old file, then the new one from its start.
            for round in 0..2 {
                if round == 1 && by_name {
                    file.reopen();
                }
                let switched = last_shown != Some(index);
                let blank = last_shown.is_some();
                let shown = file.show_news(|path| {
                    if headers && switched {
                        // A failed write has ended the command already.
                        let _ = header(path, blank);
                    }
                });
                if shown {
                    last_shown = Some(index);
                }
            }
        }
        std::thread::sleep(pause);
    }
}
