//! `peapod exec`: a command in a container of a running peapod.

use std::io::{self, IsTerminal as _, Write as _};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::args::{Exec, Global};
use super::exit;
use super::terminal::{Endings, Raw, Resizes, size};
use crate::control::{Client, ClientError, Command, Found, Said, Target, find};
use crate::ports::LogStream;

pub(super) fn run(args: Exec, global: &Global) -> anyhow::Result<u8> {
    let data_dir = global.data_dir()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let code = runtime.block_on(async {
        let (found, client) = match choose(&args, &data_dir).await {
            Ok(chosen) => chosen,
            Err(error) => return Ok(refused(&error)),
        };
        let container = container(&args, &found);
        exec(args, found, container, &client).await
    });
    // A thread may still wait for standard input.
    runtime.shutdown_background();
    code
}

fn refused(error: &impl std::fmt::Display) -> u8 {
    let _ignored = writeln!(io::stderr(), "{error}");
    exit::FAILED
}

/// The pod of that name, of whichever peapod has it.
async fn choose(
    args: &Exec,
    data_dir: &std::path::Path,
) -> Result<(Found, Client), Box<dyn std::error::Error>> {
    let mut found = find(data_dir, &args.namespace, &args.pod).await?;
    if let Some(process) = args.process {
        found.retain(|(pod, _)| pod.process == process);
    }
    match (found.pop(), found.len()) {
        (Some(one), 0) => Ok(one),
        (Some((last, _)), _) => {
            let mut processes: Vec<_> = found.iter().map(|(pod, _)| pod.process).collect();
            processes.push(last.process);
            processes.sort_unstable();
            let processes: Vec<_> = processes.iter().map(u32::to_string).collect();
            Err(format!(
                "error: several running peapods have a pod \"{}\": processes {} (say which with --process)",
                args.pod,
                processes.join(", ")
            )
            .into())
        }
        (None, _) => Err(format!(
            "Error from server (NotFound): pods \"{}\" not found",
            args.pod
        )
        .into()),
    }
}

/// The container that is meant; where it is a guess, kubectl says so.
fn container(args: &Exec, found: &Found) -> String {
    if let Some(container) = &args.container {
        return container.clone();
    }
    if !found.default_is_plain {
        let names = found.containers.iter().enumerate();
        let names: Vec<_> = names
            .map(|(at, name)| match at < found.mains {
                true => name.clone(),
                false => format!("{name} (init)"),
            })
            .collect();
        let _ignored = writeln!(
            io::stderr(),
            "Defaulted container \"{}\" out of: {}",
            found.default,
            names.join(", ")
        );
    }
    found.default.clone()
}

async fn exec(args: Exec, found: Found, container: String, client: &Client) -> anyhow::Result<u8> {
    let mut tty = args.tty;
    if tty && !(args.stdin && io::stdin().is_terminal()) {
        let _ignored = writeln!(
            io::stderr(),
            "Unable to use a TTY - input is not a terminal or the right kind of file"
        );
        tty = false;
    }
    let target = Target {
        pod: found.uid,
        container,
        command: args.command,
        stdin: args.stdin,
        tty,
        size: size().filter(|_| tty).map(Into::into),
    };
    let command = match client.exec(target).await {
        Ok(command) => command,
        Err(error) => return Ok(refused(&error)),
    };
    let raw = if tty { Some(Raw::enter()?) } else { None };
    let ended = carry(command, args.stdin, tty).await;
    // Before anything is said: a line would not begin at the left.
    drop(raw);
    Ok(match ended {
        Ok(Ended::Exit(0)) => exit::OK,
        Ok(Ended::Exit(code)) => {
            let _ignored = writeln!(io::stderr(), "command terminated with exit code {code}");
            u8::try_from(code).unwrap_or(exit::FAILED)
        }
        Ok(Ended::Alone) => exit::FAILED,
        Err(error) => refused(&ClientError::Lost(error)),
    })
}

/// How it came to an end.
enum Ended {
    /// With that exit code.
    Exit(i32),
    /// Nobody reads our output any more, or we are to end; the command is killed as we hang up.
    Alone,
}

/// Carries the streams until the command has ended.
async fn carry(command: Command, stdin: bool, tty: bool) -> io::Result<Ended> {
    let Command { mut to, mut from } = command;
    let (mut out, mut err) = (tokio::io::stdout(), tokio::io::stderr());
    let mut input = stdin.then(tokio::io::stdin);
    let mut buffer = vec![0; to.window()];
    let (mut resizes, mut endings) = (Resizes::new(tty), Endings::new(tty));
    if tty && let Some(size) = size() {
        to.resize(size).await?;
    }
    loop {
        let window = to.window();
        tokio::select! {
            said = from.next() => match said? {
                Said::Output(stream, bytes) => {
                    let written = match stream {
                        LogStream::Stdout => show(&mut out, &bytes).await,
                        LogStream::Stderr => show(&mut err, &bytes).await,
                    };
                    if written.is_err() {
                        return Ok(Ended::Alone);
                    }
                }
                Said::Read(bytes) => to.read(bytes),
                Said::Exit(code) => return Ok(Ended::Exit(code)),
            },
            read = read(&mut input, &mut buffer[..window]), if input.is_some() && window > 0 => {
                // An input that cannot be read is at its end.
                let sent = match read.unwrap_or(0) {
                    0 => {
                        input = None;
                        to.end_stdin().await
                    }
                    len => to.stdin(&buffer[..len]).await,
                };
                // A command that has just ended has its last frames on the way: they say more than this.
                if sent.is_err() {
                    input = None;
                }
            }
            size = resizes.next() => to.resize(size).await?,
            () = endings.next() => return Ok(Ended::Alone),
        }
    }
}

async fn show(to: &mut (impl tokio::io::AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}

async fn read(input: &mut Option<tokio::io::Stdin>, buffer: &mut [u8]) -> io::Result<usize> {
    match input {
        Some(input) => input.read(buffer).await,
        None => std::future::pending().await,
    }
}
