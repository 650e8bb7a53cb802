//! `md5sum`, `sha256sum`: `[-c] [FILE …]`.

use std::io::{self, Read};

use md5::Md5;
use sha2::{Digest, Sha256};

use super::io::{complain, open, print, reason};
use super::options;

pub(super) fn checksum(args: &[String]) -> i32 {
    let name = super::name_of(args.first().map(std::ffi::OsString::from).as_ref());
    let sum = if name == "md5sum" {
        sum::<Md5>
    } else {
        sum::<Sha256>
    };
    let options = match options::parse(
        args,
        "cbtsw",
        &[
            ("check", 'c'),
            ("status", 's'),
            ("binary", 'b'),
            ("text", 't'),
        ],
    ) {
        Ok(options) => options,
        Err(why) => {
            complain(&name, why);
            return 1;
        }
    };
    let paths = if options.operands.is_empty() {
        vec!["-".to_owned()]
    } else {
        options.operands.clone()
    };
    let mut status = 0;
    for path in &paths {
        let done = if options.has('c') {
            check(path, sum, options.has('s'))
        } else {
            sum(path).map(|sum| print(format!("{sum}  {path}\n").as_bytes()) == 0)
        };
        match done {
            Ok(good) => status |= i32::from(!good),
            Err(e) => {
                complain(&name, format_args!("{path}: {}", reason(&e)));
                status = 1;
            }
        }
    }
    status
}

fn sum<D: Digest>(path: &str) -> io::Result<String> {
    let mut file = open(path)?;
    let mut digest = D::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(digest
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect());
        }
        digest.update(&buffer[..count]);
    }
}

/// Compares files with the sums that a file lists; whether all agree.
fn check(path: &str, sum: fn(&str) -> io::Result<String>, quiet: bool) -> io::Result<bool> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    let mut good = true;
    for line in text.lines() {
        let Some((wanted, file)) = line.split_once(' ') else {
            continue;
        };
        let file = file.trim_start_matches([' ', '*']);
        let agrees = sum(file).is_ok_and(|sum| sum == wanted);
        good &= agrees;
        if !quiet {
            print(format!("{file}: {}\n", if agrees { "OK" } else { "FAILED" }).as_bytes());
        }
    }
    Ok(good)
}
