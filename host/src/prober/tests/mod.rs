//! Probes and hooks against servers on a network of their own, under paused time.

mod grpc;
mod hooks;
mod http;
mod server;
mod workers;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Instance, Outcome};
use crate::model::{Attempt, Container as Spec, Exit, ExitReason, Pod, Time, testing};
use crate::ports::{
    BoxFuture, Clock, Container, Exec, ExecError, ExecRequest, LogStream, LogicalHost, Signal,
    Usage,
};

/// Tokio's paused clock.
struct Paused(tokio::time::Instant);

impl Clock for Paused {
    fn now(&self) -> Time {
        Time::from_unix_secs(1_000_000) + self.0.elapsed()
    }
    fn sleep_until(&self, time: Time) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time.since(self.now())))
    }
}

fn clock() -> Arc<dyn Clock> {
    Arc::new(Paused(tokio::time::Instant::now()))
}

/// What a command does.
#[derive(Clone, Debug)]
enum Act {
    /// Writes this and exits with that code.
    Exit(&'static str, i32),
    /// Runs until it is killed.
    Hang,
    /// Succeeds, once what it runs was compiled for so long.
    Compiled(Duration),
    /// Cannot be run.
    Missing,
}

/// A container that answers commands.
#[derive(Default)]
struct Fake {
    /// One for each command; at the end they succeed in silence.
    acts: Mutex<VecDeque<Act>>,
    commands: Mutex<Vec<String>>,
    killed: Arc<Mutex<usize>>,
}

impl Fake {
    fn of(acts: &[Act]) -> Arc<Self> {
        Arc::new(Self {
            acts: Mutex::new(acts.iter().cloned().collect()),
            ..Self::default()
        })
    }

    fn commands(&self) -> Vec<String> {
        self.commands.lock().expect("unpoisoned").clone()
    }

    fn killed(&self) -> usize {
        *self.killed.lock().expect("unpoisoned")
    }
}

impl Container for Fake {
    fn id(&self) -> &str {
        "fake://1"
    }

    fn wait(&self) -> BoxFuture<'static, Exit> {
        Box::pin(std::future::pending())
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }

    fn signal(&self, _: Signal) {}

    fn exec(&self, request: ExecRequest) -> BoxFuture<'static, Result<Arc<dyn Exec>, ExecError>> {
        let command = request.command.join(" ");
        self.commands
            .lock()
            .expect("unpoisoned")
            .push(command.clone());
        let act = self.acts.lock().expect("unpoisoned").pop_front();
        let killed = Arc::clone(&self.killed);
        Box::pin(async move {
            let code = match act.unwrap_or(Act::Exit("", 0)) {
                Act::Missing => return Err(ExecError::NotFound(command)),
                Act::Hang => None,
                Act::Compiled(time) => {
                    tokio::time::sleep(time).await;
                    Some(0)
                }
                Act::Exit(text, code) => {
                    request.output.write(LogStream::Stdout, text.as_bytes());
                    Some(code)
                }
            };
            Ok(Arc::new(Running { code, killed }) as Arc<dyn Exec>)
        })
    }
}

struct Running {
    code: Option<i32>,
    killed: Arc<Mutex<usize>>,
}

impl Exec for Running {
    fn wait(&self) -> BoxFuture<'static, Exit> {
        let code = self.code;
        Box::pin(async move {
            let Some(code) = code else {
                return std::future::pending().await;
            };
            Exit {
                code,
                reason: ExitReason::Completed,
                message: None,
                at: Time::EPOCH,
            }
        })
    }

    fn kill(&self) {
        if self.code.is_none() {
            *self.killed.lock().expect("unpoisoned") += 1;
        }
    }

    fn write_stdin(&self, _: bytes::Bytes) -> BoxFuture<'_, bool> {
        Box::pin(std::future::ready(false))
    }

    fn close_stdin(&self) {}
}

/// A pod with one running container.
struct World {
    pod: Pod,
    host: Arc<LogicalHost>,
    fake: Arc<Fake>,
}

impl World {
    fn new() -> Self {
        Self::of(Fake::of(&[]))
    }

    fn of(fake: Arc<Fake>) -> Self {
        let pod = testing::pod();
        let host = Arc::new(LogicalHost::of(&pod));
        Self { pod, host, fake }
    }

    fn spec(&self) -> Spec {
        testing::container("c")
    }

    fn instance(&self, number: u32) -> Instance {
        Instance {
            attempt: Attempt {
                container: "c".into(),
                number,
            },
            container: Arc::clone(&self.fake) as Arc<dyn Container>,
            host: Arc::clone(&self.host),
        }
    }
}

fn failure(text: &str) -> Outcome {
    Outcome::Failure(text.to_owned())
}

const SECOND: Duration = Duration::from_secs(1);
