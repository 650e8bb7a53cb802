//! What the guests of one behaviour share.

pub mod fetch;
pub mod lines;
mod trips;

use std::fmt::Display;
use std::io::Write as _;
use std::str::FromStr;

pub use trips::Trips;

/// Ends the program with any exit code. `std::process::exit` can't: its WASI call knows only "ok" and "error", so every code but 0
/// would arrive as 1.
pub fn exit(code: u8) -> ! {
    let _ = std::io::stdout().flush();
    wasip2::cli::exit::exit_with_code(code);
    unreachable!("the host came back from exit")
}

/// Says how the program is called and ends it with code 2.
pub fn usage(text: &str) -> ! {
    eprintln!("usage: {text}");
    exit(2)
}

/// The arguments without the program's own name.
pub struct Args {
    usage: &'static str,
    rest: std::iter::Skip<std::env::Args>,
}

impl Args {
    /// The arguments of this process; `usage` is what a wrong call is answered with. Relative paths among them are meant from the
    /// container's working directory: the host says which that is, but a WASI program starts in `/` until it goes there itself.
    pub fn new(usage: &'static str) -> Args {
        if let Some(directory) = wasip2::cli::environment::initial_cwd() {
            // Where that fails it is not there, and what is tried in it will say so.
            let _ = std::env::set_current_dir(directory);
        }
        Args {
            usage,
            rest: std::env::args().skip(1),
        }
    }

    /// The next argument, if there is one.
    #[allow(
        clippy::should_implement_trait,
        reason = "the other ways to take an argument make it no iterator"
    )]
    pub fn next(&mut self) -> Option<String> {
        self.rest.next()
    }

    /// The next argument, which must be there and be a `T`.
    pub fn need<T: FromStr<Err: Display>>(&mut self) -> T {
        match self.next() {
            Some(text) => self.parse(&text),
            None => usage(self.usage),
        }
    }

    /// The next argument as a `T`, or `default` where there is none.
    pub fn or<T: FromStr<Err: Display>>(&mut self, default: T) -> T {
        match self.next() {
            Some(text) => self.parse(&text),
            None => default,
        }
    }

    /// `text` as a `T`, or the end of the program.
    pub fn parse<T: FromStr<Err: Display>>(&self, text: &str) -> T {
        text.parse().unwrap_or_else(|e| {
            eprintln!("'{text}': {e}");
            usage(self.usage)
        })
    }

    /// All that is left.
    pub fn rest(self) -> Vec<String> {
        self.rest.collect()
    }
}
