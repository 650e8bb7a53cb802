//! Writes a lot: `flood MIB [--stderr]`. Lines of 64 bytes, each its own number, so that a lost or torn one is seen.

use std::io::{self, BufWriter, Write};

const LINES_PER_MIB: usize = 1024 * 1024 / 64;

fn main() {
    let mut args = behaviours::Args::new("flood MIB [--stderr]");
    let lines = args.need::<usize>() * LINES_PER_MIB;
    let done = match args.next().as_deref() {
        Some("--stderr") => flood(io::stderr().lock(), lines),
        _ => flood(io::stdout().lock(), lines),
    };
    if let Err(e) = done {
        eprintln!("flood: {e}");
        behaviours::exit(1);
    }
}

fn flood(to: impl Write, lines: usize) -> io::Result<()> {
    let mut to = BufWriter::with_capacity(64 * 1024, to);
    for n in 0..lines {
        writeln!(to, "{n:063}")?;
    }
    to.flush()
}
