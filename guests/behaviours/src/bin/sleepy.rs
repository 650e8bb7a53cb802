//! Sleeps: `sleepy MILLISECONDS [NAME]`, and says when it starts and when it ends.

use std::time::Duration;

fn main() {
    let mut args = behaviours::Args::new("sleepy MILLISECONDS [NAME]");
    let time = Duration::from_millis(args.need());
    let name = args.or(String::from("sleepy"));
    println!("{name} start");
    std::thread::sleep(time);
    println!("{name} end");
}
