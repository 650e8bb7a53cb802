//! Prints a line and ends. What the speed tests start a thousand times.

fn main() {
    println!("hello from peapod");
}
