//! The machine and the user: `hostname`, `id`, `nproc`, `sleep`, `uname`.

use std::time::Duration;

use super::io::{complain, print};
use super::options;

/// The pod's name for itself: HOSTNAME, or /etc/hostname.
fn host() -> String {
    let file = || {
        std::fs::read_to_string("/etc/hostname")
            .ok()
            .map(|text| text.trim().to_owned())
    };
    std::env::var("HOSTNAME")
        .ok()
        .or_else(file)
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

pub(super) fn hostname(args: &[String]) -> i32 {
    let name = host();
    let short = args.get(1).is_some_and(|option| option == "-s");
    let shown = if short {
        name.split('.').next().unwrap_or_default()
    } else {
        &name
    };
    print(format!("{shown}\n").as_bytes())
}

/// There is one user here, and it may do all that the sandbox allows: root.
pub(super) fn id(args: &[String]) -> i32 {
    let options = match options::parse(
        args,
        "ugGnr",
        &[
            ("user", 'u'),
            ("group", 'g'),
            ("groups", 'G'),
            ("name", 'n'),
            ("real", 'r'),
        ],
    ) {
        Ok(options) => options,
        Err(why) => {
            complain("id", why);
            return 1;
        }
    };
    let one = options.has('u') || options.has('g') || options.has('G');
    print(match (one, options.has('n')) {
        (true, true) => b"root\n",
        (true, false) => b"0\n",
        (false, _) => b"uid=0(root) gid=0(root) groups=0(root)\n",
    })
}

pub(super) fn nproc(_: &[String]) -> i32 {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    print(format!("{count}\n").as_bytes())
}

pub(super) fn uname(args: &[String]) -> i32 {
    let long = [
        ("all", 'a'),
        ("kernel-name", 's'),
        ("nodename", 'n'),
        ("kernel-release", 'r'),
        ("kernel-version", 'v'),
        ("machine", 'm'),
    ];
    let options = match options::parse(args, "asnrvmpio", &long) {
        Ok(options) => options,
        Err(why) => {
            complain("uname", why);
            return 1;
        }
    };
    let facts = [
        ('s', "wasi"),
        ('n', &host()),
        ('r', "0.2"),
        ('v', "peapod"),
        ('m', "wasm32"),
        ('o', "WASI"),
    ];
    let wanted = |letter| {
        options.has('a') || options.has(letter) || options.given.is_empty() && letter == 's'
    };
    let shown: Vec<_> = facts
        .iter()
        .filter(|(letter, _)| wanted(*letter))
        .map(|(_, fact)| *fact)
        .collect();
    print(format!("{}\n", shown.join(" ")).as_bytes())
}

/// `sleep 1.5 2m …`: the sum of them.
pub(super) fn sleep(args: &[String]) -> i32 {
    let mut seconds = 0.0;
    for arg in args.get(1..).unwrap_or_default() {
        let (digits, unit) = match arg.chars().last() {
            Some('s') => (&arg[..arg.len() - 1], 1.0),
            Some('m') => (&arg[..arg.len() - 1], 60.0),
            Some('h') => (&arg[..arg.len() - 1], 3600.0),
            Some('d') => (&arg[..arg.len() - 1], 86400.0),
            _ => (arg.as_str(), 1.0),
        };
        match digits.parse::<f64>() {
            Ok(number) if number >= 0.0 => seconds += number * unit,
            _ => {
                complain("sleep", format_args!("invalid number '{arg}'"));
                return 1;
            }
        }
    }
    if args.len() < 2 {
        complain("sleep", "missing operand");
        return 1;
    }
    // `sleep infinity` and its like: as long as there can be.
    std::thread::sleep(
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(u64::from(u32::MAX))),
    );
    0
}
