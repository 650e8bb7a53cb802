//! `tail [-n [+]COUNT] [-c [+]COUNT] [-f | -F] [-s SECONDS] [-q | -v] [FILE …]`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use super::follow::{self, Followed};
use super::io::{complain, reason, write_failed};
use super::options::{self, Options};

/// What to show of a file at first.
#[derive(Clone, Copy, Debug)]
enum From {
    /// The last so many lines or bytes.
    End(u64),
    /// All from that line or byte on, counted from 1.
    Start(u64),
}

/// What `tail` was asked for.
struct Tail {
    from: From,
    bytes: bool,
    headers: bool,
}

pub(super) fn tail(args: &[String]) -> i32 {
    let long = [
        ("lines", 'n'),
        ("bytes", 'c'),
        ("follow", 'f'),
        ("retry", 'R'),
        ("quiet", 'q'),
        ("verbose", 'v'),
        ("sleep-interval", 's'),
        ("pid", 'p'),
    ];
    // `-f` may be `--follow=name`, but takes no value as a letter; the historical `-5` is `-n 5`.
    let args: Vec<String> = args.iter().map(|arg| modern(arg)).collect();
    let options = match options::parse(&args, "n:c:fFRqvs:p:", &long) {
        Ok(options) => options,
        Err(why) => {
            complain("tail", why);
            return 1;
        }
    };
    let (tail, mut files) = match what(&options) {
        Ok(what) => what,
        Err(why) => {
            complain("tail", why);
            return 1;
        }
    };
    let by_name = options.has('F') || options.has('R');
    let pause = options
        .value('s')
        .and_then(|text| text.parse::<f64>().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let mut status = 0;
    let mut last_shown = None;
    for (index, file) in files.iter_mut().enumerate() {
        match show(&tail, file, index > 0) {
            Ok(()) => last_shown = Some(index),
            Err(e) => {
                complain(
                    "tail",
                    format_args!("cannot open '{}' for reading: {}", file.path, reason(&e)),
                );
                status = 1;
            }
        }
    }
    if options.has('f') || options.has('F') {
        return follow::follow(
            files,
            by_name,
            tail.headers,
            last_shown,
            pause.unwrap_or(follow::PAUSE),
        );
    }
    status
}

/// The options of old, as those of today.
fn modern(arg: &str) -> String {
    match arg {
        "--follow=name" => "-F".to_owned(),
        "--follow=descriptor" => "-f".to_owned(),
        _ => match arg.strip_prefix('-') {
            Some(digits) if digits.starts_with(|c: char| c.is_ascii_digit()) => {
                match digits.strip_suffix('f') {
                    Some(digits) => format!("-fn{digits}"),
                    None => format!("-n{digits}"),
                }
            }
            _ => arg.to_owned(),
        },
    }
}

fn what(options: &Options) -> Result<(Tail, Vec<Followed>), String> {
    let bytes = options.has('c');
    let count = options.value(if bytes { 'c' } else { 'n' }).unwrap_or("10");
    let number = |text: &str| {
        text.parse::<u64>()
            .map_err(|_| format!("invalid number '{count}'"))
    };
    let from = match count.strip_prefix('+') {
        Some(start) => From::Start(number(start)?),
        None => From::End(number(count.strip_prefix('-').unwrap_or(count))?),
    };
    let paths = if options.operands.is_empty() {
        vec!["-".to_owned()]
    } else {
        options.operands.clone()
    };
    let headers = options.has('v') || paths.len() > 1 && !options.has('q');
    Ok((
        Tail {
            from,
            bytes,
            headers,
        },
        paths.into_iter().map(Followed::new).collect(),
    ))
}

/// Shows a file's tail, and leaves the file where that ends.
fn show(tail: &Tail, file: &mut Followed, blank_before: bool) -> io::Result<()> {
    if file.path == "-" {
        if tail.headers {
            header("standard input", blank_before)?;
        }
        return ends_with(&mut io::stdin(), tail);
    }
    let mut opened = File::open(&file.path)?;
    if opened.metadata()?.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::IsADirectory,
            "Is a directory",
        ));
    }
    if tail.headers {
        header(&file.path, blank_before)?;
    }
    if tail.bytes
        && let From::End(count) = tail.from
    {
        // A log may be large: its last bytes need no reading of the rest.
        let length = opened.metadata()?.len();
        opened.seek(SeekFrom::Start(length.saturating_sub(count)))?;
        copy(&mut opened)?;
    } else {
        ends_with(&mut opened, tail)?;
    }
    file.position = opened.stream_position()?;
    file.attach(opened);
    Ok(())
}

/// The line that tells files apart.
pub(super) fn header(path: &str, blank_before: bool) -> io::Result<()> {
    let blank = if blank_before { "\n" } else { "" };
    out(format!("{blank}==> {path} <==\n").as_bytes());
    Ok(())
}

/// Prints, at once.
pub(super) fn out(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(e) = out.write_all(bytes).and_then(|()| out.flush()) {
        crate::wasi::exit(write_failed(&e));
    }
}

/// Prints the rest of a file.
pub(super) fn copy(from: &mut impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; 32 * 1024];
    let mut total = 0;
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(total);
        }
        total += u64::try_from(count).unwrap_or(0);
        out(&buffer[..count]);
    }
}

/// Prints a stream's tail, reading it through once.
fn ends_with(from: &mut impl Read, tail: &Tail) -> io::Result<()> {
    match tail.from {
        From::Start(start) => {
            let mut skip = start.saturating_sub(1);
            let mut buffer = vec![0; 32 * 1024];
            loop {
                let count = from.read(&mut buffer)?;
                let mut chunk = &buffer[..count];
                while skip > 0 && !chunk.is_empty() {
                    skip -= u64::from(tail.bytes || chunk[0] == b'\n');
                    chunk = &chunk[1..];
                }
                out(chunk);
                if count == 0 {
                    return Ok(());
                }
            }
        }
        From::End(count) => {
            let mut kept: VecDeque<u8> = VecDeque::new();
            let mut buffer = vec![0; 32 * 1024];
            let mut newlines = 0;
            loop {
                let read = from.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                let chunk = &buffer[..read];
                newlines += chunk.iter().filter(|&&byte| byte == b'\n').count() as u64;
                kept.extend(chunk);
                let unfinished = u64::from(kept.back() != Some(&b'\n'));
                while !kept.is_empty()
                    && if tail.bytes {
                        kept.len() as u64 > count
                    } else {
                        newlines + unfinished > count
                    }
                {
                    newlines -= u64::from(kept.pop_front() == Some(b'\n'));
                }
            }
            out(kept.make_contiguous());
            Ok(())
        }
    }
}
