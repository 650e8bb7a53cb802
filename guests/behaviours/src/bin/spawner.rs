//! Tests `peapod:pod/process` from inside, one line per check: `ok WHAT` or `FAILED WHAT: why`. `spawner [N]` starts N children at once and N
//! one after another in the two checks that count (20 without N). Exits 1 when a check failed. Files go to /tmp.
//!
//! Its children are itself again: `arguments[0]` says what to do, as in a multi-call program.

#[path = "../spawner/checks.rs"]
mod checks;
#[path = "../spawner/children.rs"]
mod children;

fn main() {
    let mut args = std::env::args();
    let name = args.next().unwrap_or_default();
    // By its last segment: as the interpreter of a script it is called by a path.
    match name
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .strip_prefix("child-")
    {
        Some(what) => children::be(what, args.collect()),
        None => {
            let count = args.next().and_then(|text| text.parse().ok()).unwrap_or(20);
            behaviours::exit(u8::from(!checks::all(count)))
        }
    }
}
