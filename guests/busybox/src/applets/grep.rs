//! `grep [-EFGHLclnoqrsvwxih] [-e PATTERN] [-f FILE] [-m COUNT] [-A|-B|-C COUNT] [PATTERN] [FILE …]`.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use regex::bytes::{Regex, RegexBuilder};

use super::io::{complain, open, reason, write_failed};
use super::options::{self, Options};
use super::posix_regex::{Syntax, translate};

/// What `grep` was asked for.
struct Grep {
    regex: Regex,
    invert: bool,
    count: bool,
    names_with: bool,
    names_without: bool,
    numbers: bool,
    only: bool,
    quiet: bool,
    with_names: bool,
    most: usize,
    before: usize,
    after: usize,
}

const LONG: [(&str, char); 22] = [
    ("extended-regexp", 'E'),
    ("fixed-strings", 'F'),
    ("basic-regexp", 'G'),
    ("with-filename", 'H'),
    ("no-filename", 'h'),
    ("files-without-match", 'L'),
    ("files-with-matches", 'l'),
    ("count", 'c'),
    ("line-number", 'n'),
    ("only-matching", 'o'),
    ("quiet", 'q'),
    ("silent", 'q'),
    ("recursive", 'r'),
    ("no-messages", 's'),
    ("invert-match", 'v'),
    ("word-regexp", 'w'),
    ("line-regexp", 'x'),
    ("ignore-case", 'i'),
    ("regexp", 'e'),
    ("file", 'f'),
    ("max-count", 'm'),
    // Lines go out as they come in any case.
    ("line-buffered", 'u'),
];

pub(super) fn grep(args: &[String]) -> i32 {
    let (options, paths) = match read_options(args) {
        Ok(read) => read,
        Err(why) => {
            complain("grep", why);
            return 2;
        }
    };
    let silent = options.0.has('s');
    let (mut any, mut failed) = (false, false);
    for path in paths {
        let name = if path == "-" {
            "(standard input)"
        } else {
            &path
        };
        match open(&path).and_then(|file| options.1.search(BufReader::new(file), name)) {
            Ok(found) => any |= found,
            Err(e) => {
                failed = true;
                if !silent {
                    complain("grep", format_args!("{path}: {}", reason(&e)));
                }
            }
        }
        if any && options.1.quiet {
            return 0;
        }
    }
    if failed { 2 } else { i32::from(!any) }
}

fn read_options(args: &[String]) -> Result<((Options, Grep), Vec<String>), String> {
    let options = options::parse(args, "EFGHLclnoqrRsvwxihe:f:m:A:B:C:ua", &LONG)?;
    let mut operands = options.operands.clone();
    let mut patterns = Vec::new();
    for (letter, value) in &options.given {
        match (letter, value) {
            ('e', Some(text)) => patterns.extend(text.split('\n').map(str::to_owned)),
            ('f', Some(path)) => {
                let text =
                    std::fs::read_to_string(path).map_err(|e| format!("{path}: {}", reason(&e)))?;
                patterns.extend(text.lines().map(str::to_owned));
            }
            _ => {}
        }
    }
    if !options.has('e') && !options.has('f') {
        if operands.is_empty() {
            return Err("usage: grep [OPTION …] PATTERN [FILE …]".to_owned());
        }
        patterns.extend(operands.remove(0).split('\n').map(str::to_owned));
    }
    let name = args.first().map_or("", String::as_str);
    let regex = compile(&patterns, &options, name)?;
    let recursive = options.has('r') || options.has('R');
    let mut paths = Vec::new();
    if operands.is_empty() {
        operands.push(if recursive { "." } else { "-" }.to_owned());
    }
    for operand in &operands {
        if recursive && operand != "-" {
            files_below(Path::new(operand), &mut paths)
        } else {
            paths.push(operand.clone())
        }
    }
    let number = |letter: char| {
        options.value(letter).map_or(Ok(0), |text| {
            text.parse::<usize>()
                .map_err(|_| format!("invalid number '{text}'"))
        })
    };
    let grep = Grep {
        regex,
        invert: options.has('v'),
        count: options.has('c'),
        names_with: options.has('l'),
        names_without: options.has('L'),
        numbers: options.has('n'),
        only: options.has('o'),
        quiet: options.has('q'),
        with_names: options.has('H') || (operands.len() > 1 || recursive) && !options.has('h'),
        most: if options.has('m') {
            number('m')?
        } else {
            usize::MAX
        },
        before: number('B')?.max(number('C')?),
        after: number('A')?.max(number('C')?),
    };
    Ok(((options, grep), paths))
}

