//! Exits with a code: `exit [CODE]`.

fn main() {
    let mut args = behaviours::Args::new("exit [CODE]");
    behaviours::exit(args.or(0))
}
