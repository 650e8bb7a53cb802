//! `peapod logs`: what containers wrote.

use std::io::{self, Write as _};
use std::time::Duration;

use super::args::{Global, Logs};
use super::{complain, exit};
use crate::app;
use crate::clock::RealClock;
use crate::logs::{ContainerLog, LogError, LogOptions, PodLogs, Progress};
use crate::model::Time;
use crate::ports::Clock as _;

pub(super) fn run(args: Logs, global: &Global) -> anyhow::Result<u8> {
    if args.tail < -1 {
        complain(format_args!("--tail must be greater than or equal to -1"));
        return Ok(exit::REFUSED);
    }
    let now = RealClock::new().now();
    let pod = match app::logs(&global.data_dir()?).pod(&args.namespace, &args.pod) {
        Ok(pod) => pod,
        Err(error) => return refuse(error),
    };
    let mut streams = match open(&pod, &args, now) {
        Ok(streams) => streams,
        Err(error) => return refuse(error),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    match runtime.block_on(print(&mut streams, args.follow)) {
        Ok(()) => Ok(exit::OK),
        // A reader that went away has seen all it wanted.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exit::OK),
        Err(error) => Err(error.into()),
    }
}

fn refuse(error: LogError) -> anyhow::Result<u8> {
    complain(format_args!("{error}"));
    Ok(exit::REFUSED)
}

/// One container's log on its way to standard output.
struct Stream {
    log: ContainerLog,
    /// Before each line.
    prefix: Vec<u8>,
    /// The last byte that was printed was no newline.
    in_line: bool,
    ended: bool,
}

fn open(pod: &PodLogs, args: &Logs, now: Time) -> Result<Vec<Stream>, LogError> {
    let named = args.container.as_deref().or(args.positional.as_deref());
    let containers = match named {
        _ if args.all_containers => pod.containers(),
        Some(name) => vec![name],
        None => {
            let (name, choice) = pod.default_container()?;
            if let Some(all) = choice {
                let note = format!("Defaulted container {name:?} out of: {all}\n");
                let _ignored = io::stderr().write_all(note.as_bytes());
            }
            vec![name]
        }
    };
    // Nothing is no limit, as kubectl has it.
    let since = args.since.filter(|ago| !ago.is_zero());
    let since = since.map(|ago| before(now, ago));
    let options = LogOptions {
        follow: args.follow,
        previous: args.previous,
        timestamps: args.timestamps,
        tail_lines: u64::try_from(args.tail).ok(),
        since: since.or(args.since_time),
        limit_bytes: args.limit_bytes,
    };
    let open = |name: &str| {
        let prefix = if args.prefix {
            format!("[pod/{}/{name}] ", args.pod).into_bytes()
        } else {
            Vec::new()
        };
        Ok(Stream {
            log: pod.open(name, options.clone())?,
            prefix,
            in_line: false,
            ended: false,
        })
    };
    containers.into_iter().map(open).collect()
}

fn before(now: Time, ago: Duration) -> Time {
    Time::EPOCH + now.since(Time::EPOCH).saturating_sub(ago)
}

/// One after the other, or, if they are followed, whatever comes first.
async fn print(streams: &mut [Stream], follow: bool) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    while streams.iter().any(|stream| !stream.ended) {
        let mut waiting = true;
        for at in 0..streams.len() {
            while !streams[at].ended {
                let mut out = Vec::new();
                let progress = streams[at].log.read(&mut out)?;
                if !out.is_empty() {
                    interrupt(streams, at, &mut stdout)?;
                }
                let stream = &mut streams[at];
                stream.print(&mut stdout, &out)?;
                waiting &= out.is_empty();
                stream.ended = progress == Progress::End;
                if progress == Progress::Waiting || (follow && !out.is_empty()) {
                    break;
                }
            }
        }
        stdout.flush()?;
        if waiting {
            for stream in streams.iter_mut().filter(|stream| !stream.ended) {
                stream.log.waited();
            }
            if streams.iter().any(|stream| !stream.ended) {
                tokio::time::sleep(ContainerLog::LOOK_EVERY).await;
            }
        }
    }
    Ok(())
}

/// Ends the line that another stream is in: one container's output never goes on in a line of another.
fn interrupt(streams: &mut [Stream], at: usize, to: &mut impl io::Write) -> io::Result<()> {
    for (other, stream) in streams.iter_mut().enumerate() {
        if other != at && std::mem::take(&mut stream.in_line) {
            to.write_all(b"\n")?;
        }
    }
    Ok(())
}

impl Stream {
    fn print(&mut self, to: &mut impl io::Write, text: &[u8]) -> io::Result<()> {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if !self.in_line {
                to.write_all(&self.prefix)?;
            }
            to.write_all(line)?;
            self.in_line = !line.ends_with(b"\n");
        }
        Ok(())
    }
}
