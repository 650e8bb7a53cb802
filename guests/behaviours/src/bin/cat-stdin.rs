//! Copies stdin to stdout, and says on stderr how many bytes that were. A closed stdin is 0 bytes.

use std::io;

fn main() {
    match io::copy(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(n) => eprintln!("{n} bytes"),
        Err(e) => {
            eprintln!("stdin: {e}");
            behaviours::exit(1);
        }
    }
}
