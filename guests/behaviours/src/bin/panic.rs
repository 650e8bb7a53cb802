//! Panics: its message on stderr, then a trap. `panic [MESSAGE]`.

fn main() {
    let mut args = behaviours::Args::new("panic [MESSAGE]");
    let message = args.or(String::from("this guest panics on purpose"));
    panic!("{message}");
}
