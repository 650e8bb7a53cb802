//! Prints what it was given: the environment sorted by name, the arguments, the working directory.

fn main() {
    let mut vars: Vec<_> = std::env::vars().collect();
    vars.sort();
    for (name, value) in vars {
        println!("env {name}={value}");
    }
    for (i, arg) in std::env::args().enumerate() {
        println!("arg {i} {arg}");
    }
    // What the host says; std's own current_dir knows only where the program went itself.
    println!(
        "cwd {}",
        wasip2::cli::environment::initial_cwd().unwrap_or_default()
    );
}
