//! `echo [-neE] …`, as busybox has it: escapes only with `-e`.

use crate::escape::{Style, expand};

/// What `echo` prints; `args` begin with the command's name.
pub(crate) fn echo(args: &[String]) -> Vec<u8> {
    let mut words = args.get(1..).unwrap_or_default();
    let (mut newline, mut escapes) = (true, false);
    while let Some((first, rest)) = words.split_first()
        && first.len() > 1
        && first
            .strip_prefix('-')
            .is_some_and(|letters| letters.chars().all(|letter| "neE".contains(letter)))
    {
        for letter in first.chars() {
            match letter {
                'n' => newline = false,
                'e' => escapes = true,
                'E' => escapes = false,
                _ => {}
            }
        }
        words = rest;
    }
    let text = words.join(" ");
    let mut bytes = if escapes {
        let expanded = expand(&text, Style::Echo);
        newline &= !expanded.ended;
        expanded.bytes
    } else {
        text.into_bytes()
    };
    if newline {
        bytes.push(b'\n');
    }
    bytes
}
