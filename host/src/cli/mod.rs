//! The commands.
//!
//! - owns: arguments, what is printed, exit statuses
//! - never does: anything a library user could not do through `app`
//! - talks to: `app` and whatever it shows (`manifest`, `store`, `ports`, `node`), `control` (another peapod)

mod args;
mod bars;
mod capacity;
#[cfg(unix)]
mod exec;
mod image;
mod input;
mod logs;
mod node_label;
mod output;
mod publish;
mod run;
mod status_line;
mod summary;
#[cfg(unix)]
mod terminal;
#[cfg(unix)]
mod top;
mod validate;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};

/// Exit statuses of every command.
mod exit {
    /// All pods Succeeded; the command did what it was asked.
    pub(super) const OK: u8 = 0;
    /// Some pod Failed.
    pub(super) const FAILED: u8 = 1;
    /// Refused input or usage; the command could not do what it was asked.
    pub(super) const REFUSED: u8 = 2;
    /// `--timeout` ran out.
    pub(super) const TIMED_OUT: u8 = 124;
    /// Interrupted.
    pub(super) const INTERRUPTED: u8 = 130;
}

/// The whole program.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ignored = error.print();
            let refused = error.use_stderr();
            return ExitCode::from(if refused { exit::REFUSED } else { exit::OK });
        }
    };
    trace();
    raise_descriptor_limit();
    let result = match args.command {
        Command::Run(run) => run::run(run, &args.global),
        #[cfg(unix)]
        Command::Exec(exec) => exec::run(exec, &args.global),
        Command::Validate(args) => validate::run(&args),
        #[cfg(unix)]
        Command::Top(top) => top::run(&top, &args.global),
        Command::Logs(logs) => logs::run(logs, &args.global),
        Command::Image(image) => image::run(image, &args.global),
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            complain(format_args!("{error:#}"));
            ExitCode::from(exit::REFUSED)
        }
    }
}

/// One clear line on standard error.
fn complain(message: std::fmt::Arguments<'_>) {
    // Nobody may be listening on standard error; there is nobody to tell then.
    let _ignored = writeln!(std::io::stderr(), "error: {message}");
}

/// What is no reason to stop.
fn warn(message: std::fmt::Arguments<'_>) {
    let _ignored = writeln!(std::io::stderr(), "warning: {message}");
}

/// Every container holds a few descriptors, and a login's soft limit is often 1024: the hard limit is what the machine really allows.
fn raise_descriptor_limit() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the descriptor limit stays as it is");
        }
    }
}

/// `PEAPOD_LOG=debug` (a tracing filter) shows what happens inside.
fn trace() {
    let Ok(filter) = std::env::var("PEAPOD_LOG") else {
        return;
    };
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
