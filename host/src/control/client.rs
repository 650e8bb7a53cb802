//! The asking end.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt as _, StreamExt as _};

use super::ask::{Answer, Ask, ContainerUsage, Found, Hello, Refusal, Size, Target, VERSION};
use super::frame::{self, CHUNK_BYTES, Kind, WINDOW_BYTES, Wire};
use super::socket;
use crate::ports::{LogStream, TerminalSize};

/// A peapod that accepts and does not answer: one that was stopped.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Why there is no command.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No peapod that answers has the pod, and one does not answer.
    #[error("error: a running peapod does not answer ({}): {error}", .run.display())]
    Silent {
        /// The folder of its run.
        run: PathBuf,
        /// What came instead.
        error: io::Error,
    },
    /// The connection broke.
    #[error("error: the connection to peapod was lost: {0}")]
    Lost(#[from] io::Error),
}

/// Asks every peapod that runs on the data directory for a pod of that name. Sockets where nobody listens, of runs that were killed, are
/// passed over.
pub async fn find(
    data_dir: &Path,
    namespace: &str,
    pod: &str,
) -> Result<Vec<(Found, Client)>, ClientError> {
    let (mut found, mut silent) = (Vec::new(), None);
    for run in socket::runs(data_dir)? {
        let ask = Ask::Find {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
        };
        match ask_run(&run, &ask).await {
            Ok((Answer::Found(Some(pod)), _)) => found.push((pod, Client { run })),
            Ok((Answer::Found(None), _)) => {}
            Ok((Answer::Refused(refusal), _)) => return Err(refusal.into()),
            Ok((Answer::Started | Answer::Usage(_), _)) => {
                let error = other_question();
                silent = Some(ClientError::Silent { run, error });
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => silent = Some(ClientError::Silent { run, error }),
        }
    }
    match silent {
        Some(silent) if found.is_empty() => Err(silent),
        _ => Ok(found),
    }
}

/// What every container uses that runs on the data directory, of whichever peapod.
pub async fn usage(data_dir: &Path) -> Result<Vec<ContainerUsage>, ClientError> {
    let mut containers = Vec::new();
    for run in socket::runs(data_dir)? {
        match ask_run(&run, &Ask::Usage).await {
            Ok((Answer::Usage(of_run), _)) => containers.extend(of_run),
            Ok((Answer::Refused(refusal), _)) => return Err(refusal.into()),
            Ok((Answer::Found(_) | Answer::Started, _)) => {
                let error = other_question();
                return Err(ClientError::Silent { run, error });
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(ClientError::Silent { run, error }),
        }
    }
    Ok(containers)
}

fn other_question() -> io::Error {
    frame::invalid("an answer to another question")
}

/// Whether nobody is there (any more).
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, NotFound, UnexpectedEof};
    matches!(
        error.kind(),
        ConnectionRefused | ConnectionReset | NotFound | UnexpectedEof
    )
}

/// Connects, asks, and waits for the answer.
async fn ask_run(run: &Path, ask: &Ask) -> io::Result<(Answer, Wire)> {
    let mut wire = frame::wire(socket::connect(run).await?);
    let hello = Hello {
        version: VERSION,
        ask: serde_json::to_value(ask)?,
    };
    wire.send(Kind::Ask.json(&hello)?).await?;
    let answer = async {
        let Some(answer) = wire.next().await else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        match frame::split(answer?)? {
            (Kind::Answer, payload) => frame::value(&payload),
            _ => Err(frame::invalid("no answer")),
        }
    };
    let answer = match ask {
        Ask::Find { .. } | Ask::Usage => tokio::time::timeout(ANSWER_MAX, answer).await??,
        // The command may have to be compiled first.
        Ask::Exec(_) => answer.await?,
    };
    Ok((answer, wire))
}

/// One running peapod.
#[derive(Debug)]
pub struct Client {
    run: PathBuf,
}

impl Client {
    /// Starts a command.
    pub async fn exec(&self, target: Target) -> Result<Command, ClientError> {
        let asked = ask_run(&self.run, &Ask::Exec(target)).await;
        let (answer, wire) = asked.map_err(|error| match error.kind() {
            // It does not fit a frame, and nothing else of a question can be too large.
            io::ErrorKind::InvalidInput => Refusal::Client("argument list too long".into()).into(),
            _ => ClientError::Lost(error),
        })?;
        match answer {
            Answer::Started => {
                let (to, from) = wire.split();
                Ok(Command {
                    to: ToCommand {
                        to,
                        window: WINDOW_BYTES,
                    },
                    from: FromCommand { from },
                })
            }
            Answer::Refused(refusal) => Err(refusal.into()),
            Answer::Found(_) | Answer::Usage(_) => Err(other_question().into()),
        }
    }
}

/// A command that runs. Dropping both ends kills it.
pub struct Command {
    /// What goes to it.
    pub to: ToCommand,
    /// What comes from it.
    pub from: FromCommand,
}

/// What goes to a command.
pub struct ToCommand {
    to: SplitSink<Wire, Bytes>,
    /// How much may be sent before the command reads.
    window: usize,
}

impl ToCommand {
    /// How many bytes of standard input may be sent now.
    pub fn window(&self) -> usize {
        self.window.min(CHUNK_BYTES)
    }

    /// Sends bytes of standard input, no more than the window has room for.
    pub async fn stdin(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.window = self
            .window
            .checked_sub(bytes.len())
            .ok_or_else(|| frame::invalid("standard input beyond the window"))?;
        self.to.send(Kind::Stdin.frame(bytes)).await
    }

    /// So many bytes were read.
    pub fn read(&mut self, bytes: usize) {
        self.window = (self.window + bytes).min(WINDOW_BYTES);
    }

    /// Ends standard input.
    pub async fn end_stdin(&mut self) -> io::Result<()> {
        self.to.send(Kind::StdinEnd.frame(&[])).await
    }

    /// Tells the terminal's size.
    pub async fn resize(&mut self, size: TerminalSize) -> io::Result<()> {
        self.to.send(Kind::Resize.json(&Size::from(size))?).await
    }
}

/// What comes from a command.
pub struct FromCommand {
    from: SplitStream<Wire>,
}

/// Something that came from a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Output.
    Output(LogStream, Bytes),
    /// It has read so many bytes of its standard input.
    Read(usize),
    /// It has ended with that exit code.
    Exit(i32),
}

impl FromCommand {
    /// The next thing it says; an error when it goes without saying how it ended.
    pub async fn next(&mut self) -> io::Result<Said> {
        let Some(frame) = self.from.next().await else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let (kind, payload) = frame::split(frame?)?;
        match kind {
            Kind::Stdout => Ok(Said::Output(LogStream::Stdout, payload)),
            Kind::Stderr => Ok(Said::Output(LogStream::Stderr, payload)),
            Kind::Room => frame::value(&payload).map(Said::Read),
            Kind::Exit => frame::value(&payload).map(Said::Exit),
            _ => Err(frame::invalid("a frame that is not a server's")),
        }
    }
}
