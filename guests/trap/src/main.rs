//! Traps, three functions deep. It is built with the names of its functions (see the workspace's profile), so that the backtrace in the
//! log can be read.

fn main() {
    println!("about to trap");
    outer_step(std::env::args().count());
}

#[inline(never)]
fn outer_step(depth: usize) {
    // Used after the call, so that it is no tail call and this function stays in the backtrace.
    println!("back in the outer step: {}", inner_step(depth) + 1);
}

#[inline(never)]
fn inner_step(depth: usize) -> usize {
    if depth < 1000 {
        core::arch::wasm32::unreachable()
    }
    depth
}
