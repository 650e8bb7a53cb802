//! `touch [-acm] [-d WHEN | -r FILE] FILE …`.

use std::fs::{File, FileTimes};
use std::io;
use std::time::SystemTime;

use super::date::moment;
use super::io::{complain, reason};
use super::options::{self, Options};

pub(super) fn touch(args: &[String]) -> i32 {
    let long = [("no-create", 'c'), ("date", 'd'), ("reference", 'r')];
    let options = match options::parse(args, "acmfd:r:", &long) {
        Ok(options) => options,
        Err(why) => {
            complain("touch", why);
            return 1;
        }
    };
    let times = match times(&options) {
        Ok(times) => times,
        Err(why) => {
            complain("touch", why);
            return 1;
        }
    };
    let mut status = 0;
    for path in &options.operands {
        if let Err(e) = set(path, times, !options.has('c')) {
            complain("touch", format_args!("{path}: {}", reason(&e)));
            status = 1;
        }
    }
    status
}

/// The times to set.
fn times(options: &Options) -> Result<FileTimes, String> {
    let (accessed, modified) = match (options.value('d'), options.value('r')) {
        (Some(text), _) => {
            let time = moment(text)
                .map(SystemTime::from)
                .ok_or_else(|| format!("invalid date '{text}'"))?;
            (time, time)
        }
        (None, Some(path)) => {
            let of = |path: &str| {
                let metadata = std::fs::metadata(path)?;
                Ok::<_, io::Error>((metadata.accessed()?, metadata.modified()?))
            };
            of(path).map_err(|e| format!("{path}: {}", reason(&e)))?
        }
        (None, None) => (SystemTime::now(), SystemTime::now()),
    };
    let (only_accessed, only_modified) = (options.has('a'), options.has('m'));
    let mut times = FileTimes::new();
    if !only_modified || only_accessed {
        times = times.set_accessed(accessed);
    }
    if !only_accessed || only_modified {
        times = times.set_modified(modified);
    }
    Ok(times)
}

/// Sets a file's times, and makes it where it is not there and may be made.
fn set(path: &str, times: FileTimes, create: bool) -> io::Result<()> {
    let file = match File::options()
        .write(true)
        .create(create)
        .truncate(false)
        .open(path)
    {
        Err(e) if e.kind() == io::ErrorKind::NotFound && !create => return Ok(()),
        // A directory has times, too, and opens for reading only.
        Err(e) if e.kind() == io::ErrorKind::IsADirectory => File::open(path)?,
        file => file?,
    };
    file.set_times(times)
}
