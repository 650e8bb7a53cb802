//! One container's log as a stream of bytes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::time::Duration;

use super::super::file::Place;
use super::super::line;
use super::files::{files, is_at, same};
use super::follow::{Next, Standing, Whose};
use super::{LogOptions, tail};

/// One read.
const CHUNK_BYTES: usize = 64 << 10;
/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There may be more at once.
    More,
    /// There may be more later.
    Waiting,
    /// There is no more and never will be.
    End,
}

/// A container's log, read from its files. They may be rotated and removed meanwhile: what is open stays readable, and what follows a file is
/// found by which file it is, not by its name.
pub struct ContainerLog {
    place: Place,
    options: LogOptions,
    standing: Standing,
    /// Opened at the start: the oldest would be gone when its turn comes.
    ahead: VecDeque<File>,
    file: Option<File>,
    /// A line whose end has not been read.
    unfinished: Vec<u8>,
    /// The last line that was given had no newline.
    in_line: bool,
    left: Option<u64>,
}

impl ContainerLog {
    /// How often whoever follows looks for more.
    pub const LOOK_EVERY: Duration = Duration::from_millis(100);

    pub(super) fn open(place: Place, whose: Whose, options: LogOptions) -> io::Result<Self> {
        let mut ahead = VecDeque::from(files(&place)?);
        if let Some(lines) = options.tail_lines {
            let (first, at) = tail::start(ahead.make_contiguous(), lines)?;
            ahead.drain(..first);
            for (index, file) in ahead.iter_mut().enumerate() {
                file.seek(SeekFrom::Start(if index == 0 { at } else { 0 }))?;
            }
        }
        Ok(Self {
            place,
            standing: Standing::new(whose),
            ahead,
            file: None,
            unfinished: Vec::new(),
            in_line: false,
            left: options.limit_bytes,
            options,
        })
    }

    /// Appends what there is to `out`, some of it.
    pub fn read(&mut self, out: &mut Vec<u8>) -> io::Result<Progress> {
        if self.left == Some(0) {
            return Ok(Progress::End);
        }
        loop {
            // Before the read that finds the end: what is true then about the file and the container holds for all that was written before.
            let next = if self.options.follow && !self.options.previous {
                self.standing.after(self.place.number())
            } else {
                Next::Nothing
            };
            let was_rotated = match &self.file {
                Some(file) => !self.ahead.is_empty() || !is_at(file, &self.place.current()),
                None => true,
            };
            if let Some(file) = &mut self.file {
                let before = out.len();
                let read = fill(file, &mut self.unfinished)?;
                let end = self.give(out);
                if end {
                    return Ok(Progress::End);
                }
                if read > 0 {
                    if out.len() > before {
                        return Ok(Progress::More);
                    }
                    continue;
                }
            }
            if was_rotated && self.advance()? {
                continue;
            }
            match (next, self.later()) {
                (Next::More, _) | (Next::Another, None) => return Ok(Progress::Waiting),
                (Next::Nothing, None) => return Ok(Progress::End),
                (Next::Another | Next::Nothing, Some(number)) => {
                    if std::mem::take(&mut self.in_line) && self.put(out, b"\n") {
                        return Ok(Progress::End);
                    }
                    self.place = self.place.with_number(number);
                    self.file = None;
                    self.unfinished.clear();
                    self.ahead = files(&self.place)?.into();
                }
            }
        }
    }

    /// The next instance that wrote anything, if instances are followed.
    fn later(&self) -> Option<u32> {
        let follows = self.options.follow && !self.options.previous;
        follows.then(|| self.place.next_there()).flatten()
    }

    /// The same, waiting for what comes later; none at the end.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        loop {
            let progress = self.read(&mut out)?;
            if !out.is_empty() {
                return Ok(Some(out));
            }
            match progress {
                Progress::More => {}
                Progress::End => return Ok(None),
                Progress::Waiting => {
                    tokio::time::sleep(Self::LOOK_EVERY).await;
                    self.waited();
                }
            }
        }
    }

    /// To be told by whoever waited [`Self::LOOK_EVERY`] after [`Progress::Waiting`].
    pub fn waited(&mut self) {
        self.standing.waited(Self::LOOK_EVERY);
    }

    /// Goes to the next file of the instance, if there is one.
    fn advance(&mut self) -> io::Result<bool> {
        if let Some(next) = self.ahead.pop_front() {
            self.file = Some(next);
            return Ok(true);
        }
        let files = files(&self.place)?;
        let Some(open) = &self.file else {
            self.ahead = files.into();
            let first = self.ahead.pop_front();
            let found = first.is_some();
            self.file = first;
            return Ok(found);
        };
        let mut at = 0;
        for (index, file) in files.iter().enumerate() {
            if same(open, file)? {
                // The current one has none after it; a rotated one has.
                at = index + 1;
            }
        }
        // One that is not there any more was overtaken by rotation: what is left of the log begins with the oldest there is.
        self.ahead = files.into_iter().skip(at).collect();
        match self.ahead.pop_front() {
            Some(next) => {
                self.unfinished.clear();
                self.file = Some(next);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Gives the whole lines that were read; whether no more may be given.
    fn give(&mut self, out: &mut Vec<u8>) -> bool {
        let read = std::mem::take(&mut self.unfinished);
        let mut rest = &read[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (text, later) = (&rest[..end], &rest[end + 1..]);
            rest = later;
            let Some(line) = line::parse(text) else {
                continue;
            };
            let too_old = |since| line.time().is_some_and(|time| time < since);
            if self.options.since.is_some_and(too_old) {
                continue;
            }
            let stamped = self.options.timestamps && !self.in_line;
            if stamped && (self.put(out, line.stamp) || self.put(out, b" ")) {
                return true;
            }
            if self.put(out, line.text) || (!line.partial && self.put(out, b"\n")) {
                return true;
            }
            self.in_line = line.partial;
        }
        self.unfinished = rest.to_vec();
        false
    }

    /// Whether the limit was reached.
    fn put(&mut self, out: &mut Vec<u8>, text: &[u8]) -> bool {
        let Some(left) = &mut self.left else {
            out.extend_from_slice(text);
            return false;
        };
        let len = usize::try_from(*left).unwrap_or(usize::MAX).min(text.len());
        out.extend_from_slice(&text[..len]);
        *left -= u64::try_from(len).unwrap_or(u64::MAX);
        *left == 0
    }
}

/// One read of a file to the end of what is there already.
fn fill(file: &mut File, to: &mut Vec<u8>) -> io::Result<usize> {
    let before = to.len();
    to.resize(before + CHUNK_BYTES, 0);
    let read = file.read(&mut to[before..]);
    to.truncate(before + read.as_ref().copied().unwrap_or(0));
    read
}
