//! Takes every signal, says so, and goes on: only KILL ends it.

use peapod_guest::signals;

fn main() {
    println!("ready");
    loop {
        println!("signal {} ignored", signals::wait());
    }
}
