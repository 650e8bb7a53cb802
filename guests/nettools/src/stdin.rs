//! Standard input, without waiting for it.

use wasip2::cli::stdin::get_stdin;
use wasip2::io::poll::Pollable;
use wasip2::io::streams::InputStream;

/// Standard input.
pub(crate) struct Stdin {
    // Before its stream, which must not go first.
    ready: Pollable,
    stream: InputStream,
    over: bool,
}

impl Stdin {
    pub(crate) fn open() -> Self {
        let stream = get_stdin();
        Self {
            ready: stream.subscribe(),
            stream,
            over: false,
        }
    }

    /// One that ends at once, whatever is there to be read.
    pub(crate) fn none() -> Self {
        Self {
            over: true,
            ..Self::open()
        }
    }

    /// Whether its end has been seen.
    pub(crate) fn is_over(&self) -> bool {
        self.over
    }

    /// What there is to wait for.
    pub(crate) fn readable(&self) -> &Pollable {
        &self.ready
    }

    /// What is there by now; nothing where there is nothing yet, and where it is over.
    pub(crate) fn read_now(&mut self, limit: u64) -> Vec<u8> {
        if self.over {
            return Vec::new();
        }
        self.stream.read(limit).unwrap_or_else(|_| {
            self.over = true;
            Vec::new()
        })
    }
}
