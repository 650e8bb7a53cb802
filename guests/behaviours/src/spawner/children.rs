//! What the spawner's children do.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use peapod_guest::process::{Command, list, parent};

/// Plays the part `what` and ends.
pub fn be(what: &str, args: Vec<String>) -> ! {
    let first = args.first().map(String::as_str).unwrap_or_default();
    match what {
        "exit" => behaviours::exit(first.parse().unwrap_or(2)),
        "trap" => core::arch::wasm32::unreachable(),
        "sleep" => {
            std::thread::sleep(Duration::from_millis(first.parse().unwrap_or(0)));
            behaviours::exit(0)
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        // One line at a time, so that it writes while it still has to read.
        "upper" => {
            for line in io::stdin().lines() {
                let Ok(line) = line else { behaviours::exit(3) };
                if writeln!(io::stdout(), "{}", line.to_uppercase()).is_err() {
                    behaviours::exit(4)
                }
            }
            behaviours::exit(0)
        }
        "count" => {
            let mut all = Vec::new();
            let _ = io::stdin().read_to_end(&mut all);
            println!("{}", all.len());
            behaviours::exit(0)
        }
        "say" => {
            println!("{}", args.join(" "));
            behaviours::exit(0)
        }
        "complain" => {
            eprintln!("{}", args.join(" "));
            behaviours::exit(0)
        }
        "tell" => {
            let mut vars: Vec<_> = std::env::vars()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            vars.sort();
            let directory = wasip2::cli::environment::initial_cwd().unwrap_or_default();
            println!("{} | {} | {directory}", args.join(","), vars.join(","));
            behaviours::exit(0)
        }
        "file" => {
            println!(
                "{}",
                std::fs::read_to_string(first).unwrap_or_else(|e| e.to_string())
            );
            behaviours::exit(0)
        }
        // Fails unless its parent is among the processes it sees.
        "family" => behaviours::exit(u8::from(!list().iter().any(|it| it.pid == parent()))),
        "grandchild" => {
            let code = Command::this(["child-exit", first])
                .spawn()
                .and_then(|mut it| it.wait());
            behaviours::exit(code.ok().and_then(|it| u8::try_from(it).ok()).unwrap_or(99))
        }
        _ => {
            eprintln!("no such part: {what}");
            behaviours::exit(2)
        }
    }
}
