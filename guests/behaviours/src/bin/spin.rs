//! Never ends and never calls the host again: only an interruption from outside stops it. `spin [--after MESSAGE]` says MESSAGE first.

fn main() {
    let mut args = behaviours::Args::new("spin [--after MESSAGE]");
    match args.next().as_deref() {
        None => {}
        Some("--after") => println!("{}", args.need::<String>()),
        Some(_) => behaviours::usage("spin [--after MESSAGE]"),
    }
    loop {
        std::hint::spin_loop();
    }
}
