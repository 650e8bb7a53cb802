//! The commands that are uutils' own.

use std::ffi::OsString;
use std::io::Write;

/// A utility's way in.
pub(super) type Utility = fn(Vec<OsString>) -> i32;

macro_rules! utilities {
    ($($name:literal => $krate:path),* $(,)?) => {
        /// Their names.
        pub(super) const NAMES: &[&str] = &[$($name),*];

        /// The same, each with a blank behind it.
        #[cfg(target_family = "wasm")]
        pub(super) const ALL: &str = concat!($($name, " "),*);

        /// The utility of this name.
        pub(super) fn find(name: &str) -> Option<Utility> {
            match name {
                $($name => { use $krate as utility; Some(|args| utility::uumain(args.into_iter())) })*
                _ => None,
            }
        }
    };
}

utilities! {
    "base64" => uu_base64,
    "cat" => uu_cat,
    "cp" => uu_cp,
    "cut" => uu_cut,
    "head" => uu_head,
    "ln" => uu_ln,
    "mkdir" => uu_mkdir,
    "mktemp" => uu_mktemp,
    "mv" => uu_mv,
    "readlink" => uu_readlink,
    "realpath" => uu_realpath,
    "rm" => uu_rm,
    "rmdir" => uu_rmdir,
    "sed" => sed::sed,
    "tee" => uu_tee,
    "tr" => uu_tr,
    "uniq" => uu_uniq,
    "wc" => uu_wc,
    "yes" => uu_yes,
}

/// `cp` without what WASI's files lack: `-a` and `-p` would keep modes and owners, and end with "Function not implemented".
fn without_modes(args: Vec<OsString>) -> Vec<OsString> {
    let mut plain = true;
    let change = |arg: OsString| match arg.to_str() {
        Some("--") => {
            plain = false;
            vec![arg]
        }
        Some("--archive") if plain => ["-dR", "--preserve=timestamps"]
            .map(OsString::from)
            .to_vec(),
        Some("--preserve") if plain => vec!["--preserve=timestamps".into()],
        Some(text)
            if plain
                && text.starts_with('-')
                && !text.starts_with("--")
                && text.contains(['a', 'p']) =>
        {
            vec![
                text.replace('a', "dR").replace('p', "").into(),
                "--preserve=timestamps".into(),
            ]
        }
        _ => vec![arg],
    };
    args.into_iter()
        .flat_map(change)
        .filter(|arg| arg != "-")
        .collect()
}

/// Runs a utility.
pub(super) fn run(name: &str, utility: Utility, args: Vec<OsString>) -> i32 {
    let args = if name == "cp" {
        without_modes(args)
    } else {
        args
    };
    // What a utility prints with `println!` when its reader has gone ends in a panic; it has to end as by SIGPIPE.
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string();
        if text.contains("Broken pipe") {
            crate::wasi::exit(128 + 13);
        }
        super::io::complain("busybox", text);
    }));
    if let Err(e) = uucore::locale::setup_localization(name) {
        super::io::complain(name, e);
        return 1;
    }
    let status = utility(args);
    match std::io::stdout().flush() {
        Ok(()) => status,
        Err(e) => super::io::write_failed(&e),
    }
}
