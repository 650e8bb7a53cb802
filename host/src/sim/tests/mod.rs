//! The engine's invariants over seeded fault schedules: seeds that once found something, many others, and random pods.

mod arbitrary;
mod properties;
mod regressions;
mod variety;

use std::io::Write;
use std::ops::Range;

use super::Simulation;

/// `SEED=5` plays one seed and prints its story; `SEEDS=0..100000` plays many; neither plays a few.
#[test]
fn replay() {
    if let Ok(seed) = std::env::var("SEED") {
        let seed = seed.parse().expect("SEED is a number");
        match Simulation::run(seed) {
            Ok(trace) => writeln!(std::io::stdout(), "{trace}").expect("stdout can be written"),
            Err(violation) => panic!("{violation}"),
        }
        return;
    }
    for seed in seeds().unwrap_or(0..2_000) {
        if let Err(violation) = Simulation::run(seed) {
            panic!("{violation}");
        }
    }
}

fn seeds() -> Option<Range<u64>> {
    let range = std::env::var("SEEDS").ok()?;
    let (from, to) = range
        .split_once("..")
        .expect("SEEDS is a range like 0..1000");
    let number = |text: &str| text.parse().expect("SEEDS is a range of numbers");
    Some(number(from)..number(to))
}
