//! Takes memory step by step and keeps it: `eat-memory STEP_MIB [TOTAL_MIB]`, without a total for ever.
//! Says how far it got after each step; where the host refuses, it says so and exits 1.

const MIB: usize = 1024 * 1024;

fn main() {
    let mut args = behaviours::Args::new("eat-memory STEP_MIB [TOTAL_MIB]");
    let step: usize = args.need();
    let total: usize = args.or(usize::MAX);
    let mut kept: Vec<Vec<u8>> = Vec::new();
    let mut have = 0;
    while have < total {
        let mut block = Vec::new();
        if block.try_reserve_exact(step * MIB).is_err() {
            println!("refused after {have} MiB");
            behaviours::exit(1);
        }
        // Every byte is written: memory that was only promised costs the host nothing.
        block.resize(step * MIB, 0xa5);
        kept.push(block);
        have += step;
        println!("have {have} MiB");
    }
    println!("done");
    std::hint::black_box(kept);
}