fn compile(patterns: &[String], options: &Options, name: &str) -> Result<Regex, String> {
    let fixed = options.has('F') || name.ends_with("fgrep");
    let syntax = if options.has('E') || name.ends_with("egrep") {
        Syntax::Extended
    } else {
        Syntax::Basic
    };
    let mut parts = Vec::new();
    for pattern in patterns {
        let part = if fixed {
            regex::escape(pattern)
        } else {
            translate(pattern, syntax).map_err(|why| format!("bad regex '{pattern}': {why}"))?
        };
        parts.push(match (options.has('x'), options.has('w')) {
            (true, _) => format!("^(?:{part})$"),
            (false, true) => format!(r"\b{{start-half}}(?:{part})\b{{end-half}}"),
            (false, false) => format!("(?:{part})"),
        });
    }
    // No pattern at all (an empty `-f` file) matches nothing.
    let whole = if parts.is_empty() {
        r"[^\s\S]".to_owned()
    } else {
        parts.join("|")
    };
    let built = RegexBuilder::new(&whole)
        .case_insensitive(options.has('i'))
        .build();
    built.map_err(|_| format!("bad regex '{}'", patterns.join("\n")))
}

/// The files of a tree, in the order of their names.
fn files_below(path: &Path, files: &mut Vec<String>) {
    if !path.is_dir() {
        files.push(path.to_string_lossy().into_owned());
        return;
    }
    let Ok(entries) = path.read_dir() else { return };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().for_each(|path| files_below(path, files));
}

impl Grep {
    /// Searches one file; whether a line was selected.
    fn search(&self, mut from: impl BufRead, name: &str) -> io::Result<bool> {
        let mut out = io::stdout().lock();
        let mut selected = 0;
        let mut earlier: VecDeque<(usize, Vec<u8>)> = VecDeque::new();
        let (mut number, mut last_printed, mut after) = (0, 0, 0);
        let mut line = Vec::new();
        while selected < self.most || after > 0 {
            line.clear();
            if from.read_until(b'\n', &mut line)? == 0 {
                break;
            }
            number += 1;
            if line.last() == Some(&b'\n') {
                line.pop();
            }
            let chosen = selected < self.most && self.regex.is_match(&line) != self.invert;
            if chosen {
                selected += 1;
                after = self.after;
                if self.quiet || self.names_with || self.names_without {
                    break;
                }
            }
            if self.count {
                continue;
            }
            let mut text = Vec::new();
            if chosen {
                let first = earlier.front().map_or(number, |(number, _)| *number);
                if (self.before > 0 || self.after > 0)
                    && last_printed > 0
                    && first > last_printed + 1
                {
                    text.extend_from_slice(b"--\n");
                }
                for (number, line) in earlier.drain(..) {
                    self.line(&mut text, name, number, b'-', &line);
                }
                if self.only {
                    for found in self
                        .regex
                        .find_iter(&line)
                        .filter(|found| !found.is_empty() && !self.invert)
                    {
                        self.line(&mut text, name, number, b':', found.as_bytes());
                    }
                } else {
                    self.line(&mut text, name, number, b':', &line);
                }
                last_printed = number;
            } else if after > 0 {
                after -= 1;
                self.line(&mut text, name, number, b'-', &line);
                last_printed = number;
            } else if self.before > 0 {
                if earlier.len() == self.before {
                    earlier.pop_front();
                }
                earlier.push_back((number, line.clone()));
            }
            written(out.write_all(&text));
        }
        if self.count && !self.quiet {
            let name = if self.with_names {
                format!("{name}:")
            } else {
                String::new()
            };
            written(out.write_all(format!("{name}{selected}\n").as_bytes()));
        }
        if self.names_with && selected > 0 || self.names_without && selected == 0 {
            written(out.write_all(format!("{name}\n").as_bytes()));
        }
        written(out.flush());
        Ok(if self.names_without {
            selected == 0
        } else {
            selected > 0
        })
    }

    fn line(&self, text: &mut Vec<u8>, name: &str, number: usize, mark: u8, line: &[u8]) {
        if self.with_names {
            text.extend_from_slice(name.as_bytes());
            text.push(mark);
        }
        if self.numbers {
            text.extend_from_slice(number.to_string().as_bytes());
            text.push(mark);
        }
        text.extend_from_slice(line);
        text.push(b'\n');
    }
}

/// A failed write ends the command.
fn written(result: io::Result<()>) {
    if let Err(e) = result {
        crate::wasi::exit(write_failed(&e).max(2));
    }
}
