//! Ends in its own way: `handle-term MILLISECONDS CODE`. On TERM it says so, works for that long, and exits with CODE.

use std::time::Duration;

use peapod_guest::signals;

fn main() {
    let mut args = behaviours::Args::new("handle-term MILLISECONDS CODE");
    let (time, code) = (Duration::from_millis(args.need()), args.need());
    println!("ready");
    while signals::wait() != signals::TERM {}
    println!("TERM: finishing");
    std::thread::sleep(time);
    println!("finished");
    behaviours::exit(code)
}
