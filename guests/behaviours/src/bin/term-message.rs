//! Leaves a termination message and exits: `term-message CODE MESSAGE [PATH]`, by default in /dev/termination-log.

fn main() {
    let mut args = behaviours::Args::new("term-message CODE MESSAGE [PATH]");
    let (code, message): (u8, String) = (args.need(), args.need());
    let path = args.or(String::from("/dev/termination-log"));
    if let Err(e) = std::fs::write(&path, message) {
        eprintln!("{path}: {e}");
        behaviours::exit(3);
    }
    println!("exits {code} with a message in {path}");
    behaviours::exit(code)
}
