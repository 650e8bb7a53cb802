//! The commands of this image.
//!
//! Most are uutils' own. Those below were written here instead, each for a reason that was measured (bytes of the component):
//! - `echo`, `false`, `kill`, `printf`, `test`, `true`: the shell has them anyway, for speed; start-up without uutils' locale tables.
//! - `basename`, `dirname`, `hostname`, `id`, `nproc`, `pwd`, `sleep`, `sync`, `uname`, `whoami`, `which`: a few lines each.
//! - `ls`, `sort`: uutils' bring Unicode collation, 1.5 MB of data. `date`, `touch`: every time zone and a grammar of phrases, 500 KB.
//!   `expr`, `seq`: big numbers, 260 KB. `md5sum`, `sha256sum`: nine more algorithms, 120 KB.
//! - `tail`: uutils' cannot follow a file on WASI. `env`, `stat`: uutils' do not build for WASI. `grep`: its regex library is C.
//! - `find`, `xargs`, `ps`, `tar`: small subsets of what is used in pods' commands.
//! - `nc`, `wget`, `curl`, `nslookup`: of `nettools`. `bash` is the same shell as `sh`, for those who ask for it by habit.

mod checksum;
mod date;
mod env;
mod expr;
mod find;
mod follow;
mod grep;
mod io;
mod list;
mod names;
mod posix_regex;
mod ps;
mod seq;
mod sort;
mod stat;
mod system;
mod tail;
mod tar;
mod touch;
mod uutils;
mod xargs;

use std::ffi::OsString;

use command::options;

use crate::sh;

/// A command: its arguments begin with its name; it returns its exit status.
type Applet = fn(&[String]) -> i32;

/// The command that `arguments[0]` names.
pub(crate) fn name_of(arg: Option<&OsString>) -> String {
    let text = arg.map(|arg| arg.to_string_lossy()).unwrap_or_default();
    let last = text.rsplit('/').next().unwrap_or_default();
    // As a container's own command it may be called by its file: `busybox.wasm`.
    last.strip_suffix(".wasm")
        .unwrap_or(last)
        .trim_start_matches('-')
        .to_owned()
}

/// Whether this image answers to the name.
pub(crate) fn is_applet(name: &str) -> bool {
    find_own(name).is_some() || uutils::find(name).is_some()
}

/// Runs a command.
pub(crate) fn run(name: &str, args: Vec<OsString>) -> i32 {
    if let Some(applet) = find_own(name) {
        let args: Vec<String> = args
            .into_iter()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        return applet(&args);
    }
    match uutils::find(name) {
        Some(utility) => uutils::run(name, utility, args),
        None => {
            io::complain("busybox", format_args!("{name}: applet not found"));
            127
        }
    }
}

fn find_own(name: &str) -> Option<Applet> {
    Some(match name {
        "[" | "test" => |args| match sh::test::test(args, &io::cwd()) {
            Ok(is) => i32::from(!is),
            Err(why) => {
                io::complain("test", why);
                2
            }
        },
        "ash" | "bash" | "sh" => |args| i32::from(sh::main(args)),
        "basename" => names::basename,
        "busybox" => list_applets,
        "curl" => nettools::curl,
        "date" => date::date,
        "dirname" => names::dirname,
        "echo" => |args| io::print(&sh::echo::echo(args)),
        "egrep" | "fgrep" | "grep" => grep::grep,
        "env" => env::env,
        "expr" => expr::expr,
        "false" => |_| 1,
        "find" => find::find,
        "hostname" => system::hostname,
        "id" => system::id,
        "kill" => |args| {
            let done = sh::kill::kill(args);
            done.complaints
                .iter()
                .for_each(|why| io::complain("kill", why));
            io::print(done.output.as_bytes()).max(i32::from(!done.complaints.is_empty()))
        },
        "ls" => list::ls,
        "md5sum" | "sha256sum" => checksum::checksum,
        "nc" => nettools::nc,
        "nproc" => system::nproc,
        "nslookup" => nettools::nslookup,
        "printf" => |args| {
            let printed = sh::printf::printf(args);
            printed
                .complaints
                .iter()
                .for_each(|why| io::complain("printf", why));
            io::print(&printed.bytes).max(i32::from(!printed.complaints.is_empty()))
        },
        "ps" => ps::ps,
        "pwd" => |_| io::print(format!("{}\n", io::cwd()).as_bytes()),
        "seq" => seq::seq,
        "sleep" => system::sleep,
        "sort" => sort::sort,
        "stat" => stat::stat,
        "sync" => |_| 0,
        "tail" => tail::tail,
        "tar" => tar::tar,
        "touch" => touch::touch,
        "true" => |_| 0,
        "uname" => system::uname,
        "wget" => nettools::wget,
        "which" => names::which,
        "whoami" => |_| io::print(b"root\n"),
        "xargs" => xargs::xargs,
        _ => return None,
    })
}

/// The commands written here.
const OWN: &str = "[ ash basename bash busybox curl date dirname echo egrep env expr false fgrep find grep hostname id kill ls md5sum nc nproc nslookup printf ps \
                   pwd seq sh sha256sum sleep sort stat sync tail tar test touch true uname wget which whoami xargs ";

/// What this component answers to, for hosts that look for a command before they run it: a custom section of the wasm file.
#[cfg(target_family = "wasm")]
mod section {
    use super::{OWN, uutils};

    #[unsafe(link_section = "peapod:commands")]
    #[used]
    static OWN_NAMES: [u8; OWN.len()] = bytes(OWN);
    #[unsafe(link_section = "peapod:commands")]
    #[used]
    static UUTILS_NAMES: [u8; uutils::ALL.len()] = bytes(uutils::ALL);

    const fn bytes<const LEN: usize>(text: &str) -> [u8; LEN] {
        match text.as_bytes().first_chunk() {
            Some(bytes) => *bytes,
            None => [b' '; LEN],
        }
    }
}

/// `busybox` alone says what it is made of.
fn list_applets(_: &[String]) -> i32 {
    let mut names: Vec<&str> = OWN
        .split_whitespace()
        .chain(uutils::NAMES.iter().copied())
        .collect();
    names.sort_unstable();
    io::print(
        format!(
            "busybox: a POSIX-style shell and small commands for peapod\n{}\n",
            names.join(" ")
        )
        .as_bytes(),
    )
}
