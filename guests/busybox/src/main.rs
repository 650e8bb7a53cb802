//! A POSIX-style `sh` and the usual small commands, as one component.
//!
//! It is called by the name of a command (`arguments[0]`), or as `busybox COMMAND …`.

mod applets;
mod escape;
mod float;
mod sh;
mod wasi;

use std::ffi::OsString;

fn main() {
    wasi::enter_directory();
    let mut args: Vec<OsString> = std::env::args_os().collect();
    let mut name = applets::name_of(args.first());
    if !applets::is_applet(&name) && args.len() > 1 {
        args.remove(0);
        name = applets::name_of(args.first());
    }
    wasi::exit(applets::run(&name, args))
}
