//! Names of files: `basename`, `dirname`, `which`.

use super::io::{complain, print};

pub(super) fn basename(args: &[String]) -> i32 {
    let Some(path) = args.get(1) else {
        complain("basename", "missing operand");
        return 1;
    };
    let trimmed = path.trim_end_matches('/');
    let name = match trimmed.rsplit('/').next() {
        Some("") | None => {
            if path.is_empty() {
                ""
            } else {
                "/"
            }
        }
        Some(name) => name,
    };
    let suffix = args.get(2).map_or("", String::as_str);
    let stem = name
        .strip_suffix(suffix)
        .filter(|stem| !stem.is_empty())
        .unwrap_or(name);
    print(format!("{stem}\n").as_bytes())
}

pub(super) fn dirname(args: &[String]) -> i32 {
    let Some(path) = args.get(1) else {
        complain("dirname", "missing operand");
        return 1;
    };
    let folder = match path.trim_end_matches('/').rsplit_once('/') {
        Some((folder, _)) => match folder.trim_end_matches('/') {
            "" => "/",
            folder => folder,
        },
        None if path.starts_with('/') => "/",
        None => ".",
    };
    print(format!("{folder}\n").as_bytes())
}

/// `which NAME …`: files of PATH first, since it is asked for paths; a command of this image is told as in /bin.
pub(super) fn which(args: &[String]) -> i32 {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut status = 0;
    for name in args.get(1..).unwrap_or_default() {
        let file = path
            .split(':')
            .map(|folder| format!("{folder}/{name}"))
            .find(|file| std::path::Path::new(file).is_file());
        match file.or_else(|| super::is_applet(name).then(|| format!("/bin/{name}"))) {
            Some(file) => status = status.max(print(format!("{file}\n").as_bytes())),
            None => status = 1,
        }
    }
    status
}
