//! Where the last lines begin.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};

use super::super::line;

/// Where to begin so that `wanted` lines follow: which of the files, oldest first, and the position in it. What is cut into several pieces
/// is one line.
pub(super) fn start(files: &[File], wanted: u64) -> io::Result<(usize, u64)> {
    let mut left = wanted;
    for (index, file) in files.iter().enumerate().rev() {
        if left == 0 {
            let end = file.metadata()?.len();
            return Ok((index, end));
        }
        let starts = starts(file, left)?;
        let found = u64::try_from(starts.len()).unwrap_or(u64::MAX);
        if found >= left
            && let Some(first) = starts.front()
        {
            return Ok((index, *first));
        }
        left -= found;
    }
    Ok((0, 0))
}

/// Where the last lines of a file begin, at most `wanted`.
fn starts(file: &File, wanted: u64) -> io::Result<VecDeque<u64>> {
    let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
    let mut reader = BufReader::with_capacity(64 << 10, file);
    let mut starts = VecDeque::new();
    let (mut at, mut line, mut whole) = (0, Vec::new(), true);
    loop {
        line.clear();
        let len = reader.read_until(b'\n', &mut line)?;
        if len == 0 || line.pop() != Some(b'\n') {
            return Ok(starts);
        }
        if whole {
            if starts.len() == wanted {
                starts.pop_front();
            }
            starts.push_back(at);
        }
        whole = line::parse(&line).is_none_or(|line| !line.partial);
        at += u64::try_from(len).unwrap_or(u64::MAX);
    }
}
